"""The catalogue page of the model browser: models that others have published, fetched while the set plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList

from perform.core.printable import printable
from perform.library import cards, catalogue, download, licences, model_library, player_config
from perform.library.background_fetch import BackgroundFetch, BackgroundFetches, FetchState
from perform.library.catalogue import CatalogueModel
from perform.tui.screens.chooser import Chooser
from perform.tui.screens.dialog import DialogText

MIB = 1 << 20
REFRESH_S = 0.2  #: between two looks at the downloads


class CatalogueBrowser(Chooser):
    """Returns the name of a model of the library, to be loaded on the deck."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "back", "Library", id="browser.page", priority=True),
    ]

    verb, kind, if_empty = "load", "model", "no catalogue can be read"
    more_keys = " or fetches · tab library"

    def __init__(self, deck: int, fetches: BackgroundFetches) -> None:
        super().__init__(f"A model of a catalogue for deck {deck}", " ")
        self._fetches = fetches
        self._models: dict[str, CatalogueModel] = {}
        self._own: set[str] = set()
        self._begun: dict[str, int] = {}
        self._faults: list[str] = []
        self._agreeing = ""  # the model whose licence is shown

    def lines(self) -> Mapping[str, Content]:
        """[network, disk] All models of the catalogues, each with size, latents, rate, author and licence."""
        self._models = catalogue.known(player_config.read().models.catalogues, self._faults.append)
        self._own = set(model_library.models())
        self._begun = {name: download.begun(model.local_copy) for name, model in self._models.items()}
        return {name: self._line(name) for name in self._models}

    def on_mount(self) -> None:
        """Follow the downloads; `Chooser` reads the list."""
        self.set_interval(REFRESH_S, self._refresh)

    def check(self, chosen: str) -> None:
        """Raise PerformError if the file is not a model."""
        cards.read_card(model_library.find_model(chosen))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Fetch a model, stop its download, or agree to what it asks; `Chooser` takes one of the library."""
        name = (event.option.id or "=")[1:]
        model = self._models.get(name)
        if model is None or name in self._own:
            return
        event.prevent_default()
        fetch = self._fetches.of(name)
        if fetch and fetch.runs:
            fetch.cancel()
        elif fetch and fetch.state is FetchState.ASKING:
            fetch.agree()
        elif licences.is_agreed(model.licence):
            self._fetches.begin(model)
        elif self._agreeing == name:
            licences.agree(model.licence)
            self._fetches.begin(model)
            self._agreeing = ""
        else:
            self._agreeing = name
        self._refresh()

    def _refresh(self) -> None:
        """Draw the lines of fetched models anew, and the note of the marked one."""
        options = self.query_one(OptionList)
        for name in self._models:
            fetch = self._fetches.of(name)
            if fetch and fetch.state is FetchState.DONE:
                self._own.add(name)
            if fetch and any(option.id == f"={name}" for option in options.options):
                options.replace_option_prompt(f"={name}", self._line(name))
        marked = options.highlighted
        name = (options.get_option_at_index(marked).id or "=")[1:] if marked is not None else ""
        if name != self._agreeing:
            self._agreeing = ""
        self.query_one(".note", DialogText).show(self._note_of(name) or self._network_note() or " ")

    def _line(self, name: str) -> Content:
        """Mark, name, size or progress, latents, rate, what it is, author and licence."""
        model, fetch = self._models[name], self._fetches.of(name)
        mark = "✓" if name in self._own else " "
        size = f"{model.size / MIB:.0f} MiB" if model.size else "? MiB"
        if fetch and fetch.state is not FetchState.DONE:
            mark, size = "↓" if fetch.runs else "‖", _progress(fetch)
        elif name not in self._own and self._begun.get(name):
            mark, size = "‖", f"{self._begun[name] / MIB:.0f} of {size}"
        rate = f"{model.sample_rate / 1000:g} kHz" if model.sample_rate else ""
        head = f"{mark} {set_cell_size(printable(name), max(26, cell_len(name)))}"
        figures = f" {size:>14}  z{model.latents or '?':<3} {rate:<8} "
        words = "; ".join(text for text in (model.about, model.author, model.licence) if text)
        return Content.assemble((head, "bold"), figures, (" ".join(printable(words).split()), "$ink-dim"))

    def _note_of(self, name: str) -> str:
        """What enter does with the marked model, and what happened to it."""
        model, fetch = self._models.get(name), self._fetches.of(name)
        if model is None:
            return ""
        if self._agreeing == name:
            page = f" ({model.page})" if model.page else ""
            return f"its licence: {model.licence}{page}; enter agrees and downloads"
        if name in self._own:
            return "in your library: enter loads it"
        if fetch is None:
            return "enter goes on with the download" if self._begun.get(name) else ""
        return {
            FetchState.DOWNLOADING: "downloading: enter stops",
            FetchState.IMPORTING: "importing, while the set plays: enter stops",
            FetchState.ASKING: f"{fetch.question}; enter agrees",
            FetchState.STOPPED: "stopped: enter goes on where it stopped",
            FetchState.OFFLINE: f"▲ offline ({fetch.error}); in the cache: {_progress(fetch)}; enter goes on",
            FetchState.FAILED: f"▲ {fetch.error}; enter tries again",
        }.get(fetch.state, "")

    def _network_note(self) -> str:
        """Catalogues that could not be read, and what of the models is here."""
        if not self._faults:
            return ""
        begun = ", ".join(f"{name} {size / MIB:.0f} MiB" for name, size in self._begun.items() if size)
        return f"▲ {self._faults[0]}; in the cache: {begun or 'no download'}"


def _progress(fetch: BackgroundFetch) -> str:
    if fetch.state in (FetchState.IMPORTING, FetchState.ASKING):
        return "importing" if fetch.runs else "asks"
    total = f"{fetch.total / MIB:.0f}" if fetch.total else "?"
    return f"{fetch.done / MIB:.0f} of {total} MiB"
