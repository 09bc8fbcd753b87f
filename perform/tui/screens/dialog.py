"""Base of all dialogs: centred, esc cancels, the status bar stays visible."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.style import Style
from textual.widgets import Input, Static

from perform.core.printable import printable

T = TypeVar("T")
_CLICKS = {"enter": "screen.submit", "esc": "screen.back"}  #: how a part of the last line begins -> action


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


class DialogKeys(Static):
    """The last line of a dialog: `enter saves it · esc cancels`; a click on a part does the same."""

    def __init__(self, text: str) -> None:
        parts = []
        for part in printable(text).split(" · "):
            action = next((_CLICKS[key] for key in _CLICKS if part.startswith(key)), "")
            piece = Content(part)
            parts.append(piece.stylize(Style.from_meta({"@click": action})) if action else piece)
        super().__init__(Content(" · ").join(parts), classes="hint")


class Dialog(ModalScreen[T]):
    """A dialog; its result is None if the player cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", id="dialog.back")]

    def render(self) -> BackgroundScreen:
        """Draw the decks behind the dialog; above a second dialog, Textual would draw only the first one."""
        below = next(screen for screen in reversed(self.app.screen_stack) if not screen.is_modal)
        return BackgroundScreen(below, self.styles.background)

    async def action_submit(self) -> None:
        """Do what enter does in a text field."""
        fields = self.query(Input)
        await next((field for field in fields if field.has_focus), fields.first()).action_submit()

    def on_click(self, event: events.Click) -> None:
        """Cancel by a click beside the dialog."""
        if event.widget is self:
            self.action_back()

    def action_back(self) -> None:
        """Close without a result."""
        self.dismiss(None)
