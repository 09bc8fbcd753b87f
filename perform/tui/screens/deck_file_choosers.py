"""What a deck's source needs besides numbers: a sound file for `file`, a matrix for `deck`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from perform.core.errors import PerformError
from perform.library import matrices, places, sets
from perform.tui.screens.chooser import Chooser

NOTHING = ""  #: the answer that takes away what a deck has


class _Material(Chooser):
    """Answers with a name among the player's sounds, a path, or NOTHING."""

    verb = "use"
    without: ClassVar[str]  #: how NOTHING is called

    def __init__(self, deck: int, current: str, note: str) -> None:
        super().__init__(f"A {self.kind} for deck {deck}", note)
        self._current = current

    def others(self) -> Iterable[tuple[str, str]]:
        """Or none."""
        return [(f"{self.without} instead of {self._current}", NOTHING)] if self._current else []

    def _line(self, name: str, words: str) -> Content:
        """A name, whether the deck has it, and what is known of it."""
        mark = "●" if name == self._current else " "
        padded = set_cell_size(name, max(32, cell_len(name)))
        style = "$error" if words.startswith("▲") else "$ink-dim"
        return Content.assemble((f"{mark} {padded}", "bold"), (f"  {words}", style))


class SoundChooser(_Material):
    """The sound files there are: those in the player's folder `sounds` and below."""

    kind, without = "sound file", "no file"

    def __init__(self, deck: int, current: str, plays: bool) -> None:
        own = places.user("sounds")
        self.none = f"no sounds yet: type a path, or put some into {own}"
        super().__init__(deck, current, "" if plays else "it sounds with the source `file`, which a chooses")

    def lines(self) -> Mapping[str, Content]:
        """[disk] All of them, each with its length."""
        from perform.library.sound_files import find

        own = places.user("sounds")
        names = [str(path.relative_to(own)) for path in find(own)]
        return {name: self._line(name, _figures(name)) for name in names}

    def check(self, chosen: str) -> None:
        """Only what can be read as sound."""
        from perform.library.sound_files import SoundFile

        with SoundFile(sets.material(chosen)):
            pass


class MatrixChooser(_Material):
    """The matrices there are: those in the player's folder `sounds` and below."""

    kind, without = "matrix", "by variance"

    def __init__(self, deck: int, current: str) -> None:
        own = places.user("sounds")
        self.none = f"no matrices yet: `perform matrix` learns one; put it into {own}"
        super().__init__(deck, current, "without one: the most telling latent moves the most telling one")

    def lines(self) -> Mapping[str, Content]:
        """[disk] All of them, each with its two models."""
        own = places.user("sounds")
        names = sorted(str(path.relative_to(own)) for path in own.rglob(f"*{matrices.SUFFIX}"))
        return {name: self._line(name, _sides(name)) for name in names}

    def check(self, chosen: str) -> None:
        """Only a matrix."""
        matrices.read(sets.material(chosen))


def _figures(name: str) -> str:
    """`1:02  44.1 kHz  stereo`, or why it cannot be read. [disk]"""
    from perform.library.sound_files import SoundFile

    try:
        with SoundFile(sets.material(name)) as sound:
            minutes, seconds = divmod(round(sound.frames / sound.rate), 60)
            channels = {1: "mono", 2: "stereo"}.get(sound.channels, f"{sound.channels} channels")
            return f"{minutes}:{seconds:02d}  {sound.rate / 1000:g} kHz  {channels}"
    except PerformError as error:
        return f"▲ {error.what}"


def _sides(name: str) -> str:
    """`bells → choir  explains 71 %`, or why it is none. [disk]"""
    try:
        matrix = matrices.read(sets.material(name))
    except PerformError as error:
        return f"▲ {error.what}"
    fit = "" if math.isnan(matrix.fit) else f"  explains {100 * matrix.fit:.0f} %"
    return f"{matrix.encoder.name} → {matrix.decoder.name}{fit}"
