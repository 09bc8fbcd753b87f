"""A sound file as a deck's source: its latents, which are made ahead, and where in them it plays."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from perform.core.errors import PerformError
from perform.core.realtime import hurry, idle
from perform.engine.protocol import StreamingEncoder, Vector
from perform.engine.sound_encoder import SoundEncoder
from perform.library.sound_files import SoundFile
from perform.voice.sources import Latents

LONGEST_S = 3600.0  #: of a file; what comes after is not heard
TELL_S = 0.1  #: between two words of how much is there


class FileLatents:
    """A file as one model hears it. The thread writes, the renderer reads what is there.

    path  : of the file;  error: why there is no more of it, or ""
    """

    def __init__(self, path: Path) -> None:
        self.path, self.error = path, ""
        self._latents = np.zeros((0, 0), np.float32)
        self.ready = 0  #: frames that are there
        self.length = 0  #: frames it has, about until all of them are there
        self._over = False  # all of it is there, or nobody wants more
        self._hurried = False
        self._reader = 0  # the thread that reads, by its native id

    @property
    def part(self) -> float:
        """How much of it is there, 0..1."""
        return 1.0 if self._over else self.ready / self.length if self.length else 0.0

    def drop(self) -> None:
        """Nobody wants it any more: `read` ends."""
        self._over = True

    def hurry(self) -> None:
        """Somebody plays it: `read` is patient no more."""
        self._hurried = True
        if self._reader:
            hurry(self._reader)

    def read(
        self,
        encoder: StreamingEncoder,
        *,
        patient: bool = False,
        on_part: Callable[[float], None] | None = None,
    ) -> None:
        """[disk] Read and encode all of it; `error` says why not.

        encoder : nobody else uses it;  patient : take only what nobody else wants
        on_part : is told now and then how much is there, 0..1
        """
        self._reader = threading.get_native_id()
        if patient:
            idle()
        if self._hurried:  # before that
            hurry(self._reader)
        told = time.monotonic()
        for _ in self._frames(encoder):
            if self._over:
                return
            if on_part and time.monotonic() - told >= TELL_S:
                told = time.monotonic()
                on_part(self.part)
        self._over = True
        if on_part:
            on_part(1.0)

    def _frames(self, encoder: StreamingEncoder) -> Iterator[None]:
        """[disk] Encode it, block by block."""
        card = encoder.card
        try:
            with SoundFile(self.path) as sound:
                seconds = min(sound.frames / sound.rate, LONGEST_S)
                limit = math.ceil(seconds * card.sample_rate / card.ratio) + 1
                self._latents = np.zeros((limit, card.latents), np.float32)
                self.length = limit
                listening = SoundEncoder(encoder, sound.rate)
                for block in sound.blocks():
                    self._keep(listening(block))
                    yield
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


class FileSource:
    """[render] Where a recording plays: round and round between two points, or once; another anew."""

    def __init__(self) -> None:
        self._at = 0.0
        self._of: FileLatents | None = None
        self.turns = 0  #: how often it has begun
        self._plays = 0.0

    def next(
        self, recording: FileLatents, speed: float, *, begin: float, end: float, loop: bool, plays: float
    ) -> Latents | None:
        """The next frame's latents; None where it is over, or its beginning is not there yet.

        speed : frames a frame;  begin, end : of the whole, 0..1;  plays : grows where it shall begin again
        """
        first = begin * recording.length
        last = max(end * recording.length, first + 1.0)
        if recording.ready <= max(min(first, recording.length - 1.0), 0.0):
            return None
        if recording is not self._of or plays != self._plays:
            self._at, self._of, self._plays = first, recording, plays
            self.turns += 1
        if not first <= self._at < last:
            if not loop:
                return None
            self._at = first + (self._at - first) % (last - first)
            self.turns += 1
        z = recording.at(self._at)
        self._at += speed
        return z
