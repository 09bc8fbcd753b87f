"""How one frame of a model is mixed with the sound of its deck's file, in a voice and in a replay."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]  #: (channels, n)

_GAINS = struct.Struct("<ffH")  # the model's gains, channels of the dry sound


class FileMix(NamedTuple):
    """The mix of one frame, at the model's rate.

    before, after : gain of the model's sound at the beginning and at the end of the frame
    dry           : the file's own sound, (1 or 2, samples), with its gain; None: silence
    """

    before: float
    after: float
    dry: Samples | None

    def mixed(self, y: Samples) -> Samples:
        """Return the sum of a model's frame (channels, samples) and the dry sound; stereo if either is."""
        if self.before != 1.0 or self.after != 1.0:
            y = y * line(self.before, self.after, y.shape[1])
        return y if self.dry is None else y + self.dry

    def pack(self) -> bytes:
        """Pack it as the payload of a record of an event log."""
        if self.dry is None:
            return _GAINS.pack(self.before, self.after, 0)
        return _GAINS.pack(self.before, self.after, len(self.dry)) + self.dry.astype("<f4").tobytes()

    @classmethod
    def unpack(cls, payload: bytes) -> FileMix:
        """Unpack a payload. ValueError: it is damaged."""
        if len(payload) < _GAINS.size:
            raise ValueError("a file's sound cut short")
        before, after, channels = _GAINS.unpack_from(payload)
        values, rest = divmod(len(payload) - _GAINS.size, 4)
        if rest or channels > 2 or (values % channels if channels else values):
            raise ValueError("a file's sound cut short")
        if not channels:
            return cls(before, after, None)
        dry = np.frombuffer(payload, "<f4", offset=_GAINS.size).astype(np.float32)
        return cls(before, after, dry.reshape(channels, -1))


def line(before: float, after: float, n: int) -> Samples:
    """Return a gain that moves in a straight line over n samples, (n,); the last one has `after`."""
    part = np.arange(1, n + 1, dtype=np.float32) / np.float32(n)
    return np.float32(before) + np.float32(after - before) * part
