"""The models of a replayed take: found by their SHA-256, or swapped for others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from perform.core.errors import PerformError, WrongUse
from perform.engine.protocol import PlayableModel
from perform.foreign.opening import open_model
from perform.library import hashes, places
from perform.library.former_voices import farewell
from perform.library.hashes import sha256
from perform.library.model_library import find_model
from perform.offline.logged_take import LoggedTake, deck_of, lane_text
from perform.voice.recorded_streams import RecordedModel


def take_models(logged: LoggedTake, swap: Mapping[int, str]) -> Callable[[int, RecordedModel], PlayableModel]:
    """Return a function (deck, recorded model) -> model to play; it opens each model once.

    swap : deck -> another model, by library name or path
    PerformError names all missing models; WrongUse if a swapped deck does not play in the take.
    """
    swapped = {deck: find_model(name) for deck, name in swap.items()}
    for deck in swapped:
        if not logged.plays(deck):
            there = ", ".join(str(other) for other in sorted({deck_of(lane) for lane in logged.lanes} - {0}))
            raise WrongUse(f"deck {deck} is silent in this take", hint=f"decks that play: {there}")
    files: dict[str, Path] = {}
    missing, lost = [], set()
    for lane, streams in logged.lanes.items():
        for model in {stream.model for stream in streams} if deck_of(lane) not in swapped else ():
            if path := _find(model):
                files[model.sha256] = path
            else:
                lost.add(model.name)
                missing.append(f"{model.name} (SHA-256 {model.sha256[:12]}) of {lane_text(lane)}")
    if missing:
        byes = {bye for model in lost if (bye := farewell(model))}
        hint = "put the file into your models folder, or use another model with --swap DECK=MODEL"
        hint = "; ".join((*sorted(byes), hint))
        raise PerformError(f"models of this take are missing: {'; '.join(sorted(set(missing)))}", hint=hint)
    opened: dict[Path, PlayableModel] = {}

    def model_for(deck: int, model: RecordedModel) -> PlayableModel:
        path = swapped.get(deck) or files[model.sha256]
        if path not in opened:
            opened[path] = open_model(path, separate_process=True)
        return opened[path]

    return model_for


def _find(model: RecordedModel) -> Path | None:
    """Find a model's file by its hash: the file that was played, or else one of the library."""
    if known := hashes.find_or_scan(model.sha256):
        return known
    for converted in sorted(places.cache().glob("*.safetensors")):
        with suppress(OSError):
            if sha256(converted) == model.sha256:
                return converted
    return None
