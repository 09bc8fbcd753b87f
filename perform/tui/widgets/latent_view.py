"""The latents of the deck in focus: a line about the deck, then the pad beside the traces."""

from __future__ import annotations

from perform.core.arena_layout import FAILED
from perform.tui.axes import latents
from perform.tui.paint import Ink
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.deck_grid import SMALLEST, too_small
from perform.tui.widgets.deck_panel import state_of
from perform.tui.widgets.deck_strips import draw_strip
from perform.tui.widgets.latent_pad import draw_pad
from perform.tui.widgets.latent_traces import draw_traces
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget
from perform.tui.widgets.macro_pad import draw_macro_pad


class LatentView(LineWidget):
    """Draws them; the corpus appears when it has been read."""

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """One line, then two columns."""
        width, height = self.size
        columns, lines = SMALLEST
        if self.app.size.width < columns or self.app.size.height < lines:
            return too_small(ink, width, height)
        pens = [LinePen(ink, y, 0, hits, frame.focus) for y in range(height)]
        draw_strip(pens[0], frame, frame.focus, width)
        if latents(frame, frame.focus):
            half = (width * 48 // 100) | 1  # odd, so that zero is the middle column
            pad = pens[1 : 1 + (height - 1 - (height % 2 == 1))]
            if frame.view.macro_pad:
                draw_macro_pad(pad, frame, frame.focus, half, hits)
            else:
                draw_pad(pad, frame, frame.focus, half, hits)
            for pen in pens[1:]:
                pen.pad_to(half + 1)
            draw_traces(pens[1:], frame, frame.focus, width - half - 1)
        elif height > 2:
            self._nothing(pens[2], frame)
        for pen in pens:
            pen.pad_to(width)
        return pens

    @staticmethod
    def _nothing(pen: LinePen, frame: ScreenFrame) -> None:
        failed = state_of(frame, frame.focus) == FAILED
        problem = "its model failed" if failed else "no latents: the deck is empty"
        pen.target(pen.x + 60, action="app.browse")
        pen.text(f" {problem}; press o to load a model", pen.ink.dim)
