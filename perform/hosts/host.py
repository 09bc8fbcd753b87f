"""The protocol of a host: what turns latents into sound when it is pulled, one frame at a time."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from perform.library.cards import Card

Vector = npt.NDArray[np.float32]  #: (n,)


class Host(Protocol):
    """[render] One model ready to play. It owns its stream's state; it knows no deck and no clock."""

    card: Card
    sha256: str  #: of the model's file
    gesture: npt.NDArray[np.float32]  #: (frames, card.latents), a stretch of the corpus as latents

    def reset(self) -> None:
        """The stream back to its beginning: silence before, no memory."""

    def render(self, z: Vector, noise: Vector) -> Vector:
        """One frame: z (latents,), noise (full_latents - latents,) -> (ratio,) at the model's rate."""
        ...
