"""Shapes the source's latents for the decoder: source x scale + bias + modulation, for each latent.

Where bias 0 is at the model's home, the source is its distance from there.
"""

from __future__ import annotations

import numpy as np

from perform.core import params
from perform.core.params import SLOTS, Table
from perform.voice.sources import Latents

GLIDE_S = 0.05  #: glide from one source to another
RISE_S = 0.01  #: glide when the input's gate opens: short, to keep the attack


class LatentGlide:
    """[render] A linear glide from the last latents to those of a new source.

    frame_s : length of a frame now, seconds
    """

    def __init__(self, frame_s: float) -> None:
        self.frame_s = frame_s
        self.key: object = None  #: of the current source
        self._from = self._last = np.zeros(0)
        self._progress, self._step = 1.0, 1.0

    def __call__(self, key: object, z: Latents, seconds: float = GLIDE_S) -> Latents:
        """The next frame; a new `key` starts a glide of this many seconds."""
        if key != self.key:
            if self.key is not None:
                self._from, self._progress = self._last, 0.0
                self._step = min(1.0, self.frame_s / seconds)
            self.key = key
        if self._progress < 1.0:
            self._progress = min(1.0, self._progress + self._step)
        if self._progress < 1.0:
            z = self._from + (z - self._from) * self._progress
        self._last = z
        return z


class LatentShaping:
    """[render] A deck's parameters for each latent. Latents beyond LATENTS pass unchanged.

    frame_s : length of a frame now, seconds
    """

    def __init__(self, deck: int, latents: int, frame_s: float) -> None:
        n = min(latents, params.LATENTS)
        self.frame_s, self._n = frame_s, n
        names = ("bias", "scale", "mute", "freeze", "smooth", "level", "pitch")
        first = {name: params.slots(deck, name).start for name in names}
        self._slots = {name: slice(at, at + n) for name, at in first.items()}
        self._wet = SLOTS[f"deck/{deck}/wet"]
        self._held, self._z = np.zeros(n), np.zeros(0)

    def __call__(
        self, source: Latents, table: Table, level: float, octaves: float, home: Latents | float = 0.0
    ) -> Latents:
        """Latents of the source (latents,) -> latents for the decoder (latents,).

        level, octaves : modulation by the live input: its level 0..1, its pitch in octaves above 220 Hz
        home : the latents of bias 0, (latents,)
        """
        n, now = self._n, {name: table[at] for name, at in self._slots.items()}
        z = (source - home) * table[self._wet]
        self._held = np.where(now["freeze"] > 0, self._held, z[:n])
        scaled = self._held * now["scale"] + level * now["level"] + octaves * now["pitch"]
        target = np.where(now["mute"] > 0, 0.0, scaled) + now["bias"]
        if now["smooth"].any() and len(self._z):
            with np.errstate(divide="ignore"):
                target += np.exp(-self.frame_s / now["smooth"]) * (self._z - target)
        self._z = z[:n] = target
        return np.asarray(z + home)
