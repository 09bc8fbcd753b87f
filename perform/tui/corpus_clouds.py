"""The corpora of the decks' models, for clouds of dots; a thread reads each once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perform.library.corpus_latents import read_corpus
from perform.stage.status import DeckStatus

KEPT = 8  #: corpora kept in memory, one per deck


@dataclass(frozen=True, eq=False)
class CorpusCloud:
    """Latents of a corpus, (frames, latents), in sigma. Compared by identity: it is the key of a cache."""

    z: npt.NDArray[np.float32]


_Key = tuple[str, str, tuple[float, ...]]  # path, hash, and the ranges, which a calibration changes

NO_CORPUS = CorpusCloud(np.zeros((0, 0), np.float32))


class CorpusClouds:
    """[ui] Gives a deck's corpus: empty until it has been read, or where the file has none."""

    def __init__(self) -> None:
        self._clouds: dict[_Key, CorpusCloud] = {}

    def of(self, deck: DeckStatus) -> CorpusCloud:
        """The corpus of a deck's model."""
        key = deck.path, deck.sha256, deck.latent_low
        if deck.path and key not in self._clouds:
            if len(self._clouds) == KEPT:
                del self._clouds[next(iter(self._clouds))]
            self._clouds[key] = NO_CORPUS
            threading.Thread(target=self._read, args=(key,), name="corpus", daemon=True).start()
        return self._clouds.get(key, NO_CORPUS)

    def _read(self, key: _Key) -> None:
        """[disk] Read a corpus; it is empty if the file cannot be read."""
        self._clouds[key] = CorpusCloud(read_corpus(Path(key[0])))
