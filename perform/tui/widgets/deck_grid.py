"""All decks: panels of those in use, a line for the empty ones, spectrum and side column; or strips."""

from __future__ import annotations

from functools import partial

from perform.core.params import DECKS
from perform.tui.paint import Ink
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.deck_panel import draw_panel
from perform.tui.widgets.deck_strips import draw_strips
from perform.tui.widgets.kept_lines import SELDOM, KeptLines
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget
from perform.tui.widgets.side_column import draw_side, side_width
from perform.tui.widgets.spectrum_bars import draw_spectrum

NARROWEST = 30  #: cells of a panel
SMALLEST = 80, 24  #: columns and lines of a screen on which anything is drawn
WIDE, TALL = 112, 34  #: the smallest screen that shows panels
_SIDE, _SPARES = DECKS + 1, DECKS + 2  #: parts of the widget, as the decks are
_ENOUGH = 15  #: lines of a panel that shows eight latents; the spectrum gets what is left
_SPECTRUM = 3, 9  #: fewest and most lines of the spectrum


def panelled(width: int, height: int) -> bool:
    """Whether a screen of this size shows panels."""
    return width >= WIDE and height >= TALL


class DeckGrid(LineWidget):
    """The eight decks."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._kept = KeptLines()

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Draw panels, or strips on a small terminal."""
        width, height = self.size
        if panelled(*self.app.size):
            if hits is None:
                self._kept.begin_frame()
            return _panels(frame, ink, hits, width, height, self._kept)
        columns, lines = SMALLEST
        if self.app.size.width < columns or self.app.size.height < lines:
            return too_small(ink, width, height)
        return draw_strips(frame, ink, hits, width, height)


def shown_decks(frame: ScreenFrame) -> list[int]:
    """The decks that have a panel: those in use; if there are none, the one in focus."""
    return frame.used or [frame.focus]


def deck_rows_of(frame: ScreenFrame, width: int) -> list[list[int]]:
    """The rows of panels on a screen of so many columns, each with its decks in order, all equally wide."""
    decks, width = shown_decks(frame), width - side_width(width)
    if len(decks) <= width // NARROWEST and (len(decks) < 5 or width // len(decks) >= 36):
        return [decks]
    half = (len(decks) + 1) // 2
    return [decks[:half], decks[half:]]


def _panels(
    frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None, width: int, height: int, kept: KeptLines
) -> list[LinePen]:
    side = side_width(width)
    rows = deck_rows_of(frame, width)
    spares = len(shown_decks(frame)) < DECKS
    spectrum = spectrum_lines(height - spares, len(rows))
    pens: list[LinePen] = []
    left, room = height - spectrum - spares, width - side
    for number, decks in enumerate(rows):
        tall = left * (number + 1) // len(rows) - left * number // len(rows)
        line = [LinePen(ink, len(pens) + y, 0, hits) for y in range(tall)]
        for at, deck in enumerate(decks):
            cells = room * (at + 1) // len(decks) - room * at // len(decks)
            kept.draw(
                deck, line, cells, frame, partial(draw_panel, line, frame, deck, cells), deck == frame.focus
            )
        pens += line
    if side:
        kept.draw(_SIDE, pens, side, frame, partial(draw_side, pens, frame, side), True)
    if spares:
        pens.append(LinePen(ink, len(pens), 0, hits))
        spare = pens[-1:]
        kept.draw(_SPARES, spare, width, frame, partial(_spares, spare[0], frame, width), True, SELDOM)
    if spectrum:
        bars = [LinePen(ink, len(pens) + y, 0, hits) for y in range(spectrum)]
        draw_spectrum(bars, frame, width)
        pens += bars
    return pens


def spectrum_lines(height: int, rows: int) -> int:
    """Lines of the spectrum below so many rows of panels; 0 if the panels need all lines."""
    left = height - rows * (_ENOUGH + 2)
    fewest, most = _SPECTRUM
    if left < fewest or height // 4 < fewest:
        return 0
    return min(max(fewest, height // 4), left, most)


def _spares(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """The empty decks, each a number and `+`; a click loads a model."""
    ink, used = pen.ink, shown_decks(frame)
    pen.text(" ○ EMPTY ", ink.dim)
    for deck in range(1, DECKS + 1):
        if deck in used:
            continue
        pen.deck = deck
        here = deck == frame.focus
        pen.button(
            f" {deck} {'▸ FOCUS ' if here else ''}",
            ink.focus if here else ink.hue(deck),
            action=f"deck({deck})",
        )
        pen.button("+ ", ink.bright if here else ink.hue(deck), action=f"app.browse({deck})")
    pen.deck = 0
    hint = "  o loads a model" if frame.focus not in used else "  a number, then o loads a model"
    pen.text(hint, ink.dim, max(0, min(len(hint), width - pen.x)))
    pen.pad_to(width)


def too_small(ink: Ink, width: int, height: int) -> list[LinePen]:
    """The text on a terminal that is too small."""
    pens = [LinePen(ink, y) for y in range(height)]
    for pen, text in zip(
        pens[height // 2 :],
        ("enlarge the terminal to 80x24", "the sound continues", "+ shows the stage layout"),
        strict=False,
    ):
        pen.text(text.center(width)[:width], ink.bright)
    return pens
