"""Dialogs that choose a file for a deck's source: a sound file for `file`, a matrix for `deck`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from perform.core.errors import PerformError
from perform.library import matrices, places, sets
from perform.tui.screens.chooser import Chooser

NOTHING = ""  #: the answer that removes the deck's file


class _DeckFileChooser(Chooser):
    """Returns a name in the player's folder `sounds`, a path, or NOTHING."""

    verb = "use"
    without: ClassVar[str]  #: text of NOTHING

    def __init__(self, deck: int, current: str, note: str) -> None:
        super().__init__(f"A {self.kind} for deck {deck}", note)
        self._current = current

    def others(self) -> Iterable[tuple[str, str]]:
        """Offer NOTHING if the deck has a file."""
        return [(f"{self.without} instead of {self._current}", NOTHING)] if self._current else []

    def _line(self, name: str, details: str) -> Content:
        """A name, a mark on the deck's file, and details."""
        mark = "●" if name == self._current else " "
        padded = set_cell_size(name, max(32, cell_len(name)))
        style = "$error" if details.startswith("▲") else "$ink-dim"
        return Content.assemble((f"{mark} {padded}", "bold"), (f"  {details}", style))


class SoundChooser(_DeckFileChooser):
    """Lists the sound files below the player's folder `sounds`."""

    kind, without = "sound file", "no file"

    def __init__(self, deck: int, current: str, plays: bool) -> None:
        own = places.user("sounds")
        self.none = f"no sounds yet: type a path, or put files into {own}"
        super().__init__(deck, current, "" if plays else "to hear it, press a until the source is `file`")

    def lines(self) -> Mapping[str, Content]:
        """[disk] All sound files, each with its length."""
        from perform.library.sound_files import find

        own = places.user("sounds")
        names = [str(path.relative_to(own)) for path in find(own)]
        return {name: self._line(name, _sound_details(name)) for name in names}

    def check(self, chosen: str) -> None:
        """Raise PerformError if the file is no readable sound."""
        from perform.library.sound_files import SoundFile

        with SoundFile(sets.material(chosen)):
            pass


class MatrixChooser(_DeckFileChooser):
    """Lists the matrices below the player's folder `sounds`."""

    kind, without = "matrix", "by variance"

    def __init__(self, deck: int, current: str) -> None:
        own = places.user("sounds")
        self.none = f"no matrices yet: make one with `perform matrix` and put it into {own}"
        super().__init__(
            deck,
            current,
            "without a matrix, the most important latent moves the most important one, and so on",
        )

    def lines(self) -> Mapping[str, Content]:
        """[disk] All matrices, each with its two models."""
        own = places.user("sounds")
        names = sorted(str(path.relative_to(own)) for path in own.rglob(f"*{matrices.SUFFIX}"))
        return {name: self._line(name, _matrix_details(name)) for name in names}

    def check(self, chosen: str) -> None:
        """Raise PerformError if the file is no matrix."""
        matrices.read(sets.material(chosen))


def _sound_details(name: str) -> str:
    """[disk] `1:02  44.1 kHz  stereo`, or why it cannot be read."""
    from perform.library.sound_files import SoundFile

    try:
        with SoundFile(sets.material(name)) as sound:
            minutes, seconds = divmod(round(sound.frames / sound.rate), 60)
            channels = {1: "mono", 2: "stereo"}.get(sound.channels, f"{sound.channels} channels")
            return f"{minutes}:{seconds:02d}  {sound.rate / 1000:g} kHz  {channels}"
    except PerformError as error:
        return f"▲ {error.what}"


def _matrix_details(name: str) -> str:
    """[disk] `bells → choir  explains 71 %`, or why it cannot be read."""
    try:
        matrix = matrices.read(sets.material(name))
    except PerformError as error:
        return f"▲ {error.what}"
    fit = "" if math.isnan(matrix.fit) else f"  explains {100 * matrix.fit:.0f} %"
    return f"{matrix.encoder.name} → {matrix.decoder.name}{fit}"
