"""From what a source gives to the latents that sound: source x scale + bias + modulation, each by itself."""

from __future__ import annotations

import numpy as np

from perform.core import params
from perform.core.params import SLOTS, Table
from perform.voice.sources import Latents

GLIDE_S = 0.05  #: from one source to another
RISE_S = 0.01  #: from the silence of a gate to the input: an attack must stay one


class LatentGlide:
    """[render] From what sounded last to another source's latents, in a straight line."""

    def __init__(self, frame_s: float) -> None:
        self._frame_s = frame_s
        self.key: object = None  #: of what it glides to, or stands at
        self._begin = self._last = np.zeros(0)
        self._way, self._step = 1.0, 1.0

    def __call__(self, key: object, z: Latents, seconds: float = GLIDE_S) -> Latents:
        """The next frame; where `key` is another than before, a glide of so many seconds begins."""
        if key != self.key:
            if self.key is not None:
                self._begin, self._way = self._last, 0.0
                self._step = min(1.0, self._frame_s / seconds)
            self.key = key
        if self._way < 1.0:
            self._way = min(1.0, self._way + self._step)
        if self._way < 1.0:
            z = self._begin + (z - self._begin) * self._way
        self._last = z
        return z


class LatentShaping:
    """[render] A deck's numbers for each of its latents. Those beyond LATENTS are what the source gives.

    frame_s : seconds of a frame
    """

    def __init__(self, deck: int, latents: int, frame_s: float) -> None:
        n = min(latents, params.LATENTS)
        self._frame_s, self._n = frame_s, n
        names = ("bias", "scale", "mute", "freeze", "smooth", "level", "pitch")
        first = {name: params.slots(deck, name).start for name in names}
        self._slots = {name: slice(at, at + n) for name, at in first.items()}
        self._wet = SLOTS[f"deck/{deck}/wet"]
        self._held, self._z = np.zeros(n), np.zeros(0)

    def __call__(self, source: Latents, table: Table, level: float, octaves: float) -> Latents:
        """(latents,) of the source -> (latents,) that sound.

        level, octaves : of the input, 0..1 and above 220 Hz; what the modulation is made of
        """
        n, now = self._n, {name: table[at] for name, at in self._slots.items()}
        z = source * table[self._wet]
        self._held = np.where(now["freeze"] > 0, self._held, z[:n])
        own = self._held * now["scale"] + level * now["level"] + octaves * now["pitch"]
        target = np.where(now["mute"] > 0, 0.0, own) + now["bias"]
        if now["smooth"].any() and len(self._z):
            with np.errstate(divide="ignore"):
                target += np.exp(-self._frame_s / now["smooth"]) * (self._z - target)
        self._z = z[:n] = target
        return np.asarray(z)
