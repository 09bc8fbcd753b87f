"""The models that songs name: their files, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from perform.core.errors import PerformError
from perform.library import hashes
from perform.library.song import ModelName, Song
from perform.library.song_files import model_file
from perform.stage.deck_files import missing_files


class FoundModel(NamedTuple):
    """The file of a model, or why there is none."""

    path: Path | None
    error: str = ""


class SongModels:
    """Finds the models of songs, and remembers what each song misses. Songs are known by their keys."""

    def __init__(self) -> None:
        self._missing: dict[int, tuple[str, ...]] = {}

    def find(self, key: int, song: Song) -> dict[int, FoundModel]:
        """[disk] Deck -> the model that a song names for it."""
        found = {deck: _find(model) for deck, model in song.models.items()}
        missing = [f"deck {deck}: {one.error}" for deck, one in found.items() if one.error]
        missing += [
            f"deck {deck}: {model.name!r} is another file here than the song was made with"
            for deck, model in song.models.items()
            if (path := found[deck].path) and model.sha256 and hashes.known(path) not in ("", model.sha256)
        ]
        self._missing[key] = (*missing, *missing_files(song))
        return found

    def missing(self, key: int) -> tuple[str, ...]:
        """The models and files of a song that are not here, a line each."""
        return self._missing.get(key, ())


def _find(model: ModelName) -> FoundModel:
    try:
        return FoundModel(model_file(model))
    except PerformError as error:
        return FoundModel(None, str(error))
