"""The spectrogram of a deck: its last seconds, low bands at the bottom, the newest on the right."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from perform.core.arena_layout import LIVE
from perform.tui.paint import Ink, Piece, runs
from perform.tui.redraws import last_redraw
from perform.tui.screen_frame import ScreenFrame
from perform.tui.sound_history import BANDS, STEP_S, SoundHistory
from perform.tui.widgets.line_widget import LinePen
from perform.tui.widgets.shade_map import SHADES, rows_of, shade_lines

SECONDS = 12
_FLOOR_DB, _TOP_DB = -72.0, -12.0  #: from the darkest shade to the brightest
_EVERY = round(1 / STEP_S)  #: spectra between two drawings: each costs bytes to the terminal


def draw_spectrogram(pens: list[LinePen], frame: ScreenFrame, deck: int, width: int) -> None:
    """Draw it at the right end of these lines. The sound is measured after the deck's fader."""
    history, live = frame.sound.history, frame.meter(deck, "state") == LIVE
    end = last_redraw(history.now, _EVERY, deck) if live else -1
    for pen, piece in zip(pens, _lines(history, end, deck, width, len(pens), pens[0].ink), strict=True):
        pen.put(piece, width)


@lru_cache(32)
def _lines(history: SoundHistory, end: int, deck: int, width: int, lines: int, ink: Ink) -> list[Piece]:
    if end < 0:
        return [runs(["·"] * width, [ink.rail] * width)] * lines
    count, rows = round(SECONDS / STEP_S), rows_of(lines, ink, deck)
    spectra = history.window(deck, end - count, count)  # -> (count, BANDS)
    columns, steps = min(width, count), np.arange(count) * min(width, count) // count
    loudest = np.stack([spectra[steps == column].max(axis=0) for column in range(columns)])
    loudest = loudest[np.arange(width) * columns // width]  # -> (width, BANDS)
    tops = np.arange(rows + 1) * BANDS // rows
    picked = np.stack([loudest[:, tops[r] : max(tops[r + 1], tops[r] + 1)].max(axis=1) for r in range(rows)])
    place = (picked[::-1] - _FLOOR_DB) / (_TOP_DB - _FLOOR_DB)  # -> (rows, width), the highest band on top
    return shade_lines(np.clip(np.ceil(place * SHADES), 0, SHADES).astype(int), lines, ink, deck)
