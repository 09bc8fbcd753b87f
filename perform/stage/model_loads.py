"""Predicts a song's load from the render times of its models: measured while they load, then as they play."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from perform.core.processor_cores import available_cores
from perform.stage.rack import Rack

EVERY_S = 0.5  #: between two looks at what plays
SHARE = 1 / 3  #: what a further deck with the same model adds, as one batch (docs/measurements.md, Decks)


class ModelLoads:
    """The load of each model's file: render time over the duration of a frame; 1 leaves no time.

    cores : processor cores that render
    """

    def __init__(self, cores: int | None = None) -> None:
        self._cores = cores or available_cores()
        self._measured: dict[Path, float] = {}  # unheard, while it loaded
        self._played: dict[Path, float] = {}
        self._next = 0.0

    def observe(self, rack: Rack) -> None:
        """[main] Note the loads of the models that are loaded, and of those that play."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY_S
        self._measured |= rack.hosts.loads
        decks = Counter(deck.model for deck in rack.decks.values())
        for number, deck in rack.decks.items():
            load = rack.arena.meter(f"deck/{number}/load")
            if deck.model and deck.settled and load > 0:  # 0: it has just begun
                self._played[deck.model] = load / _times(decks[deck.model])

    def predict(self, models: Iterable[Path | None], modules: Iterable[Path | None] = ()) -> float:
        """Predict the load of a song: how busy its busiest model is, or all cores on average.

        The higher of both counts; 0 if a model has never been loaded, so that its load is not known.

        models  : of the decks
        modules : of the inserts; each renders by itself
        """
        decks = Counter(model for model in models if model)
        inserts = Counter(module for module in modules if module)
        loads = []
        for path in decks.keys() | inserts.keys():
            load = self._played.get(path, self._measured.get(path, 0.0))
            if not load:
                return 0.0
            loads.append(load * (_times(decks[path]) + inserts[path]))
        return max(*loads, sum(loads) / self._cores) if loads else 0.0


def _times(decks: int) -> float:
    """How many times as long a frame of so many decks with one model takes."""
    return 1 + (decks - 1) * SHARE if decks else 0.0
