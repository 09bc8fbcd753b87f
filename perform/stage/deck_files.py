"""What the decks' sources need besides numbers: sound files, and matrices between their latents.

They are the song's, until a hand says otherwise. Hosts read them; a host is told how all decks are whenever
that is another than before, and which files it shall encode: the next song's too, so that they are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from perform.core.errors import PerformError
from perform.core.messages.host_messages import FileAssignment
from perform.library import sets
from perform.library.sets import Song
from perform.stage.deck import Deck
from perform.stage.host_pool import DeckAssignments, FileAssignments, HostPool

Kind = Literal["file", "matrix"]
KINDS: tuple[Kind, Kind] = ("file", "matrix")


class DeckFile(NamedTuple):
    """A file or a matrix, as a song calls it; where it is; or why it is nowhere."""

    name: str
    path: Path | None
    error: str = ""


Of = dict[Kind, dict[int, DeckFile]]  #: deck -> what it has


class DeckFiles:
    """Of all decks. What is missing is said, and the deck plays without it."""

    def __init__(self, decks: Mapping[int, Deck], hosts: HostPool, tell: Callable[[str], None]) -> None:
        self._decks, self._hosts, self._tell = decks, hosts, tell
        self._of: Of = {"file": {}, "matrix": {}}
        self._numbers: dict[Path, int] = {}  # what lanes call the files
        self._told: tuple[DeckAssignments, FileAssignments] = {}, {}

    def use(self, song: Song) -> None:
        """Those of a song; where one is not here, say so."""
        self._of = _all(song)
        for line in missing(song):
            self._tell(line)
        for deck in self._decks:
            self._hand(deck)

    def put(self, deck: int, kind: Kind, name: str) -> None:
        """Another for a deck, "" for none; WrongUse where it is not there."""
        if name:
            sets.material(name)
        self.restore(deck, kind, name)

    def restore(self, deck: int, kind: Kind, name: str) -> None:
        """What a deck had, "" for nothing; where it is gone since, say so."""
        if name == self.name(deck, kind):
            return
        self._of[kind].pop(deck, None)
        if name:
            self._of[kind][deck] = found = _look(name)
            if found.error:
                self._tell(f"deck {deck}: no {kind}: {found.error}")
        self._hand(deck)

    def _hand(self, deck: int) -> None:
        """Tell a deck which file it has."""
        self._decks[deck].set_file(self._number(self._of["file"].get(deck)))

    def put_into(self, song: Song) -> Song:
        """The song with the files and matrices that the decks have."""
        return msgspec.structs.replace(song, files=self.names("file"), matrices=self.names("matrix"))

    def name(self, deck: int, kind: Kind) -> str:
        """What a deck has, as a song writes it; "" for nothing."""
        found = self._of[kind].get(deck)
        return found.name if found else ""

    def names(self, kind: Kind, *, here: bool = False) -> dict[str, str]:
        """As a song writes them; here: without what is missing, which goes on being the song's."""
        of = sorted(self._of[kind].items())
        return {str(deck): found.name for deck, found in of if found.path or not here}

    def file(self, song: Song, deck: int) -> int:
        """The number of the file that a song has for a deck; 0 where there is none."""
        return self._number(_all(song)["file"].get(deck))

    def _number(self, found: DeckFile | None) -> int:
        if not found or not found.path:
            return 0
        return self._numbers.setdefault(found.path, len(self._numbers) + 1)

    def tick(self) -> None:
        """A few times each 100 ms."""
        matrices = self._of["matrix"]
        assignments = {
            number: deck.assignment(str(matrices[number].path or "") if number in matrices else "")
            for number, deck in self._decks.items()
        }
        told = assignments, self._files()
        if told != self._told:
            self._told = told
            self._hosts.assign(*told)

    def _files(self) -> FileAssignments:
        """What each model's host shall encode: what its voices play, and those of the next song."""
        paths = {number: path for path, number in self._numbers.items()}
        files: FileAssignments = {}
        for number, deck in self._decks.items():
            for model, file, coming in deck.wanted_files():
                of = files.setdefault(model, {})
                if file and (file not in of or not coming):  # whoever plays it now is in more of a hurry
                    of[file] = FileAssignment(str(paths[file]), number, coming)
        return files


def missing(song: Song) -> list[str]:
    """[disk] What a song names that is not here, a line each."""
    return [
        f"deck {deck}: no {kind}: {found.error}"
        for kind, of in _all(song).items()
        for deck, found in of.items()
        if found.error
    ]


def _all(song: Song) -> Of:
    """[disk]"""
    return {
        "file": {int(deck): _look(name) for deck, name in song.files.items()},
        "matrix": {int(deck): _look(name) for deck, name in song.matrices.items()},
    }


def _look(name: str) -> DeckFile:
    """[disk]"""
    try:
        path = sets.material(name)
    except PerformError as error:
        return DeckFile(name, None, str(error))
    return DeckFile(sets.material_name(path), path)
