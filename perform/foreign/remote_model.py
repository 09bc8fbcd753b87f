"""A stranger's module for a process that has to keep its files: the host is another process, walled in.

    python -m perform.foreign.remote_model PATH      a line of JSON and float32 values in, the same out, for
    ever

What renders to a file (`perform render`) plays modules through this. Live, the whole host is behind walls.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import numpy as np

from perform.core.attributes import Attribute
from perform.core.errors import PerformError
from perform.engine.protocol import Stream, Vector
from perform.library.cards import read_card


class RemoteStream:
    """[render] One voice, by its number over there."""

    def __init__(self, host: RemoteModel, number: int) -> None:
        self._host, self.number = host, number
        weakref.finalize(self, host.over.append, number)

    def reset(self) -> None:
        """Back to the beginning."""
        self._host.ask({"reset": self.number})

    def set(self, name: str, value: float | str | None) -> None:
        """Set an attribute, None to its own; PerformError where the module refuses."""
        self._host.ask({"set": self.number, "name": name, "value": value})

    def act(self, name: str) -> None:
        """Do one of the host's actions; PerformError where the module refuses."""
        self._host.ask({"act": self.number, "name": name})

    @property
    def saved_style(self) -> bytes:
        """What it has learnt, for `adopt`."""
        return base64.b64decode(self._host.ask({"learnt": self.number})["learnt"])

    def restore_style(self, saved: bytes) -> None:
        """Take what another stream has learnt; PerformError where it is of another model."""
        self._host.ask({"adopt": self.number, "style": base64.b64encode(saved).decode()})

    def prior(self, temperature: float, seed: int) -> Vector:
        """The next frame's latents (latents,) as the module's own prior goes on."""
        answer = self._host.ask({"prior": self.number, "temperature": temperature, "seed": seed})
        return np.array(answer["z"], np.float32)


class RemoteModel:
    """[render] See `perform.engine.protocol.Host`. PerformError where the module fails, or its process
    ends."""

    noise = 1

    def __init__(self, path: Path) -> None:
        self.card, self._where = read_card(path), str(path)
        self._turn = threading.Lock()  # its encoder may be another thread's
        self.over = deque[int]()  # numbers of streams that nobody has any more
        self._process = subprocess.Popen(
            [sys.executable, "-m", "perform.foreign.remote_model", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        weakref.finalize(self, self._process.kill)
        told = self._answer()
        self.sha256, self.has_prior = str(told["sha256"]), bool(told["prior"])
        self.attributes: Sequence[Attribute] = msgspec.convert(told["attributes"], list[Attribute])
        self.actions: Sequence[str] = msgspec.convert(told["actions"], list[str])
        self.gesture: Vector = np.zeros((0, self.card.latents), np.float32)

    @property
    def ended(self) -> bool:
        """Its process has; nothing more comes of it."""
        return self._process.poll() is not None

    @functools.cached_property
    def encoder(self) -> RemoteEncoder | None:
        """What hears for its decks; None where the module has nothing that does."""
        told = self.ask({"ears": True})
        return RemoteEncoder(self, told["channels"], told["silence"]) if told else None

    def stream(self) -> RemoteStream:
        """A new one, at its beginning."""
        return RemoteStream(self, int(self.ask({"stream": True})["stream"]))

    def render(self, streams: Sequence[Stream], z: Vector, noise: Vector) -> Vector:
        """One frame of each: (B, latents), (B, 1) -> (B, channels, ratio)."""
        values = np.concatenate([z, noise], 1, dtype=np.float32)  # (B, latents + 1)
        shape = (len(streams), self.card.channels, self.card.ratio)
        return self.call(
            {"render": [stream.number for stream in cast(Sequence[RemoteStream], streams)]}, values, shape
        )

    def call(self, order: dict[str, Any], values: Vector, shape: tuple[int, ...]) -> Vector:
        """One order with its values, and the values that answer it."""
        with self._turn:
            self._say(order, values.tobytes())
            self._answer()
            assert self._process.stdout
            answer = self._process.stdout.read(4 * int(np.prod(shape)))
        try:
            return np.frombuffer(answer, np.float32).reshape(shape)
        except ValueError:
            raise PerformError("the model's process ended", where=self._where) from None

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """One order, and the line that answers it."""
        with self._turn:
            self._say(order)
            return self._answer()

    def _say(self, order: dict[str, Any], values: bytes = b"") -> None:
        assert self._process.stdin
        if over := [self.over.popleft() for _ in range(len(self.over))]:
            order = order | {"over": over}
        with contextlib.suppress(OSError):  # a process that ended: there is no answer either
            self._process.stdin.write(json.dumps(order).encode() + b"\n" + values)
            self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            raise PerformError("the model's process ended", where=self._where) from None
        if "error" in answer:
            raise PerformError(str(answer["error"])[:500], where=self._where)
        return answer


class RemoteEncoder:
    """[render] See `perform.engine.protocol.Encoder`: a host apart, its ears in one process with its
    voice."""

    def __init__(self, host: RemoteModel, channels: int, silence: list[float]) -> None:
        self._host, self.sha256 = host, host.sha256
        self.card = msgspec.structs.replace(host.card, channels=channels)
        self.silence: Vector = np.array(silence, np.float32)

    def for_another_thread(self) -> RemoteEncoder:
        """Itself: there is one process, and whoever asks waits for their turn."""
        return self

    def stream(self) -> RemoteStream:
        """A new one, at its beginning."""
        return self._host.stream()

    def encode(self, streams: Sequence[Stream], x: Vector) -> Vector:
        """One frame of each: (B, channels, ratio) -> (B, latents)."""
        order = {"encode": [stream.number for stream in cast(Sequence[RemoteStream], streams)]}
        return self._host.call(order, x.astype(np.float32), (len(streams), self.card.latents))


def main() -> None:
    """[main] Serve one model until nobody asks any more."""
    from perform.foreign.torchscript_model import TorchscriptModel

    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        host = TorchscriptModel(Path(sys.argv[1]))
        attributes = msgspec.to_builtins(host.attributes)
        _say(
            answers,
            {"sha256": host.sha256, "prior": host.has_prior}
            | {"attributes": attributes, "actions": host.actions},
        )
        _serve(host, orders, answers)
    except PerformError as error:
        _say(answers, {"error": error.what})


def _serve(host: Any, orders: IO[bytes], answers: IO[bytes]) -> None:
    streams: list[Any] = []  # None where nobody has it any more
    width = host.card.latents + host.noise
    for line in iter(orders.readline, b""):
        order = json.loads(line)
        for number in order.get("over", ()):
            streams[number] = None
        if "stream" in order:
            number = streams.index(None) if None in streams else len(streams)
            streams[number : number + 1] = [host.stream()]
            _say(answers, {"stream": number})
        elif "reset" in order:
            streams[order["reset"]].reset()
            _say(answers, {})
        elif "set" in order:
            _try(answers, partial(streams[order["set"]].set, order["name"], order["value"]))
        elif "act" in order:
            _try(answers, partial(streams[order["act"]].act, order["name"]))
        elif "learnt" in order:
            _say(answers, {"learnt": base64.b64encode(streams[order["learnt"]].saved_style).decode()})
        elif "adopt" in order:
            _try(answers, partial(streams[order["adopt"]].restore_style, base64.b64decode(order["style"])))
        elif "prior" in order:
            z = streams[order["prior"]].prior(order["temperature"], order["seed"])
            _say(answers, {"z": [float(value) for value in z]})
        elif "ears" in order:
            ears = host.encoder
            silence = [float(value) for value in ears.silence] if ears else []
            _say(answers, {"channels": ears.card.channels, "silence": silence} if ears else {})
        elif "encode" in order:
            heard = [streams[number] for number in order["encode"]]
            x = _values(orders, len(heard), host.encoder.card.channels, host.card.ratio)
            _say(answers, {}, np.ascontiguousarray(host.encoder.encode(heard, x), np.float32).tobytes())
        else:
            played = [streams[number] for number in order["render"]]
            values = _values(orders, len(played), width)
            sound = host.render(played, values[:, : host.card.latents], values[:, host.card.latents :])
            _say(answers, {}, np.ascontiguousarray(sound, np.float32).tobytes())


def _values(orders: IO[bytes], *shape: int) -> Vector:
    """What follows an order."""
    return np.frombuffer(orders.read(4 * int(np.prod(shape))), np.float32).reshape(shape)


def _try(answers: IO[bytes], work: Callable[[], None]) -> None:
    """Something that the module may refuse, and plays on."""
    try:
        work()
        _say(answers, {})
    except PerformError as error:
        _say(answers, {"error": error.what})


def _say(answers: IO[bytes], answer: dict[str, Any], values: bytes = b"") -> None:
    answers.write(json.dumps(answer).encode() + b"\n" + values)
    answers.flush()


if __name__ == "__main__":
    main()
