"""All decks: eight panels in a fixed grid, or on a small terminal one line per deck."""

from __future__ import annotations

from perform.core.params import DECKS
from perform.tui.paint import Ink
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.deck_panel import draw_panel
from perform.tui.widgets.deck_strips import draw_strips
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget

COLUMNS = 4  #: panels in a row; a deck never changes its place
SPARE = 3  #: lines of a row of panels if none of its decks is in use
SMALLEST = 80, 24  #: columns and lines of a screen on which anything is drawn
WIDE, TALL = 112, 34  #: the smallest screen that shows panels


def panelled(width: int, height: int) -> bool:
    """Whether a screen of this size shows panels."""
    return width >= WIDE and height >= TALL


class DeckGrid(LineWidget):
    """The eight decks."""

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Draw panels, or strips on a small terminal."""
        width, height = self.size
        if panelled(*self.app.size):
            return self._panels(frame, ink, hits, width, height)
        columns, lines = SMALLEST
        if self.app.size.width < columns or self.app.size.height < lines:
            return too_small(ink, width, height)
        return draw_strips(frame, ink, hits, width, height)

    def _panels(
        self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None, width: int, height: int
    ) -> list[LinePen]:
        pens: list[LinePen] = []
        heights = row_heights(frame, height)
        for r, tall in enumerate(heights):
            pens += [LinePen(ink, len(pens) + y, 0, hits) for y in range(tall)]
            for column in range(COLUMNS):
                left, right = width * column // COLUMNS, width * (column + 1) // COLUMNS
                draw_panel(pens[-tall:], frame, r * COLUMNS + column + 1, right - left)
        return pens


def row_heights(frame: ScreenFrame, height: int) -> list[int]:
    """Lines of each row of panels; rows in use share the lines that unused rows leave."""
    rows = DECKS // COLUMNS
    used = [any(frame.in_use(r * COLUMNS + c + 1) for c in range(COLUMNS)) for r in range(rows)]
    if not any(used):
        used[0] = True
    left = height - SPARE * used.count(False)
    share, rest = divmod(left, used.count(True))
    heights: list[int] = []
    for u in used:
        heights.append(share + (1 if rest > 0 else 0) if u else SPARE)
        rest -= u
    return heights


def too_small(ink: Ink, width: int, height: int) -> list[LinePen]:
    """The text on a terminal that is too small."""
    pens = [LinePen(ink, y) for y in range(height)]
    for pen, text in zip(
        pens[height // 2 :], ("enlarge the terminal to 80x24", "the sound continues"), strict=False
    ):
        pen.text(text.center(width)[:width], ink.bright)
    return pens
