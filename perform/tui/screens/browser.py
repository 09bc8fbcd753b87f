"""The model browser: type to filter, or a path; enter loads onto the deck it was opened for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from perform.errors import PerformError
from perform.library import cards, places
from perform.tui.screens.dialog import Dialog, Field

UNLOAD = ""  #: the answer that empties the deck


class Browser(Dialog[str]):
    """Answers with a model's name or path, or UNLOAD."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Next", id="browser.next", priority=True),
        Binding("up", "move(-1)", "Previous", id="browser.previous", priority=True),
    ]

    def __init__(self, deck: int, loaded: str, library: Callable[[], dict[str, Path]] = cards.models) -> None:
        super().__init__()
        self._deck, self._loaded, self._library = deck, loaded, library
        self._lines: dict[str, Content] = {}

    def compose(self) -> ComposeResult:
        """A filter above the list."""
        with Vertical():
            yield Static(f"A model for deck {self._deck}", classes="title", markup=False)
            yield Field(placeholder="type to filter")
            yield OptionList(Option("reading the library…", disabled=True), markup=False)
            yield Static("enter loads · up down choose · esc goes back", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Read the library beside the screen: a slow disk must not hold it up."""
        self.query_one(OptionList).can_focus = False
        self._read()

    @work(thread=True, exclusive=True)
    def _read(self) -> None:
        lines = {name: _line(name, path) for name, path in self._library().items()}
        self.app.call_from_thread(self._show, lines)

    def _show(self, lines: dict[str, Content]) -> None:
        self._lines = lines
        self._fill("")

    def _fill(self, wanted: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        words = wanted.casefold().split()
        found = [n for n, line in self._lines.items() if all(w in line.plain.casefold() for w in words)]
        options.add_options(Option(self._lines[name], id=f"={name}") for name in found)
        if not self._lines:
            options.add_option(Option("no models: `perform train` makes one", disabled=True))
        elif places.is_path(wanted) and (path := places.existing(wanted)):
            options.add_option(Option(Content(f"load the file {path}"), id=f"={path}"))
        elif not found:
            options.add_option(Option(Content(f"no model matches {wanted!r}"), disabled=True))
        unload = f"unload {self._loaded}"
        if self._loaded and all(w in unload.casefold() for w in words):
            options.add_option(Option(Content(unload), id="unload"))
        options.action_first()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter, or find the file that was named."""
        if self._lines:
            self._fill(event.value)

    def on_input_submitted(self) -> None:
        """Load what is marked."""
        self.query_one(OptionList).action_select()

    def action_move(self, steps: int) -> None:
        """Move the mark; the filter keeps the keyboard."""
        options = self.query_one(OptionList)
        (options.action_cursor_down if steps > 0 else options.action_cursor_up)()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer; a file that is no model is said here, where another can be chosen."""
        chosen = (event.option.id or "").removeprefix("=")
        if event.option.id == "unload":
            self.dismiss(UNLOAD)
            return
        try:
            cards.read_card(cards.find_model(chosen))
        except PerformError as error:
            self.query_one(".hint", Static).update(Content.assemble((f"▲ {error}", "$error")))
            return
        self.dismiss(chosen)


def _line(name: str, path: Path) -> Content:
    """Name, latents, ratio, rate, description; or why the file cannot be played."""
    padded = set_cell_size(name, max(20, cell_len(name)))
    try:
        card = cards.read_card(path)
    except PerformError as error:
        return Content.assemble(padded, (f"  ▲ {error.what}", "$error"))
    figures = f"  z{card.latents:<3} {card.ratio:>5}  {card.sample_rate / 1000:g} kHz  "
    return Content.assemble((padded, "bold"), figures, (" ".join(card.description.split()), "$ink-dim"))
