"""Sources of latents, one vector per frame: the hand, the model's loop, a random walk, the model's prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from perform.library.cards import Card

Latents = npt.NDArray[np.float64]  #: (latents,), sigma


class LatentSource(Protocol):
    """[render] One vector per frame; the same seed and speeds give the same vectors."""

    def next(self, speed: float) -> Latents:
        """The next frame's latents; `speed` 1 is the normal pace, 0 holds."""
        ...


class LoopSource:
    """Repeats the model's gesture (frames, latents), interpolated linearly between its frames."""

    def __init__(self, gesture: npt.NDArray[np.float32]) -> None:
        self._gesture = gesture.astype(np.float64)
        self._at = 0.0

    def next(self, speed: float) -> Latents:
        """The gesture at the current position, which then advances by `speed` frames."""
        frames = len(self._gesture)
        first = int(self._at)
        part = self._at - first
        z: Latents = (1 - part) * self._gesture[first] + part * self._gesture[(first + 1) % frames]
        self._at = (self._at + speed) % frames
        return z


class WalkSource:
    """A smooth random walk with the mean and deviation that each latent has in the model's corpus.

    White noise through two one-pole low-passes with a time constant of `pace_s`, normalised to unit variance:
    a second-order Ornstein-Uhlenbeck process.
    """

    def __init__(self, card: Card, seed: int, pace_s: float = 0.3) -> None:
        self._mean, self._std = np.array(card.latent_mean), np.array(card.latent_std)
        self._frame_s, self._pace_s = card.ratio / card.sample_rate, pace_s
        self._random = np.random.default_rng(seed)
        self._fast, self._slow = self._random.standard_normal((2, card.latents))
        self._slow *= np.sqrt(0.5)
        self._speed: float | None = None  # for which the factors of a step are known

    def next(self, speed: float) -> Latents:
        """The next step; a higher speed is a faster walk of the same width."""
        if speed != self._speed:
            self._speed, a = speed, float(np.exp(-self._frame_s * speed / self._pace_s))
            self._a, self._noise, self._width = a, math.sqrt(1 - a * a), math.sqrt(1 + a * a)
        a = self._a
        if speed > 0:
            noise = self._random.standard_normal(len(self._mean))
            self._fast = a * self._fast + self._noise * noise  # variance 1
            self._slow = a * self._slow + (1 - a) * self._fast  # variance (1 + a^2) / (1 + a)^2
        unit = self._slow * (1 + a) / self._width
        z: Latents = self._mean + self._std * unit
        return z


class PriorSource:
    """Latents that the model's prior generates, interpolated linearly between its frames.

    draw        : gives the next frame's latents, from a temperature and a 32-bit seed
    temperature : of the frames drawn from now on
    """

    def __init__(self, draw: Callable[[float, int], npt.NDArray[np.float32]], seed: int) -> None:
        self._draw, self._random, self.temperature = draw, np.random.default_rng([seed, 2]), 1.0
        self._from: Latents | None = None  # drawn at the first `next`: it takes time
        self._to, self._at = np.zeros(0), 0.0

    def next(self, speed: float) -> Latents:
        """The prior at the current position, which then advances by `speed` frames."""
        if self._from is None:
            self._from, self._to = self._drawn(), self._drawn()
        z: Latents = self._from + self._at * (self._to - self._from)
        self._at += speed
        while self._at >= 1:
            self._from, self._to, self._at = self._to, self._drawn(), self._at - 1
        return z

    def _drawn(self) -> Latents:
        z: Latents = self._draw(self.temperature, int(self._random.integers(1 << 32))).astype(np.float64)
        return np.nan_to_num(z, posinf=0.0, neginf=0.0)
