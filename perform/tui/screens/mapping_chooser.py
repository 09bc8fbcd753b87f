"""Dialog that chooses a controller mapping."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from perform.core.paths import to_text
from perform.core.printable import printable
from perform.library import places
from perform.tui.screens.dialog import Dialog, DialogText


def mappings() -> list[str]:
    """Names of all mappings: the bundled ones and those that the player saved."""
    folders = (places.bundled("presets") / "mappings", places.user("controllers"))
    return sorted({to_text(path.stem) for folder in folders for path in folder.glob("*.toml")})


class MappingChooser(Dialog[str]):
    """Returns the name of the chosen mapping."""

    def __init__(self, names: Sequence[str], current: str) -> None:
        super().__init__()
        self._names, self._current = names, current

    def compose(self) -> ComposeResult:
        """The list."""
        with Vertical():
            yield DialogText("Controller mapping", classes="title")
            yield OptionList(
                *(
                    Option(Content(printable(f"{'●' if n == self._current else ' '} {n}")), id=f"={n}")
                    for n in self._names
                ),
                markup=False,
            )
            yield DialogText(
                "enter uses it · esc cancels · S on the screen saves the current one", classes="hint"
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the chosen name."""
        self.dismiss((event.option.id or "").removeprefix("="))
