"""Dialogs that ask for a name or a confirmation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from perform.tui.screens.dialog import Dialog, DialogKeys, DialogText, Field


@dataclass(frozen=True, slots=True)
class NameRule:
    """Which names are allowed, and what to show for other names."""

    pattern: re.Pattern[str]
    message: str


FILE = NameRule(re.compile(r"\w[\w .-]*"), "use letters, digits, spaces, dots and dashes")
TITLE = NameRule(re.compile(r"\S.*"), "type a name")


class NameDialog(Dialog[str]):
    """Returns the typed name."""

    def __init__(self, title: str, current: str, hint: str, rule: NameRule) -> None:
        super().__init__()
        self._title, self._current, self._hint, self._rule = title, current, hint, rule

    def compose(self) -> ComposeResult:
        """A title, a text field, an error message."""
        with Vertical():
            yield DialogText(self._title, classes="title")
            yield Field(self._current, placeholder="a name", max_length=80)
            yield DialogText("", classes="wrong")
            yield DialogKeys(f"{self._hint} · esc cancels")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the name, or show which names are allowed."""
        name = event.value.strip()
        if self._rule.pattern.fullmatch(name):
            self.dismiss(name)
        else:
            self.query_one(".wrong", DialogText).show(f"▲ {self._rule.message}")


class ConfirmDialog(Dialog[bool]):
    """Returns True if the player confirms, None if they cancel."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes", id="confirm.yes"),
        Binding("b", "back", "Back", id="confirm.back"),
    ]

    def __init__(self, title: str, yes: str) -> None:
        super().__init__()
        self._title, self._yes = title, yes

    def compose(self) -> ComposeResult:
        """Two choices; the one that changes nothing comes first."""
        with Vertical():
            yield DialogText(self._title, classes="title")
            yield OptionList(Option("b  back", id="back"), Option(f"y  {self._yes}", id="yes"), markup=False)

    def action_yes(self) -> None:
        """Confirm."""
        self.dismiss(True)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Choose from the list."""
        self.dismiss(True if event.option.id == "yes" else None)
