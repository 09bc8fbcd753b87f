"""The latents of bias 0 on a deck: the model's home, or zeros."""

from __future__ import annotations

import numpy as np

from perform.core.params import SLOTS, Table
from perform.library.cards import Card
from perform.voice.shaping import GLIDE_S
from perform.voice.sources import Latents


class Home:
    """[render] Follows `deck/N/home`. A change of it glides, so that the latents do not jump.

    z    : (latents,) sigma; a new array whenever it changes
    part : of the way from zero to the home, 0..1
    """

    def __init__(self, card: Card, deck: int) -> None:
        self._slot = SLOTS[f"deck/{deck}/home"]
        self._zeros = np.zeros(card.latents)
        self._home = np.array(card.latent_home) if card.latent_home else self._zeros
        self.part = 0.0
        self.z: Latents = self._zeros

    def next(self, speed: float) -> Latents:
        """The latents of the source `hand`, at any speed."""
        return self.z

    def start(self, table: Table) -> None:
        """Be where the table says, without a glide."""
        self._move(float(table[self._slot]))

    def advance(self, table: Table, frame_s: float) -> None:
        """Move on by a frame of this many seconds."""
        wanted, step = float(table[self._slot]), frame_s / GLIDE_S
        if wanted != self.part:
            self._move(min(max(wanted, self.part - step), self.part + step))

    def _move(self, part: float) -> None:
        self.part = part
        self.z = self._zeros if part == 0.0 else part * self._home
