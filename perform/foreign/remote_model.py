"""A third-party module that plays in another, sandboxed process (`perform.foreign.model_process`).

For processes that must still open files: `perform render` and `perform transfer`. On stage, the whole host
process is in the sandbox instead.
"""

from __future__ import annotations

import base64
import functools
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
import numpy as np

from perform.core.attributes import Attribute
from perform.core.pipe import NO_VALUES, HelperProcess, Message
from perform.engine.protocol import BufferSound, Setting, Stream, StreamingEncoder, Vector
from perform.engine.sound_passage import SoundPassage
from perform.foreign.fed_stream import FedStream
from perform.library.cards import read_card


class RemoteStream(FedStream):
    """[render] A stream in the other process, by its number there. See `perform.engine.protocol.Stream`."""

    def __init__(self, model: RemoteModel, number: int) -> None:
        super().__init__()
        self._model, self.number = model, number
        weakref.finalize(self, model.unused.append, number)

    def reset(self) -> None:
        """Return to the beginning."""
        self._model.ask("reset", stream=self.number)

    def set(self, name: str, value: Setting) -> None:
        """Set an attribute, None to the module default. PerformError: the module refuses."""
        if isinstance(value, BufferSound):
            sound = {"channels": len(value.samples), "rate": value.rate}
            self._model.ask("set_buffer", value.samples.ravel(), stream=self.number, name=name, **sound)
        else:
            self._model.ask("set", stream=self.number, name=name, value=value)

    def act(self, name: str) -> None:
        """Do one of the model's actions. PerformError: the module refuses."""
        self._model.ask("act", stream=self.number, name=name)

    @property
    def saved_style(self) -> bytes:
        """The AdaIN style for `restore_style`."""
        return base64.b64decode(self._model.ask("saved_style", stream=self.number).fields["style"])

    def restore_style(self, saved: bytes) -> None:
        """Restore a saved style. PerformError: it is another model's."""
        self._model.ask("restore_style", stream=self.number, style=base64.b64encode(saved).decode())

    def prior(self, temperature: float, seed: int) -> Vector:
        """Generate the next frame's latents, (latents,), with the module's prior."""
        return self._model.ask("prior", stream=self.number, temperature=temperature, seed=seed).values


class RemoteModel:
    """[render] See `perform.engine.protocol.PlayableModel`. After a failed frame its process ends.

    unused : numbers of streams to release with the next request
    """

    noise = 1

    def __init__(self, path: Path) -> None:
        self.card = read_card(path)
        self.unused = deque[int]()
        self._process = HelperProcess(
            "perform.foreign.model_process", str(path), name="the model", where=str(path)
        )
        facts = self._process.ask("load").fields
        self.sha256, self.has_prior = str(facts["sha256"]), bool(facts["prior"])
        self.takes_sound = bool(facts["takes_sound"])
        self.attributes: Sequence[Attribute] = msgspec.convert(facts["attributes"], list[Attribute])
        self.actions: Sequence[str] = msgspec.convert(facts["actions"], list[str])
        self.gesture: Vector = np.zeros((0, self.card.latents), np.float32)

    @property
    def ended(self) -> bool:
        """Whether the other process has ended; then every frame fails."""
        return self._process.ended

    @functools.cached_property
    def encoder(self) -> StreamingEncoder | None:
        """The module's encoder; None where it has none."""
        if self.takes_sound:
            return SoundPassage(self.card, self.sha256)
        facts, silence = self.ask("encoder")
        return RemoteEncoder(self, facts["channels"], silence) if facts else None

    def stream(self) -> RemoteStream:
        """Return a new stream at its beginning."""
        return RemoteStream(self, int(self.ask("stream").fields["stream"]))

    def render(self, streams: Sequence[Stream], z: Vector, noise: Vector) -> Vector:
        """Decode one frame of each stream: (B, latents), (B, 1) -> (B, channels, ratio)."""
        values = np.concatenate([z, noise], 1, dtype=np.float32)  # (B, latents + 1)
        sounds = [stream.take_sound() for stream in cast(Sequence[RemoteStream], streams)]
        for stream, sound in zip(streams, sounds, strict=True):
            if sound is not None:
                self.ask("feed", sound.ravel(), stream=cast(RemoteStream, stream).number)
        y = self.ask("render", values, streams=numbers(streams)).values
        return y.reshape(len(streams), self.card.channels, self.card.ratio)

    def ask(self, call: str, values: Vector = NO_VALUES, **arguments: object) -> Message:
        """Make a request of the other process, and release the unused streams there."""
        if unused := [self.unused.popleft() for _ in range(len(self.unused))]:
            self._process.ask("release", streams=unused)
        return self._process.ask(call, values, **arguments)


class RemoteEncoder:
    """[render] See `perform.engine.protocol.StreamingEncoder`. It shares its process with the decoder."""

    def __init__(self, model: RemoteModel, channels: int, silence: Vector) -> None:
        self._model, self.sha256 = model, model.sha256
        self.card = msgspec.structs.replace(model.card, channels=channels)
        self.silence = silence

    def for_another_thread(self) -> RemoteEncoder:
        """Return itself: threads take turns with the one process."""
        return self

    def stream(self) -> RemoteStream:
        """Return a new stream at its beginning."""
        return self._model.stream()

    def encode(self, streams: Sequence[Stream], x: Vector) -> Vector:
        """Encode one frame of each stream: (B, channels, ratio) -> (B, latents)."""
        z = self._model.ask("encode", x, streams=numbers(streams)).values
        return z.reshape(len(streams), self.card.latents)


def numbers(streams: Sequence[Stream]) -> list[int]:
    """Return the numbers that the other process knows the streams by."""
    return [stream.number for stream in cast(Sequence[RemoteStream], streams)]
