"""The encoder of an effect module: it passes each frame of sound on as it is, in place of latents."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from perform.core.errors import PerformError
from perform.engine.protocol import Setting, Stream, Vector
from perform.library.cards import Card


class PassageStream:
    """[render] A stream without state; see `perform.engine.protocol.Stream`."""

    saved_style = b""

    def reset(self) -> None:
        """Do nothing: there is no state."""

    def set(self, name: str, value: Setting) -> None:
        """Do nothing: the module's own stream has the attributes."""

    def act(self, name: str) -> None:
        """Do nothing: the module's own stream has the actions."""

    def prior(self, temperature: float, seed: int) -> Vector:
        """Raise PerformError: sound has no prior."""
        raise PerformError("this model has no prior")

    def restore_style(self, saved: bytes) -> None:
        """Do nothing: there is no style."""


class SoundPassage:
    """[render] See `perform.engine.protocol.StreamingEncoder`: its latents are the samples of a frame.

    card : the module's, with `channels` of its sound, 1 or 2, and channels x ratio latents
    """

    def __init__(self, card: Card, sha256: str) -> None:
        """card: the module's; it has a latent for each input."""
        channels = min(card.latents, 2)
        self.card = msgspec.structs.replace(card, channels=channels, latents=channels * card.ratio)
        self.sha256 = sha256
        self.silence: Vector = np.zeros(self.card.latents, np.float32)

    def for_another_thread(self) -> SoundPassage:
        """Return itself: it has no state."""
        return self

    def stream(self) -> PassageStream:
        """Return a new stream."""
        return PassageStream()

    def encode(self, streams: Sequence[Stream], x: Vector) -> Vector:
        """Pass on one frame of each stream: (B, channels, ratio) -> (B, channels x ratio)."""
        return x.reshape(len(x), -1)


def passage(card: Card, channels: int) -> SoundPassage:
    """Return a passage that cuts a file's own sound into frames of the model, at the model's rate."""
    return SoundPassage(msgspec.structs.replace(card, latents=channels), "")
