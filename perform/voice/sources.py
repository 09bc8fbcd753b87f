"""Sources of latents, one vector per frame: the model's loop, random walks, the model's prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from perform.library.cards import Card

Latents = npt.NDArray[np.float64]  #: (latents,), sigma
TINY = 1e-6  #: sigma; a latent that never moves has a deviation of 0


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


QUIET = 0.25  #: share of a loop's moments that are too quiet for a walk
DRAWN = 4  #: moments of which a walk goes to the nearest
LEG_S = 0.3, 1.5  #: shortest and longest way from one moment to the next, at speed 1


def lively_moments(gesture: npt.NDArray[np.float32], card: Card) -> npt.NDArray[np.float64]:
    """Return the moments (n, latents) of a model's loop without the quietest ones.

    If no latent is known to make it louder, those farthest from the model's home count as quiet.
    """
    if not len(gesture):
        return np.zeros((0, card.latents))
    home = np.array(card.latent_home or card.latent_mean)
    offset = (gesture - home) / np.maximum(card.latent_std, TINY)
    loud = [i for i, word in enumerate(card.latent_words) if word == "loud"]
    lively = offset[:, loud].sum(axis=1) if loud else -np.linalg.norm(offset, axis=1)
    kept: npt.NDArray[np.float64] = gesture[lively >= np.quantile(lively, QUIET)].astype(np.float64)
    return kept


class CorpusWalk:
    """A random walk from one moment of the model's loop to another: its latents go together as in the corpus.

    The next moment is the nearest of DRAWN random ones, and the way there is eased.
    moments : (n, latents), one at least
    """

    def __init__(self, moments: npt.NDArray[np.float64], card: Card, seed: int) -> None:
        self._moments, self._spread = moments, np.maximum(card.latent_std, TINY)
        self._frame_s, self._random = card.ratio / card.sample_rate, np.random.default_rng([seed, 3])
        self._to: Latents = moments[self._random.integers(len(moments))]
        self._set_out()

    def _set_out(self) -> None:
        self._from, self._at, self._leg_s = self._to, 0.0, self._random.uniform(*LEG_S)
        drawn = self._moments[self._random.integers(len(self._moments), size=DRAWN)]
        self._to = drawn[np.square((drawn - self._from) / self._spread).sum(axis=1).argmin()]

    def next(self, speed: float) -> Latents:
        """The next step; a higher speed walks faster from moment to moment."""
        eased = self._at * self._at * (3.0 - 2.0 * self._at)
        z: Latents = self._from + eased * (self._to - self._from)
        self._at += speed * self._frame_s / self._leg_s
        if self._at >= 1.0:
            self._set_out()
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
