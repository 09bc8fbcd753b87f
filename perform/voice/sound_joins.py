"""One sound after another without a click: the step between two of them decays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perform.engine.protocol import Vector

JOIN_S = 0.002  #: time constant with which a step between two sounds decays


class SoundJoins:
    """[render] Joins sounds, a frame at a time. It begins with silence.

    channels, ratio : of each frame
    rate            : samples a second
    """

    def __init__(self, channels: int, ratio: int, rate: float) -> None:
        self._channels, self._ratio = channels, ratio
        self._decay = np.exp(-np.arange(ratio + 1) / (JOIN_S * rate)).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Begin again, from silence."""
        self._key: object = None
        self._last = self._step = np.zeros(self._channels, np.float32)

    def play(self, key: object, x: Vector, joins: Sequence[int] = ()) -> Vector:
        """Return the next frame's sound, (channels, ratio).

        x     : the frame, (channels x ratio,) or (channels, ratio)
        joins : indices in it at which another sound begins; a new `key` is one at 0
        """
        x = x.reshape(self._channels, -1).copy()
        raw, step, at = x.copy(), self._step, 0
        for join in sorted({*joins} | ({0} if key != self._key else set())):
            x[:, at:join] += step[:, None] * self._decay[: join - at]
            before = x[:, join - 1] if join else self._last
            step, at = before - raw[:, join], join
        x[:, at:] += step[:, None] * self._decay[: self._ratio - at]
        self._step = step * self._decay[self._ratio - at]
        self._step[np.abs(self._step) < 1e-9] = 0.0
        self._key, self._last = key, x[:, -1].copy()
        return x

    def silence(self) -> Vector:
        """Return a frame without sound; the end of the last sound decays in it."""
        return self.play("silence", np.zeros((self._channels, self._ratio), np.float32))
