"""The last line of the stage layout: whether it is locked, and the keys that work."""

from __future__ import annotations

from perform.tui.paint import Ink
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget

_LOCKED = (
    ("F10", "unlocks", "app.lock"),
    ("!", "panic", "app.panic"),
    ("⏎", "GO", "app.go"),
    ("r", "rec", "app.record"),
    ("k", "mark", "app.mark"),
)
_OPEN = (
    ("F10", "locks", "app.lock"),
    ("!", "panic", "app.panic"),
    ("⏎", "GO", "app.go"),
    ("n", "next", "app.arm(1)"),
    ("r", "rec", "app.record"),
    ("k", "mark", "app.mark"),
    ("j", "songs", "app.set_list"),
    ("+", "other layout", "app.layout(1)"),
    ("?", "help", "app.help"),
)


class StageFoot(LineWidget):
    """One line."""

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Draw the lock and the keys, or a notice."""
        width, height = self.size
        pens = [LinePen(ink, y, 0, hits) for y in range(height)]
        if not pens:
            return pens
        pen, view = pens[-1], frame.view
        pen.text(" LOCKED " if view.locked else " open ", ink.on if view.locked else ink.dim)
        if view.notice and frame.now < view.notice_until:
            pen.text(f" {view.notice}", ink.mark, max(0, width - pen.x))
        else:
            for key, text, action in _LOCKED if view.locked else _OPEN:
                if pen.x + len(key) + len(text) + 4 > width:
                    break
                pen.target(len(key) + len(text) + 3, action=action)
                pen.text(f"  {key}", ink.focus)
                pen.text(f" {text}", ink.dim)
        pen.pad_to(width)
        return pens
