"""A sound file encoded to latents, some seconds before they are needed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perform.core.errors import PerformError
from perform.core.realtime import lower_priority, raise_priority
from perform.engine.protocol import StreamingEncoder, Vector
from perform.engine.sound_encoder import SoundEncoder
from perform.library.sound_files import SoundFile

MAX_S = 3600.0  #: seconds of a file that are encoded; the rest is left out
MAX_VALUES = 1 << 27  #: latents of a file in all; for an effect module, 23 minutes of stereo at 48 kHz
PROGRESS_S = 0.1  #: seconds between two calls of `on_progress`


class FileLatents:
    """The latents of a sound file: one thread encodes them in `read`, the render thread reads them in `at`.

    path  : the sound file
    error : why encoding stopped early, or ""
    """

    def __init__(self, path: Path) -> None:
        self.path, self.error = path, ""
        self._latents = np.zeros((0, 0), np.float32)
        self.ready = 0  #: frames encoded so far
        self.length = 0  #: frames of the whole file, an estimate until `read` ends
        self._ended = False  # all of it is encoded, or `cancel` was called
        self._needed_now = False
        self._reader = 0  # native id of the thread in `read`

    @property
    def progress(self) -> float:
        """Encoded part of the file, 0..1."""
        return 1.0 if self._ended else self.ready / self.length if self.length else 0.0

    def cancel(self) -> None:
        """Stop `read` after the block that it is encoding."""
        self._ended = True

    def raise_priority(self) -> None:
        """Raise the priority of the thread in `read`: the file is needed now."""
        self._needed_now = True
        if self._reader:
            raise_priority(self._reader)

    def read(
        self,
        encoder: StreamingEncoder,
        *,
        at_idle_priority: bool = False,
        many: bool = False,
        on_progress: Callable[[float], None] | None = None,
    ) -> None:
        """[disk] Read and encode the whole file. `error` says what went wrong.

        encoder          : used by this thread only
        at_idle_priority : run only while the processor has nothing else to do, until `raise_priority`
        many             : encode many frames per call, where no voice plays meanwhile
        on_progress      : called with the encoded part, 0..1
        """
        self._reader = threading.get_native_id()
        if at_idle_priority:
            lower_priority()
        if self._needed_now:  # `raise_priority` was called before this thread began
            raise_priority(self._reader)
        last = time.monotonic()
        for _ in self._blocks(encoder, many=many):
            if self._ended:
                return
            if on_progress and time.monotonic() - last >= PROGRESS_S:
                last = time.monotonic()
                on_progress(self.progress)
        self._ended = True
        if on_progress:
            on_progress(1.0)

    def _blocks(self, encoder: StreamingEncoder, *, many: bool) -> Iterator[None]:
        """[disk] Encode the file, and yield after each block."""
        card = encoder.card
        try:
            with SoundFile(self.path) as sound:
                most_s = MAX_VALUES / card.latents * card.ratio / card.sample_rate
                seconds = min(sound.frames / sound.rate, MAX_S, most_s)
                limit = math.ceil(seconds * card.sample_rate / card.ratio) + 1
                self._latents = np.zeros((limit, card.latents), np.float32)
                self.length = limit
                encode = SoundEncoder(encoder, sound.rate, many=many)
                for block in sound.blocks():
                    self._append(encode(block))
                    yield
                silence = np.zeros((sound.rate // 10, sound.channels), np.float32)
                self._append(encode(silence)[: self.length - self.ready])  # flush the resampler
        except PerformError as error:
            self.error = str(error)
        except Exception as error:  # of a model or a library: other files go on
            self.error = f"{self.path}: {error!r}"
        self.length = self.ready

    def _append(self, frames: list[np.ndarray]) -> None:
        for z in frames[: len(self._latents) - self.ready]:
            self._latents[self.ready] = z
            self.ready += 1

    def frames(self, start: int) -> Vector:
        """Return the encoded frames from `start` on, (n, latents)."""
        return self._latents[start : self.ready]

    def at(self, position: float) -> npt.NDArray[np.float64]:
        """[render] Return the latents at a frame position, (latents,), linear between two frames.

        Positions outside the encoded frames give the nearest one.
        """
        last = self.ready - 1
        position = min(max(position, 0.0), float(last))
        first = int(position)
        fraction = position - first
        before, after = self._latents[first], self._latents[min(first + 1, last)]
        return np.asarray((1 - fraction) * before + fraction * after, np.float64)

    def samples_at(self, positions: npt.NDArray[np.float64], ratio: int) -> Vector:
        """[render] Return samples at positions, (channels, n), linear between two; silence outside the file.

        Only for a file that a `SoundPassage` has "encoded", in frames of `ratio` samples.
        """
        whole = np.floor(positions)
        fraction = (positions - whole).astype(np.float32)
        first = whole.astype(np.int64)
        before = self._samples(first, ratio)
        return before + fraction * (self._samples(first + 1, ratio) - before) if fraction.any() else before

    def _samples(self, index: npt.NDArray[np.int64], ratio: int) -> Vector:
        """Return whole samples, (channels, n)."""
        sound = self._latents.reshape(len(self._latents), -1, ratio)  # (frames, channels, ratio)
        inside = (index >= 0) & (index < self.ready * ratio)
        at = np.where(inside, index, 0)
        found: Vector = np.where(inside[:, None], sound[at // ratio, :, at % ratio], np.float32(0.0)).T
        return np.ascontiguousarray(found)
