"""The last line of the stage layout: whether it is locked, and the keys that work."""

from __future__ import annotations

from perform.tui.paint import Ink
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget

#: actions of the app that work without parameters while the layout is locked; no action of the screen does
WHILE_LOCKED = ("panic", "record", "mark", "go", "lock")

_KEYS = (
    ("!", "panic", "app.panic"),
    ("⏎", "GO", "app.go"),
    ("n", "next", "app.arm(1)"),
    ("r", "rec", "app.record"),
    ("k", "mark", "app.mark"),
    ("j", "songs", "app.set_list"),
    ("+", "other layout", "app.layout(1)"),
    ("?", "help", "app.help"),
)


def works_locked(action: str) -> bool:
    """Return whether an action, such as `app.go`, works while the layout is locked."""
    return action.removeprefix("app.") in WHILE_LOCKED


class StageFoot(LineWidget):
    """One line, and a second one above it while there is a notice: the keys stay, a phone has no others."""

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Draw the lock and the keys; a notice above them."""
        width, height = self.size
        pens = [LinePen(ink, y, 0, hits) for y in range(height)]
        if not pens:
            return pens
        pen, view = pens[-1], frame.view
        if frame.notice and height > 1:
            pens[0].text(f" {frame.notice}", ink.mark, width)
        pen.text(" LOCKED " if view.locked else " open ", ink.on if view.locked else ink.dim)
        lock = ("F10", "unlocks" if view.locked else "locks", "app.lock")
        for key, text, action in (lock, *_KEYS):
            if view.locked and not works_locked(action):
                continue
            if pen.x + len(key) + len(text) + 4 > width:
                break
            pen.target(len(key) + len(text) + 3, action=action)
            pen.text(f"  {key}", ink.focus)
            pen.text(f" {text}", ink.dim)
        for line in pens:
            line.pad_to(width)
        return pens
