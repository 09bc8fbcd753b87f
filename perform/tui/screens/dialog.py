"""The base of all dialogs: in the middle of the screen, esc goes back, the status bar stays in sight."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.widgets import Input

T = TypeVar("T")


class Field(Input):
    """An input in which panic is still panic, and nothing blinks on a dark stage."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Every printable key but `!` is text."""
        return key != "exclamation_mark" and super().check_consume_key(key, character)

    def on_mount(self) -> None:
        """Stand still."""
        self.cursor_blink = False


class Dialog(ModalScreen[T]):
    """A question; None means that the player went back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", id="dialog.back")]

    def render(self) -> BackgroundScreen:
        """What plays stands below, however many dialogs are open: Textual would show the one before alone."""
        below = next(screen for screen in reversed(self.app.screen_stack) if not screen.is_modal)
        return BackgroundScreen(below, self.styles.background)

    def action_back(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
