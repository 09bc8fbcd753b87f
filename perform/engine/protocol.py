"""Protocols of a model that is ready to play: its decoder, its encoder, and the state of one voice.

`engine.compiled_model` and `foreign.torchscript_model` implement them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from perform.core.attributes import Attribute
from perform.library.cards import Card

Vector = npt.NDArray[np.float32]  #: of any shape

SETTLE_FRAMES = 64  #: frames of silence after which an encoder's output is constant
AVERAGED_FRAMES = 16  #: the last of them, averaged where the encoder samples its latents
_CONSTANT = 1e-5  # largest change between two frames of a constant output


class BufferSound(NamedTuple):
    """The sound in a buffer of a module: samples (channels, n), and their rate in Hz, -1 if unknown.

    digest : SHA-256 of the samples, for the gesture log; "" for a sound that is in no file
    """

    samples: Vector
    rate: int
    digest: str = ""


Setting = float | str | BufferSound | None  #: value of an attribute; None: the module default


class Stream(Protocol):
    """[render] The state that a model keeps for one voice from frame to frame."""

    def reset(self) -> None:
        """Return to the beginning, as after silence. Attributes and the AdaIN style stay."""

    def set(self, name: str, value: Setting) -> None:
        """Set one of the model's `attributes`; None restores the module default.

        WrongUse: the model has no such attribute, or refuses the value. PerformError: its code failed.
        """

    def act(self, name: str) -> None:
        """Do one of the model's `actions`.

        WrongUse: the model has no such action, or refuses it. PerformError: its code failed.
        """

    def prior(self, temperature: float, seed: int) -> Vector:
        """Generate the next frame's latents, (card.latents,), with the model's prior.

        From the beginning, the same seeds give the same latents.

        temperature : above 0; below 1 the likely latents become likelier
        PerformError: the model has no prior, or its code failed.
        """
        ...

    @property
    def saved_style(self) -> bytes:
        """The AdaIN style for `restore_style`; empty where it is the model's default."""
        ...

    def restore_style(self, saved: bytes) -> None:
        """Restore a `saved_style`, also of another stream. PerformError: it is another model's."""


class EffectStream(Stream, Protocol):
    """[render] A stream of a model that `takes_sound`."""

    def feed(self, sound: Vector) -> None:
        """Give the sound of the next frame, (card.latents, card.ratio); its latents are added to it."""


class StreamingEncoder(Protocol):
    """[render] A model's encoder: sound to latents, one frame at a time, for any number of streams."""

    card: Card  #: the model's; `channels` are the encoder's
    sha256: str  #: of the model's file
    silence: Vector  #: (card.latents,), the latents of silence

    def stream(self) -> Stream:
        """Return a new stream at its beginning."""
        ...

    def for_another_thread(self) -> StreamingEncoder:
        """Return an encoder of the same model that another thread may use."""
        ...

    def encode(self, streams: Sequence[Stream], x: Vector) -> Vector:
        """Encode one frame of each stream: (B, channels, ratio) at the model's rate -> (B, latents).

        streams : made by this encoder's `stream`
        """
        ...


class PlayableModel(Protocol):
    """[render] One model ready to play, for any number of streams. It knows no deck and no clock."""

    card: Card
    sha256: str  #: of the model's file
    noise: int  #: values of standard normal noise that a frame takes
    gesture: Vector  #: (frames, card.latents), a stretch of the corpus as latents; may be empty
    attributes: Sequence[Attribute]  #: what `Stream.set` takes, one value each
    actions: Sequence[str]  #: what `Stream.act` takes, such as AdaIN's `reset_target`
    has_prior: bool  #: whether `Stream.prior` works
    takes_sound: bool  #: an effect module: its streams are `EffectStream`s, its encoder passes sound on

    @property
    def encoder(self) -> StreamingEncoder | None:
        """The encoder for these latents, loaded when first used; None where the model has none."""
        ...

    def stream(self) -> Stream:
        """Return a new stream at its beginning."""
        ...

    def render(self, streams: Sequence[Stream], z: Vector, noise: Vector) -> Vector:
        """Decode one frame of each stream: (B, latents), (B, noise) -> (B, channels, ratio).

        streams : made by this model's `stream`
        PerformError: a third-party module failed, or gave another shape.
        """
        ...


def silence_latents(encoder: StreamingEncoder) -> Vector:
    """Return the latents of silence, (latents,); where the encoder samples its latents, their mean."""
    stream, z = encoder.stream(), np.zeros((SETTLE_FRAMES, encoder.card.latents), np.float32)
    silence = np.zeros((1, encoder.card.channels, encoder.card.ratio), np.float32)
    for i in range(SETTLE_FRAMES):
        z[i] = encoder.encode([stream], silence)[0]
        if i and np.abs(z[i] - z[i - 1]).max() < _CONSTANT:
            z[-AVERAGED_FRAMES:] = z[i]
            break
    return np.asarray(z[-AVERAGED_FRAMES:].mean(axis=0, dtype=np.float64), np.float32)
