"""Shapes the source's latents for the decoder: source x scale + bias + modulation, for each latent.

Where bias 0 is at the model's home, the source is its distance from there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
        n, self._latents = min(latents, params.LATENTS), latents
        self.frame_s = frame_s
        self._deck, self._n = deck, n
        self._slots, self._read = params.slots(deck), b""  # bytes of the parameters that were read last
        self._held, self._z = np.zeros(n), np.zeros(0)

    def _read_parameters(self, table: Table) -> None:
        def values(name: str) -> Latents:
            return table[params.slots(self._deck, name)][: self._n].copy()

        self._wet = float(table[SLOTS[f"deck/{self._deck}/wet"]])
        self._scale, self._bias, self._smooth = values("scale"), values("bias"), values("smooth")
        self._level, self._pitch = values("level"), values("pitch")
        self._muted, self._frozen = values("mute") > 0, values("freeze") > 0
        self._follows_input = bool(self._level.any() or self._pitch.any())
        self._mutes, self._freezes = bool(self._muted.any()), bool(self._frozen.any())
        self._smooths = bool(self._smooth.any())

    def __call__(
        self, source: Latents, table: Table, level: float, octaves: float, home: Latents | float = 0.0
    ) -> Latents:
        """Latents of the source (latents,) -> latents for the decoder (latents,).

        level, octaves : modulation by the live input: its level 0..1, its pitch in octaves above 220 Hz
        home : the latents of bias 0, (latents,)
        """
        read = table[self._slots].tobytes()
        if read != self._read:
            self._read = read
            self._read_parameters(table)
        n = self._n
        z = (source - home) * self._wet
        self._held = np.where(self._frozen, self._held, z[:n]) if self._freezes else z[:n].copy()
        target = self._held * self._scale
        if self._follows_input:
            target = target + level * self._level + octaves * self._pitch
        if self._mutes:
            target[self._muted] = 0.0
        target += self._bias
        if self._smooths and len(self._z):
            with np.errstate(divide="ignore"):
                target += np.exp(-self.frame_s / self._smooth) * (self._z - target)
        self._z = z[:n] = target
        shaped: Latents = z + home
        return shaped

    def gains(self) -> npt.NDArray[np.float32]:
        """The gain of the source for each latent, (latents,), of the last frame: its scale, by `wet`."""
        gains = np.full(self._latents, self._wet, np.float32)
        gains[: self._n] *= np.where(self._muted, 0.0, self._scale)
        return gains
