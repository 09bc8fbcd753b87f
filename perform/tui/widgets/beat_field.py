"""The tempo, the beat of the bar and the changes that wait for it, in the status bar."""

from __future__ import annotations

import math

from perform.core.params import SPEC_AT, slot
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen

_TEMPO, _BAR, _QUANTISE = slot("tempo"), slot("clock/bar"), slot("quantise")


def draw_beat(pen: LinePen, frame: ScreenFrame, wide: bool) -> None:
    """`♩ 124.0 2/4`, then `bar` if changes are quantised, then those that wait: `bar: scene 3`."""
    ink, table = pen.ink, frame.table
    tempo, beats, mode = (SPEC_AT[i].clamp(table[i]) for i in (_TEMPO, _BAR, _QUANTISE))
    beat = math.floor(frame.beat) % int(beats) + 1
    pen.text(" │ ", ink.frame)
    tempo_text, beat_text = f"{tempo:5.1f}" if wide else f"{tempo:.0f}", f" {beat}/{beats:.0f}"
    pen.target(1 + wide + len(tempo_text) + len(beat_text), action="select('tempo')")
    pen.text("♩ " if wide else "♩", ink.dim)
    pen.text(tempo_text, ink.text)
    pen.text(beat_text, ink.bright if beat == 1 else ink.text)
    if mode:
        waiting = ", ".join(frame.status.pending)
        pen.button(
            f" {SPEC_AT[_QUANTISE].text(mode)}", ink.mark if waiting else ink.dim, action="app.quantise"
        )
        if waiting:
            pen.text(f": {waiting}", ink.mark)
