"""What feeds a deck's latents, a vector a frame: the hand, the model's gesture, a random walk, its prior."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from perform.library.cards import Card

Latents = npt.NDArray[np.float64]  #: (latents,), sigma


class LatentSource(Protocol):
    """[render] One vector a frame; the same seed and speeds give the same vectors."""

    def next(self, speed: float) -> Latents:
        """The next frame's latents; `speed` 1 is the source's own pace, 0 stands still."""
        ...


class HandSource:
    """Nothing of its own: the biases alone play."""

    def __init__(self, latents: int) -> None:
        self._still = np.zeros(latents)

    def next(self, speed: float) -> Latents:
        """Zeros."""
        return self._still


class LoopSource:
    """A recorded gesture (frames, latents), round and round, linear between its frames."""

    def __init__(self, gesture: npt.NDArray[np.float32]) -> None:
        self._gesture = gesture.astype(np.float64)
        self._at = 0.0

    def next(self, speed: float) -> Latents:
        """The gesture at the present position, which moves on by `speed` frames."""
        frames = len(self._gesture)
        first = int(self._at)
        part = self._at - first
        z: Latents = (1 - part) * self._gesture[first] + part * self._gesture[(first + 1) % frames]
        self._at = (self._at + speed) % frames
        return z


class WalkSource:
    """A smooth random walk inside the corpus's own distribution.

    White noise through two one-pole low-passes of `pace_s` each, brought back to unit variance (a
    second-order Ornstein-Uhlenbeck process), then scaled to each latent's mean and deviation.
    """

    def __init__(self, card: Card, seed: int, pace_s: float = 0.3) -> None:
        self._mean, self._std = np.array(card.latent_mean), np.array(card.latent_std)
        self._frame_s, self._pace_s = card.ratio / card.sample_rate, pace_s
        self._random = np.random.default_rng(seed)
        self._fast, self._slow = self._random.standard_normal((2, card.latents))
        self._slow *= np.sqrt(0.5)

    def next(self, speed: float) -> Latents:
        """The walk one step on; a higher speed is a quicker walk of the same width."""
        a = np.exp(-self._frame_s * speed / self._pace_s)
        if speed > 0:
            noise = self._random.standard_normal(len(self._mean))
            self._fast = a * self._fast + np.sqrt(1 - a * a) * noise  # variance 1
            self._slow = a * self._slow + (1 - a) * self._fast  # variance (1 + a^2) / (1 + a)^2
        unit = self._slow * (1 + a) / np.sqrt(1 + a * a)
        z: Latents = self._mean + self._std * unit
        return z


class PriorSource:
    """A model's own prior: latents as they tend to follow one another, linear between its frames.

    draw : the next frame's latents, by a seed of 32 bits
    """

    def __init__(self, draw: Callable[[int], npt.NDArray[np.float32]], seed: int) -> None:
        self._draw, self._random = draw, np.random.default_rng([seed, 2])
        self._from: Latents | None = None  # until it is asked the first time: it costs time
        self._to, self._at = np.zeros(0), 0.0

    def next(self, speed: float) -> Latents:
        """The prior `speed` of its frames on."""
        if self._from is None:
            self._from, self._to = self._drawn(), self._drawn()
        z: Latents = self._from + self._at * (self._to - self._from)
        self._at += speed
        while self._at >= 1:
            self._from, self._to, self._at = self._to, self._drawn(), self._at - 1
        return z

    def _drawn(self) -> Latents:
        z: Latents = self._draw(int(self._random.integers(1 << 32))).astype(np.float64)
        return np.nan_to_num(z, posinf=0.0, neginf=0.0)
