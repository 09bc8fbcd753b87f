"""Dialogs that choose a file for a deck's source: a sound file for `file`, a matrix for `deck`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from perform.core.errors import PerformError
from perform.core.paths import to_text
from perform.core.printable import printable
from perform.core.sound_formats import SUFFIXES
from perform.library import matrices, places
from perform.library.deck_file_names import find_deck_file
from perform.tui.screens.chooser import Chooser

NOTHING = ""  #: the answer that removes the deck's file


class _DeckFileChooser(Chooser):
    """Returns a name below the folder `sounds`, a path, or NOTHING."""

    verb = "use"
    nothing: ClassVar[str]  #: what NOTHING means for the deck, as a text

    def __init__(self, deck: int, current: str, note: str) -> None:
        super().__init__(f"A {self.kind} for deck {deck}", note)
        self._current = current

    def others(self) -> Iterable[tuple[str, str]]:
        """Offer NOTHING if the deck has a file."""
        return [(f"{self.nothing} instead of {self._current}", NOTHING)] if self._current else []

    def _line(self, name: str, details: str) -> Content:
        """A name, a mark on the deck's file, and details."""
        mark = "●" if name == self._current else " "
        padded = set_cell_size(printable(name), max(32, cell_len(name)))
        style = "$error" if details.startswith("▲") else "$ink-dim"
        return Content.assemble((f"{mark} {padded}", "bold"), (printable(f"  {details}"), style))


class SoundChooser(_DeckFileChooser):
    """Lists the sound files below the folder `sounds`."""

    kind, nothing = "sound file", "no file"
    suffixes = SUFFIXES

    def __init__(self, deck: int, current: str, plays: bool) -> None:
        folder = places.user("sounds")
        self.if_empty = f"no sounds yet: type a path, or put files into {folder}"
        super().__init__(deck, current, "" if plays else "it plays when the source is `file`: press a")

    def lines(self) -> Mapping[str, Content]:
        """[disk] All sound files, each with its length."""
        from perform.library.sound_files import find

        folder = places.user("sounds")
        names = [to_text(path.relative_to(folder)) for path in find(folder)]
        return {name: self._line(name, _sound_details(name)) for name in names}

    def check(self, chosen: str) -> None:
        """Raise PerformError if the file is not a sound that can be read."""
        from perform.library.sound_files import SoundFile

        with SoundFile(find_deck_file(chosen)):
            pass


class MatrixChooser(_DeckFileChooser):
    """Lists the matrices below the folder `sounds`."""

    kind, nothing = "matrix", "by variance"
    suffixes = (matrices.SUFFIX,)

    def __init__(self, deck: int, current: str) -> None:
        folder = places.user("sounds")
        self.if_empty = f"no matrices yet: make one with `perform matrix` and put it into {folder}"
        super().__init__(
            deck,
            current,
            "without a matrix, each deck's most important latents are paired, in order",
        )

    def lines(self) -> Mapping[str, Content]:
        """[disk] All matrices, each with its two models."""
        folder = places.user("sounds")
        names = sorted(to_text(path.relative_to(folder)) for path in folder.rglob(f"*{matrices.SUFFIX}"))
        return {name: self._line(name, _matrix_details(name)) for name in names}

    def check(self, chosen: str) -> None:
        """Raise PerformError if the file is not a matrix."""
        matrices.read(find_deck_file(chosen))


def _sound_details(name: str) -> str:
    """[disk] `1:02  44.1 kHz  stereo`, or why it cannot be read."""
    from perform.library.sound_files import SoundFile

    try:
        with SoundFile(find_deck_file(name)) as sound:
            minutes, seconds = divmod(round(sound.frames / sound.rate), 60)
            channels = {1: "mono", 2: "stereo"}.get(sound.channels, f"{sound.channels} channels")
            return f"{minutes}:{seconds:02d}  {sound.rate / 1000:g} kHz  {channels}"
    except PerformError as error:
        return f"▲ {error.what}"


def _matrix_details(name: str) -> str:
    """[disk] `bells → choir  explains 71 %`, or why it cannot be read."""
    try:
        matrix = matrices.read(find_deck_file(name))
    except PerformError as error:
        return f"▲ {error.what}"
    fit = "" if math.isnan(matrix.fit) else f"  explains {100 * matrix.fit:.0f} %"
    return f"{matrix.encoder.name} → {matrix.decoder.name}{fit}"
