"""The models that songs name: their files, and what is missing.

A song may know a model by its hash alone. Then a thread hashes the library's models, once for each file.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

from perform.core.errors import PerformError
from perform.library import hashes
from perform.library.song import ModelName, Song, insert_place
from perform.library.song_files import model_file
from perform.stage.deck_files import missing_files


class FoundModel(NamedTuple):
    """The file of a model, or why there is none."""

    path: Path | None
    error: str = ""


class FoundModels(NamedTuple):
    """The models of a song.

    decks   : deck -> its model
    inserts : insert -> its effect module; 0 is the master's
    """

    decks: dict[int, FoundModel]
    inserts: dict[int, FoundModel]


class SongModels:
    """Finds the models of songs, and remembers what each song misses. Songs are known by their keys."""

    def __init__(self) -> None:
        self._missing: dict[int, tuple[str, ...]] = {}
        self._paths: dict[int, tuple[tuple[Path | None, ...], tuple[Path | None, ...]]] = {}
        self._scanning: threading.Thread | None = None
        self._learnt = threading.Event()

    def find(self, key: int, song: Song) -> FoundModels:
        """[disk] The models that a song names."""
        decks = {deck: _find(model) for deck, model in song.models.items()}
        inserts = {insert: _find(module) for insert, module in song.modules.items()}
        named = [(f"deck {deck}", model, decks[deck]) for deck, model in song.models.items()]
        named += [
            (f"insert {insert_place(insert)}", module, inserts[insert])
            for insert, module in song.modules.items()
        ]
        if any(model.sha256 and not _is_known(one, model) for _, model, one in named):
            self._scan()
        missing = [f"{place}: {one.error}" for place, _, one in named if one.error]
        missing += [
            f"{place}: {model.name!r} is another file here than the song was made with"
            for place, model, one in named
            if one.path and model.sha256 and hashes.known(one.path) not in ("", model.sha256)
        ]
        self._missing[key] = (*missing, *missing_files(song))
        self._paths[key] = (
            tuple(one.path for one in decks.values()),
            tuple(one.path for one in inserts.values()),
        )
        return FoundModels(decks, inserts)

    def _scan(self) -> None:
        if not self._scanning or not self._scanning.is_alive():
            self._scanning = threading.Thread(target=self._hash_library, name="library", daemon=True)
            self._scanning.start()

    def _hash_library(self) -> None:
        """[disk]"""
        if hashes.scan():
            self._learnt.set()

    def take_learnt(self) -> bool:
        """Whether a scan has ended, so that songs may find more models; True once for each scan."""
        learnt = self._learnt.is_set()
        self._learnt.clear()
        return learnt

    def missing(self, key: int) -> tuple[str, ...]:
        """The models and files of a song that are not here, a line each."""
        return self._missing.get(key, ())

    def paths(self, key: int) -> tuple[tuple[Path | None, ...], tuple[Path | None, ...]]:
        """The files of a song's models, one for each deck, and of its modules, one for each insert.

        None for a file that is not here.
        """
        return self._paths.get(key, ((), ()))


def _is_known(found: FoundModel, model: ModelName) -> bool:
    return found.path is not None and hashes.known(found.path) == model.sha256


def _find(model: ModelName) -> FoundModel:
    try:
        return FoundModel(model_file(model))
    except PerformError as error:
        return FoundModel(None, str(error))
