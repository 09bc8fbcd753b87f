"""Base of all dialogs: centred, esc cancels, the status bar stays visible."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from perform.core.printable import printable

T = TypeVar("T")


class Field(Input):
    """A text field without a blinking cursor, in which `!` is still panic."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Treat every printable key but `!` as text."""
        return key != "exclamation_mark" and super().check_consume_key(key, character)

    def on_mount(self) -> None:
        """Stop the cursor from blinking."""
        self.cursor_blink = False


class DialogText(Static):
    """A text in a dialog, without markup or control characters: it may come from a file."""

    def __init__(self, text: str, classes: str) -> None:
        super().__init__(printable(text), classes=classes, markup=False)

    def show(self, text: str) -> None:
        """Replace the text."""
        self.update(printable(text))


class Dialog(ModalScreen[T]):
    """A dialog; its result is None if the player cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", id="dialog.back")]

    def render(self) -> BackgroundScreen:
        """Draw the decks behind the dialog; above a second dialog, Textual would draw only the first one."""
        below = next(screen for screen in reversed(self.app.screen_stack) if not screen.is_modal)
        return BackgroundScreen(below, self.styles.background)

    def action_back(self) -> None:
        """Close without a result."""
        self.dismiss(None)
