"""Dialog that chooses an effect module of the library for an insert."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from perform.core.errors import PerformError
from perform.core.printable import printable
from perform.library import cards, model_library
from perform.tui.screens.chooser import Chooser

REMOVE = ""  #: the answer that removes the module


class InsertBrowser(Chooser):
    """Returns a module's name or path, or REMOVE. insert: 0 is the master's, N deck N's."""

    verb, kind = "insert", "module"
    suffixes = model_library.SUFFIXES
    if_empty = "no third-party modules: `perform models import x.ts` adds one"

    def __init__(self, insert: int, loaded: str) -> None:
        place = f"behind deck {insert}" if insert else "on the master"
        super().__init__(f"An effect module {place}", "one that takes sound and gives sound")
        self._loaded = loaded

    def lines(self) -> Mapping[str, Content]:
        """[disk] The third-party modules of the library, each with its inputs, rate and description."""
        found = {}
        for name, path in model_library.models().items():
            with suppress(PerformError):  # a damaged file is no module
                if cards.is_module(path):
                    found[name] = _line(name, path)
        return found

    def check(self, chosen: str) -> None:
        """Raise PerformError if the file is not a model."""
        cards.read_card(model_library.find_model(chosen))

    def others(self) -> Iterable[tuple[str, str]]:
        """Offer to remove the module."""
        return [(f"remove {self._loaded}", REMOVE)] if self._loaded else []


def _line(name: str, path: Path) -> Content:
    card = cards.read_card(path)
    padded = set_cell_size(printable(name), max(20, cell_len(name)))
    inputs = f"{card.latents} input{'' if card.latents == 1 else 's'}"
    figures = f"  {inputs:9} {card.sample_rate / 1000:g} kHz  "
    return Content.assemble(
        (padded, "bold"), figures, (" ".join(printable(card.description).split()), "$ink-dim")
    )
