"""A sound file as a deck's source: its latents, which are made ahead, and where in them it plays."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from perform.errors import PerformError
from perform.hosts.host import Encoder, Vector
from perform.hosts.listening import Listening
from perform.hosts.sources import Latents
from perform.soundfiles import Sound

LONGEST_S = 3600.0  #: of a file; what comes after is not heard


class Recording:
    """A file as one model hears it. The thread writes, the renderer reads what is there.

    path  : of the file;  error: why there is no more of it, or ""
    encoder : its own, nobody else uses it
    """

    def __init__(self, path: Path, encoder: Encoder) -> None:
        self.path, self.error = path, ""
        self._encoder = encoder
        self._latents = np.zeros((0, encoder.card.latents), np.float32)
        self.ready = 0  #: frames that are there
        self.length = 0  #: frames it has, about until all of them are there

    def read(self) -> None:
        """[disk] Read and encode all of it; `error` says why not."""
        card = self._encoder.card
        try:
            with Sound(self.path) as sound:
                seconds = min(sound.frames / sound.rate, LONGEST_S)
                limit = math.ceil(seconds * card.sample_rate / card.ratio) + 1
                self._latents = np.zeros((limit, card.latents), np.float32)
                self.length = limit
                listening = Listening(self._encoder, sound.rate)
                for block in sound.blocks():
                    self._keep(listening(block))
                silence = np.zeros((sound.rate // 10, sound.channels), np.float32)
                self._keep(listening(silence)[: self.length - self.ready])  # what a resampler held back
        except (PerformError, MemoryError) as error:
            self.error = str(error)
        self.length = self.ready

    def _keep(self, frames: list[np.ndarray]) -> None:
        for z in frames[: len(self._latents) - self.ready]:
            self._latents[self.ready] = z
            self.ready += 1

    def frames(self, start: int) -> Vector:
        """(n, latents) of those that are there, from one of them on."""
        return self._latents[start : self.ready]

    def at(self, position: float) -> Latents:
        """[render] (latents,) at a frame, linear between two; the last one that is there, beyond."""
        last = self.ready - 1
        position = min(max(position, 0.0), float(last))
        first = int(position)
        part = position - first
        here, there = self._latents[first], self._latents[min(first + 1, last)]
        return np.asarray((1 - part) * here + part * there, np.float64)


class Playing:
    """[render] Where a recording plays: round and round between two points, or once."""

    def __init__(self) -> None:
        self._at: float | None = None
        self.turns = 0  #: how often it has begun
        self._plays = 0.0

    def next(
        self, recording: Recording, speed: float, *, begin: float, end: float, loop: bool, plays: float
    ) -> Latents | None:
        """The next frame's latents; None where it is over, or nothing of it is there.

        speed : frames a frame;  begin, end : of the whole, 0..1;  plays : grows where it shall begin again
        """
        first = begin * recording.length
        last = max(end * recording.length, first + 1.0)
        if self._at is None or plays != self._plays:
            self._at, self._plays = first, plays
            self.turns += 1
        if not recording.ready:
            return None
        if not first <= self._at < last:
            if not loop:
                return None
            self._at = first + (self._at - first) % (last - first)
            self.turns += 1
        z = recording.at(self._at)
        self._at += speed
        return z
