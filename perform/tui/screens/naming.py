"""Asking for a name, and asking whether something is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from perform.tui.screens.dialog import Dialog, Field


@dataclass(frozen=True, slots=True)
class Rule:
    """What a name may be, and how that is said."""

    pattern: re.Pattern[str]
    words: str


FILE = Rule(re.compile(r"\w[\w .-]*"), "a name has letters, digits, spaces, dots and dashes")
TITLE = Rule(re.compile(r"\S.*"), "a name has at least one letter")
ANY = Rule(re.compile(r".*"), "")


class Name(Dialog[str]):
    """Answers with a name."""

    def __init__(self, title: str, current: str, hint: str, rule: Rule) -> None:
        super().__init__()
        self._title, self._current, self._hint, self._rule = title, current, hint, rule

    def compose(self) -> ComposeResult:
        """A title, an input, what is wrong with it."""
        with Vertical():
            yield Static(self._title, classes="title", markup=False)
            yield Field(self._current, placeholder="a name", max_length=80)
            yield Static("", id="wrong", classes="wrong", markup=False)
            yield Static(f"{self._hint} · esc goes back", classes="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, or say what a name is."""
        name = event.value.strip()
        if self._rule.pattern.fullmatch(name):
            self.dismiss(name)
        else:
            self.query_one("#wrong", Static).update(f"▲ {self._rule.words}")


class Confirm(Dialog[bool]):
    """Answers True, or not at all."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes", id="confirm.yes"),
        Binding("b", "back", "Back", id="confirm.back"),
    ]

    def __init__(self, title: str, yes: str) -> None:
        super().__init__()
        self._title, self._yes = title, yes

    def compose(self) -> ComposeResult:
        """Two choices; the one that changes nothing is marked."""
        with Vertical():
            yield Static(self._title, classes="title", markup=False)
            yield OptionList(Option("b  back", id="back"), Option(f"y  {self._yes}", id="yes"), markup=False)

    def action_yes(self) -> None:
        """It is meant."""
        self.dismiss(True)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer by the list."""
        self.dismiss(True if event.option.id == "yes" else None)
