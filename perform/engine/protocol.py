"""The protocol of a host: what turns latents into sound when it is pulled, one frame at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from perform.core.attributes import Attribute
from perform.library.cards import Card

if TYPE_CHECKING:
    from perform.foreign.file_reader import FileReader

Vector = npt.NDArray[np.float32]  #: of any shape

SETTLED = 64  #: frames of silence after which an encoder says the same for ever
DRAWN = 16  #: the last of them, of whose latents the mean is taken where it never does


class Stream(Protocol):
    """[render] One voice's state in a host: all that is remembered between two frames."""

    def reset(self) -> None:
        """Back to the beginning: silence before, no memory; what it was set to and has learnt stays."""

    @property
    def learnt(self) -> bytes:
        """The style it has learnt, for `adopt`; empty where that is its model's own."""
        ...

    def adopt(self, learnt: bytes) -> None:
        """Know what another stream of the model has learnt; PerformError where that cannot be."""


class StreamingEncoder(Protocol):
    """[render] The other half of a model: sound in, latents out, for any number of streams."""

    card: Card  #: its model's, but for the channels that it hears
    sha256: str  #: of the model's file
    silence: Vector  #: (card.latents,), what it makes of silence: `rest`

    def stream(self) -> Stream:
        """A new one, at its beginning."""
        ...

    def twin(self) -> StreamingEncoder:
        """Another one, for another thread."""
        ...

    # Any: an encoder takes its own streams and no other's
    def encode(self, streams: Sequence[Any], x: Vector) -> Vector:
        """One frame of each: (B, channels, ratio) at the model's rate -> (B, latents)."""
        ...


class PlayableModel(Protocol):
    """[render] One model ready to play, for any number of streams. It knows no deck and no clock.

    The streams of one with attributes have `set(name, value)`, None being its own, and `act(name)`; WrongUse
    where the module refuses. Those of one that has a prior have `prior(temperature, seed) -> (latents,)`.
    """

    card: Card
    sha256: str  #: of the model's file
    noise: int  #: values of standard normal noise that a frame takes
    gesture: Vector  #: (frames, card.latents), a stretch of the corpus as latents; may be empty
    attributes: Sequence[Attribute]  #: what can be set, a value each
    actions: Sequence[str]  #: what can be done once: AdaIN's `reset_target`
    has_prior: bool  #: it can make latents by itself
    reader: FileReader | None  #: who reads its desk's files, where its own process can read none

    @property
    def encoder(self) -> StreamingEncoder | None:
        """What hears for its decks, loaded when it is asked for first; None where the model has none."""
        ...

    def stream(self) -> Stream:
        """A new one, at its beginning."""
        ...

    # Any: a host takes its own streams and no other's
    def render(self, streams: Sequence[Any], z: Vector, noise: Vector) -> Vector:
        """One frame of each: (B, latents), (B, noise) -> (B, channels, ratio) at the model's rate."""
        ...


def rest(encoder: StreamingEncoder) -> Vector:
    """(latents,) what an encoder makes of silence; of one that draws them by chance, their middle."""
    stream, found = encoder.stream(), np.zeros((SETTLED, encoder.card.latents), np.float32)
    nothing = np.zeros((1, encoder.card.channels, encoder.card.ratio), np.float32)
    for i in range(SETTLED):
        found[i] = encoder.encode([stream], nothing)[0]
        if i and np.abs(found[i] - found[i - 1]).max() < 1e-5:
            found[-DRAWN:] = found[i]
            break
    return np.asarray(found[-DRAWN:].mean(axis=0, dtype=np.float64), np.float32)
