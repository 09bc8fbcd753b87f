"""What the decks' sources need besides numbers: sound files, and matrices between their latents.

They are the song's, until a hand says otherwise. Hosts read them; a host is told how all decks are whenever
that is another than before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from perform import session
from perform.errors import PerformError
from perform.session import Song
from perform.stage.deck import DeckSlot
from perform.stage.hosts import Hosts, Seats


class Materials:
    """Of all decks. What is missing is said, and the deck plays without it."""

    def __init__(self, decks: Mapping[int, DeckSlot], hosts: Hosts, tell: Callable[[str], None]) -> None:
        self._decks, self._hosts, self._tell = decks, hosts, tell
        self.files: dict[int, Path] = {}
        self.matrices: dict[int, Path] = {}
        self._told: Seats = {}

    def use(self, song: Song) -> None:
        """Those of a song."""
        self.files = self._found(song.files, "file")
        self.matrices = self._found(song.matrices, "matrix")

    def _found(self, wanted: Mapping[str, str], kind: str) -> dict[int, Path]:
        found = {}
        for deck, name in wanted.items():
            try:
                found[int(deck)] = session.material(name)
            except PerformError as error:
                self._tell(f"deck {deck}: no {kind}: {error}")
        return found

    def put(self, deck: int, kind: str, name: str) -> None:
        """Another "file" or "matrix" for a deck, "" for none; WrongUse where it is not there."""
        of = self.files if kind == "file" else self.matrices
        if name:
            of[deck] = session.material(name)
        else:
            of.pop(deck, None)

    def names(self, kind: str) -> dict[str, str]:
        """As a song writes them."""
        of = self.files if kind == "file" else self.matrices
        return {str(deck): session.material_name(path) for deck, path in sorted(of.items())}

    def tick(self) -> None:
        """A few times each 100 ms."""
        seats = {
            number: deck.seat(str(self.files.get(number, "")), str(self.matrices.get(number, "")))
            for number, deck in self._decks.items()
        }
        if seats != self._told:
            self._told = seats
            self._hosts.seat(seats)
