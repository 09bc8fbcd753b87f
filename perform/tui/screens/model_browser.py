"""Dialog that chooses a model of the library for a deck; tab turns to the catalogues."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input

from perform.core.errors import PerformError
from perform.core.printable import printable
from perform.library import cards, model_library
from perform.library.background_fetch import BackgroundFetches
from perform.tui.screens.catalogue_browser import CatalogueBrowser
from perform.tui.screens.chooser import Chooser

UNLOAD = ""  #: the answer that unloads the deck
METHOD = "method\n"  #: begins the answer that plays another method of the deck's module


class ModelBrowser(Chooser):
    """Returns a model's name or path, UNLOAD, or METHOD and the name of a method.

    made : the model file that the deck plays; "" for none
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "tab", "Catalogue", id="browser.page", priority=True),
    ]

    verb, kind, if_empty = "load", "model", "no models: make one with `perform train`"
    suffixes = model_library.SUFFIXES
    more_keys = " · tab catalogue"

    def __init__(
        self,
        deck: int,
        loaded: str,
        fetches: BackgroundFetches,
        library: Callable[[], dict[str, Path]] = model_library.models,
        made: str = "",
    ) -> None:
        super().__init__(f"A model for deck {deck}")
        self._deck, self._loaded, self._fetches, self._library = deck, loaded, fetches, library
        self._made, self._methods = made, list[str]()

    def lines(self) -> Mapping[str, Content]:
        """[disk] All models, each with latents, ratio, sample rate and description."""
        if self._made:
            with suppress(PerformError):  # its file is gone: the deck plays on
                found = cards.module_methods(Path(self._made))
                self._methods = [name for name in found.methods if name != found.method]
        return {name: _line(name, path) for name, path in self._library().items()}

    def check(self, chosen: str) -> None:
        """Raise PerformError if the file is not a model."""
        cards.read_card(model_library.find_model(chosen))

    def action_tab(self) -> None:
        """Complete a path. Else show what others have published; a model chosen there is the answer."""
        if self._is_path(self.query_one(Input).value):
            super().action_tab()
            return

        def answered(chosen: str | None) -> None:
            if chosen:
                self.dismiss(chosen)
            else:
                self._read()

        self.app.push_screen(CatalogueBrowser(self._deck, self._fetches), answered)

    def others(self) -> Iterable[tuple[str, str]]:
        """Offer the other methods of the deck's module, and to unload its model."""
        methods = [(f"play the method {name} of {self._loaded}", METHOD + name) for name in self._methods]
        return [*methods, *([(f"unload {self._loaded}", UNLOAD)] if self._loaded else [])]


def _line(name: str, path: Path) -> Content:
    """Name, latents, ratio, sample rate and description, or why the file cannot be played."""
    padded = set_cell_size(printable(name), max(20, cell_len(name)))
    try:
        card = cards.read_card(path)
    except PerformError as error:
        return Content.assemble(padded, (printable(f"  ▲ {error.what}"), "$error"))
    figures = f"  z{card.latents:<3} {card.ratio:>5}  {card.sample_rate / 1000:g} kHz  "
    return Content.assemble(
        (padded, "bold"), figures, (" ".join(printable(card.description).split()), "$ink-dim")
    )
