"""Choosing a controller mapping, and saving the one in use under a name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from perform.library import places
from perform.tui.screens.dialog import Dialog, Field

_NAME = re.compile(r"[\w][\w .-]*")


def mappings() -> list[str]:
    """Names of the mappings that ship with perform, and of the player's own."""
    folders = (places.bundled("presets") / "controllers", places.user("controllers"))
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})


class MappingChooser(Dialog[str]):
    """Answers with the name of a mapping."""

    def __init__(self, names: Sequence[str], current: str) -> None:
        super().__init__()
        self._names, self._current = names, current

    def compose(self) -> ComposeResult:
        """The list."""
        with Vertical():
            yield Static("Controller mapping", classes="title")
            yield OptionList(
                *(
                    Option(Content(f"{'●' if n == self._current else ' '} {n}"), id=f"={n}")
                    for n in self._names
                ),
                markup=False,
            )
            yield Static(
                "enter uses it · esc goes back · S on the screen saves the one in use", classes="hint"
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        self.dismiss((event.option.id or "").removeprefix("="))


class MappingName(Dialog[str]):
    """Answers with a name to save under."""

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current

    def compose(self) -> ComposeResult:
        """A title, an input, what is wrong with it."""
        with Vertical():
            yield Static("Save the mapping in use as", classes="title")
            yield Field(self._current, placeholder="a name")
            yield Static("", id="wrong", classes="wrong", markup=False)
            yield Static("enter saves it among your own mappings · esc goes back", classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, or say what a name is."""
        name = event.value.strip()
        if _NAME.fullmatch(name):
            self.dismiss(name)
        else:
            self.query_one("#wrong", Static).update("▲ a name has letters, digits, spaces, dots and dashes")
