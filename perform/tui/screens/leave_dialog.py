"""The dialog that `ctrl+q` opens while something plays, records, or is not saved."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from perform.tui.screens.dialog import Dialog, DialogText

Choice = Literal["leave", "stop"]


class LeaveDialog(Dialog[Choice]):
    """Returns "leave" to keep playing without a screen, or "stop" to end the stage."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "choose('leave')", "Keep playing", id="leave.keep"),
        Binding("s", "choose('stop')", "Stop", id="leave.stop"),
        Binding("b", "back", "Back", id="leave.back"),
    ]

    def __init__(self, live: bool, recording: bool, changed: bool) -> None:
        super().__init__()
        self._title = "Leave while something is playing?" if live or recording else "Leave?"
        self._recording, self._changed = recording, changed

    def compose(self) -> ComposeResult:
        """Three choices."""
        with Vertical():
            yield DialogText(self._title, classes="title")
            yield OptionList(
                Option("k  keep playing; `perform attach` opens the screen again", id="leave"),
                Option(
                    "s  stop: fade out and quit" + (", finish the take" if self._recording else ""),
                    id="stop",
                ),
                Option("b  back to the screen", id="back"),
                markup=False,
            )
            if self._changed:
                yield DialogText("▲ the set has unsaved changes: press ctrl+s to save", classes="note")

    def action_choose(self, choice: Choice) -> None:
        """Choose by key."""
        self.dismiss(choice)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Choose from the list."""
        choice = event.option.id
        self.dismiss("leave" if choice == "leave" else "stop" if choice == "stop" else None)
