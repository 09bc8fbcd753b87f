"""The source "file" of an effect module: plays the sound of a file, sample by sample."""

from __future__ import annotations

import numpy as np

from perform.engine.file_latents import FileLatents
from perform.engine.protocol import Vector
from perform.voice.file_source import FileTransport


class SoundFileSource:
    """[render] A playing position in a file's sound: it loops between two points, or plays once.

    ratio : samples of a frame
    joins : indices in the last frame at which the sound began anew
    """

    def __init__(self, ratio: int) -> None:
        self._ratio = ratio
        self._position = 0.0  # in samples
        self._transport = FileTransport()
        self._wrapped = False  # the loop began again just after the last frame
        self.joins: list[int] = []

    def next(
        self,
        file: FileLatents,
        speed: float,
        *,
        begin: float,
        end: float,
        loop: bool,
        plays: float,
        stops: float,
    ) -> Vector | None:
        """Return the next frame's sound, (channels, ratio).

        None after the end or a stop, before this frame's sound is read, and at speed 0. The arguments are
        those of `FileSource.next`; speed is in samples of the file per sample.
        """
        self._transport.stop(stops)
        if not file.ready or speed == 0.0:
            return None
        first = begin * file.length * self._ratio
        last = max(end * file.length * self._ratio, first + self._ratio)
        restarts = self._transport.starts(file, plays)
        if restarts:
            self._position = first
        if self._transport.stopped:
            return None
        if not loop and not first <= self._position < last:
            return None
        positions = self._position + speed * np.arange(self._ratio + 1, dtype=np.float64)
        wraps = np.floor((positions - first) / (last - first)) if loop else np.zeros(len(positions))
        positions = positions - wraps * (last - first)
        if file.ready < file.length and positions.max() + 1 >= file.ready * self._ratio:
            return None
        turns = np.diff(wraps, prepend=0.0)  # not 0 where the loop begins again; the last is the next frame's
        if restarts or self._wrapped:
            turns[0] = 1.0
        self.joins = np.flatnonzero(turns[:-1]).tolist()
        self._position = float(positions[-1])
        self._wrapped = bool(turns[-1])
        x = file.samples_at(positions[:-1], self._ratio)
        over = positions[:-1] >= last  # of a file that plays once
        if over.any():
            x[:, over] = 0.0
            self.joins.append(int(np.argmax(over)))
        return x
