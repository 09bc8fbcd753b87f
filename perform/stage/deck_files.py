"""The sound files of the decks' source "file", and the matrices by which decks follow other decks' latents.

A song names them; the player may choose others. Hosts read them. The stage sends every host what all decks
play whenever it changes, and which files to encode: those of the next song too, so that they are ready.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from perform.core.errors import PerformError
from perform.core.messages.host_messages import FileAssignment
from perform.library.deck_file_names import deck_file_name, find_deck_file
from perform.library.song import Song
from perform.stage.host_pool import DeckAssignments, FileAssignments
from perform.stage.rack import Rack

Kind = Literal["file", "matrix"]
KINDS: tuple[Kind, Kind] = ("file", "matrix")


class DeckFile(NamedTuple):
    """A sound file or a matrix: its name in the song, and its path, or why there is none."""

    name: str
    path: Path | None
    error: str = ""


FilesOfDecks = dict[Kind, dict[int, DeckFile]]  #: kind -> deck -> its file


class DeckFiles:
    """The files and matrices of all decks. A deck plays on without one that is missing."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._files: FilesOfDecks = {"file": {}, "matrix": {}}
        self._numbers: dict[Path, int] = {}  # path -> the number by which lanes know a sound file
        self._sent: tuple[DeckAssignments, FileAssignments] = {}, {}

    def load_song(self, song: Song) -> None:
        """Give the decks a song's files; log those that are missing."""
        self._files = _find_all(song)
        for line in missing_files(song):
            self._rack.log(line)
        for deck in self._rack.decks:
            self._set_number(deck)

    def choose(self, deck: int, kind: Kind, name: str) -> None:
        """Give a deck another file, "" for none; WrongUse where there is no such file."""
        if name:
            find_deck_file(name)
        self.restore(deck, kind, name)

    def restore(self, deck: int, kind: Kind, name: str) -> None:
        """Give a deck the file that it had, "" for none; log it where the file has gone since."""
        if name == self.name(deck, kind):
            return
        self._files[kind].pop(deck, None)
        if name:
            self._files[kind][deck] = found = _find(name)
            if found.error:
                self._rack.log(f"deck {deck}: no {kind}: {found.error}")
        self._set_number(deck)

    def _set_number(self, deck: int) -> None:
        self._rack.decks[deck].set_file(self._number(self._files["file"].get(deck)))

    def song_with_files(self, song: Song) -> Song:
        """The song with the files and matrices that the decks have now."""
        return msgspec.structs.replace(song, files=self.names("file"), matrices=self.names("matrix"))

    def name(self, deck: int, kind: Kind) -> str:
        """A deck's file as a song names it; "" for none."""
        found = self._files[kind].get(deck)
        return found.name if found else ""

    def names(self, kind: Kind, *, found_only: bool = False) -> dict[str, str]:
        """Deck -> file, as a song names them. A missing file stays in the song; found_only leaves it out."""
        files = sorted(self._files[kind].items())
        return {str(deck): found.name for deck, found in files if found.path or not found_only}

    def number_for(self, song: Song, deck: int) -> int:
        """The number of the sound file that a song names for a deck; 0 where there is none."""
        return self._number(_find_all(song)["file"].get(deck))

    def _number(self, found: DeckFile | None) -> int:
        if not found or not found.path:
            return 0
        return self._numbers.setdefault(found.path, len(self._numbers) + 1)

    def tick(self) -> None:
        """[main, about every 15 ms] Send the hosts what has changed."""
        matrices = self._files["matrix"]
        assignments = {
            number: deck.assignment(str(matrices[number].path or "") if number in matrices else "")
            for number, deck in self._rack.decks.items()
        }
        present = assignments, self._to_encode()
        if present != self._sent:
            self._sent = present
            self._rack.hosts.assign(*present)

    def _to_encode(self) -> FileAssignments:
        """The files that each model's host encodes: those that its voices play, and the next song's."""
        paths = {number: path for path, number in self._numbers.items()}
        files: FileAssignments = {}
        for number, deck in self._rack.decks.items():
            for model, file, coming in deck.wanted_files():
                of_model = files.setdefault(model, {})
                if file and (file not in of_model or not coming):  # a deck that plays the file now is urgent
                    of_model[file] = FileAssignment(str(paths[file]), number, coming)
        return files


def missing_files(song: Song) -> list[str]:
    """[disk] The files and matrices of a song that are not here, a line each."""
    return [
        f"deck {deck}: no {kind}: {found.error}"
        for kind, files in _find_all(song).items()
        for deck, found in files.items()
        if found.error
    ]


def _find_all(song: Song) -> FilesOfDecks:
    """[disk]"""
    return {
        "file": {int(deck): _find(name) for deck, name in song.files.items()},
        "matrix": {int(deck): _find(name) for deck, name in song.matrices.items()},
    }


def _find(name: str) -> DeckFile:
    """[disk]"""
    try:
        path = find_deck_file(name)
    except PerformError as error:
        return DeckFile(name, None, str(error))
    return DeckFile(deck_file_name(path), path)
