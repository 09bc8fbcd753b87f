"""Resampling latents from one model's frame rate to another's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Latents = npt.NDArray[np.floating]  #: (latents,), sigma


class LatentResampler:
    """[render] Resamples a stream of latents: a new frame is a mean over the longer of both frame lengths.

    So it averages to longer frames and interpolates linearly to shorter ones; equal ones pass unchanged.
    """

    def __init__(self, in_s: float, out_s: float) -> None:
        """in_s, out_s : seconds of an incoming and of an outgoing frame."""
        self._in_s, self._out_s, self._width = in_s, out_s, max(in_s, out_s)
        self._sent = 0  # outgoing frames
        self._frames: list[Latents] = []  # incoming frames still needed; `_first` is the first one's index
        self._first = 0

    def __call__(self, z: Latents) -> list[Latents]:
        """Take the next frame, (latents,), and return the outgoing frames that are complete, 0 or more."""
        if self._in_s == self._out_s:
            return [z]
        self._frames.append(z)
        complete: list[Latents] = []
        while True:
            middle = (self._sent + 0.5) * self._out_s
            begin, end = ((middle + side * self._width / 2) / self._in_s for side in (-1, 1))
            if end > self._first + len(self._frames) + 1e-9:
                return complete
            complete.append(self._mean(begin, end))
            self._sent += 1
            done = max(0, min(int(begin), self._first + len(self._frames) - 1) - self._first)
            self._first, self._frames = self._first + done, self._frames[done:]

    def _mean(self, begin: float, end: float) -> Latents:
        """Return the mean from `begin` to `end`, in frames; before frame 0, frame 0 is repeated."""
        indices = self._first + np.arange(len(self._frames))
        weights = np.clip(np.minimum(indices + 1, end) - np.maximum(indices, begin), 0.0, None)
        if self._first == 0 and begin < 0:
            weights[0] -= begin
        mean: Latents = weights @ np.stack(self._frames) / (end - begin)
        return mean
