"""Channel choice of the live input: the encoders get its left channel, its right one or their sum."""

from __future__ import annotations

import numpy as np

from perform.audio.guard import Signal

RAMP_S = 0.010  #: from one choice to the next
#: (channels in, channels out) of each choice
_WEIGHTS = {
    "stereo": np.eye(2),
    "left": np.array([[1.0, 1.0], [0.0, 0.0]]),
    "right": np.array([[0.0, 0.0], [1.0, 1.0]]),
    "sum": np.full((2, 2), 0.5),
}


class ChannelChoice:
    """[audio] Puts one channel, or half of their sum, on both. A change is a ramp, the same in any blocks."""

    def __init__(self, rate: float) -> None:
        self._frames = round(RAMP_S * rate)
        self._from = self._to = _WEIGHTS["stereo"]
        self._at = self._frames  # of the ramp

    def __call__(self, x: Signal, choice: str) -> Signal:
        """[audio] (n, 2) -> (n, 2) with a choice of params.CHANNELS."""
        if self._to is not _WEIGHTS[choice]:
            done = self._at / self._frames
            self._from, self._to, self._at = self._from + done * (self._to - self._from), _WEIGHTS[choice], 0
        if self._at == self._frames:
            return x if choice == "stereo" else x @ self._to
        ramp = np.minimum(np.arange(self._at + 1, self._at + len(x) + 1), self._frames) / self._frames
        self._at = min(self._at + len(x), self._frames)
        mixed: Signal = x @ self._from + ramp[:, None] * (x @ (self._to - self._from))
        return mixed
