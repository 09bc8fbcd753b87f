"""The tempo, the beat of the bar and the changes that wait for it, in the status bar."""

from __future__ import annotations

import math

from perform.core.params import SPEC_AT, slot
from perform.core.tempo_meters import CLOCK, PLACED_CLOCK
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen

_TEMPO, _BAR, _QUANTISE, _FOLLOWS = (slot(a) for a in ("tempo", "clock/bar", "quantise", "clock/in"))


def draw_beat(pen: LinePen, frame: ScreenFrame, wide: bool) -> None:
    """`♩ 124.0 2/4`; `MIDI` if a MIDI clock leads; `bar` if changes are quantised; those that wait."""
    ink, table = pen.ink, frame.table
    tempo, beats, mode = (SPEC_AT[i].clamp(table[i]) for i in (_TEMPO, _BAR, _QUANTISE))
    beat = math.floor(frame.beat) % int(beats) + 1
    tempo_text, beat_text = f"{tempo:5.1f}" if wide else f"{tempo:.0f}", f" {beat}/{beats:.0f}"
    pen.target(1 + wide + len(tempo_text) + len(beat_text), action="select('tempo')")
    pen.text("♩ " if wide else "♩", ink.dim)
    pen.text(tempo_text, ink.text)
    pen.text(beat_text, ink.bright if beat == 1 else ink.text)
    if table[_FOLLOWS] > 0:
        there = frame.stage_meter("clock/kind") in (CLOCK, PLACED_CLOCK)
        pen.button(" MIDI" if there else " ▲ no clock", ink.on if there else ink.mark, "clock/in", 0.0)
    if mode:
        waiting = ", ".join(frame.status.pending)
        pen.button(
            f" {SPEC_AT[_QUANTISE].text(mode)}", ink.mark if waiting else ink.dim, action="app.quantise"
        )
        if waiting:
            pen.text(f": {waiting}", ink.mark)
