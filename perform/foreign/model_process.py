"""The sandboxed process behind a `RemoteModel`: it loads one third-party module and plays it.

python -m perform.foreign.model_process MODEL       (requests and answers: perform/core/pipe.py)
"""

from __future__ import annotations

import base64
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from perform.core.errors import PerformError
from perform.core.pipe import Message, serve
from perform.engine.protocol import BufferSound, Vector
from perform.foreign.torchscript_model import TorchscriptModel, TorchscriptStream

FATAL = ("load", "encoder", "render", "encode", "prior")  #: requests that end the process if they fail


class ModelServer:
    """[main] Answers each request with the method of its name; a stream is an index into a list."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._streams: list[TorchscriptStream | None] = []  # None: released

    @functools.cached_property
    def _model(self) -> TorchscriptModel:
        return TorchscriptModel(self._path)

    def load(self, values: Vector) -> Message:
        """Load the module in the sandbox, and describe it."""
        model = self._model
        described = {"attributes": msgspec.to_builtins(model.attributes), "actions": list(model.actions)}
        facts = {"sha256": model.sha256, "prior": model.has_prior, "takes_sound": model.takes_sound}
        return Message(facts | described)

    def stream(self, values: Vector) -> Message:
        """Make a stream, under the first free number."""
        number = self._streams.index(None) if None in self._streams else len(self._streams)
        self._streams[number : number + 1] = [self._model.stream()]
        return Message({"stream": number})

    def release(self, values: Vector, streams: Sequence[int]) -> Message:
        """Free the numbers of streams that are no longer used."""
        for number in streams:
            self._streams[number] = None
        return Message({})

    def reset(self, values: Vector, stream: int) -> Message:
        """Return a stream to its beginning."""
        self._stream(stream).reset()
        return Message({})

    def set(self, values: Vector, stream: int, name: str, value: float | str | None) -> Message:
        """Set an attribute of a stream."""
        self._stream(stream).set(name, value)
        return Message({})

    def set_buffer(self, values: Vector, stream: int, name: str, channels: int, rate: int) -> Message:
        """Put a sound, (channels, n), into a buffer of a stream."""
        self._stream(stream).set(name, BufferSound(values.reshape(channels, -1), rate))
        return Message({})

    def act(self, values: Vector, stream: int, name: str) -> Message:
        """Do an action with a stream."""
        self._stream(stream).act(name)
        return Message({})

    def saved_style(self, values: Vector, stream: int) -> Message:
        """Return a stream's AdaIN style, in base64."""
        return Message({"style": base64.b64encode(self._stream(stream).saved_style).decode()})

    def restore_style(self, values: Vector, stream: int, style: str) -> Message:
        """Restore an AdaIN style, in base64."""
        self._stream(stream).restore_style(base64.b64decode(style))
        return Message({})

    def feed(self, values: Vector, stream: int) -> Message:
        """Give a stream the sound of its next frame, (latents, ratio)."""
        self._stream(stream).feed(values.reshape(self._model.card.latents, -1))
        return Message({})

    def prior(self, values: Vector, stream: int, temperature: float, seed: int) -> Message:
        """Generate a frame's latents, (latents,)."""
        return Message({}, self._stream(stream).prior(temperature, seed))

    def encoder(self, values: Vector) -> Message:
        """Describe the encoder, with the latents of silence; no fields where there is none."""
        encoder = self._model.encoder
        return Message({"channels": encoder.card.channels}, encoder.silence) if encoder else Message({})

    def encode(self, values: Vector, streams: Sequence[int]) -> Message:
        """Encode (B, channels, ratio) -> (B, latents)."""
        encoder = self._model.encoder
        if encoder is None:
            raise PerformError("this model has no encoder")
        x = values.reshape(len(streams), encoder.card.channels, encoder.card.ratio)
        return Message({}, encoder.encode([self._stream(number) for number in streams], x).ravel())

    def render(self, values: Vector, streams: Sequence[int]) -> Message:
        """Decode (B, latents + 1), each row a frame's latents and its noise -> (B, channels, ratio)."""
        z, noise = np.split(values.reshape(len(streams), -1), [self._model.card.latents], 1)
        y = self._model.render([self._stream(number) for number in streams], z, noise)
        return Message({}, y.ravel())

    def _stream(self, number: int) -> TorchscriptStream:
        stream = self._streams[number]
        if stream is None:
            raise PerformError(f"the stream {number} was released")
        return stream


CALLS = (
    *("load", "stream", "release", "reset", "set", "set_buffer", "act", "saved_style", "restore_style"),
    *("feed", "prior", "encoder", "encode", "render"),
)


def main() -> None:
    """[main] Serve one model until the pipe of requests ends."""
    server = ModelServer(Path(sys.argv[1]))
    serve({call: getattr(server, call) for call in CALLS}, FATAL)


if __name__ == "__main__":
    main()
