"""A stranger's module for a process that has to keep its files: the host is another process, walled in.

    python -m perform.hosts.apart PATH      a line of JSON and float32 values in, the same out, for ever

What renders to a file (`perform render`) plays modules through this. Live, the whole host is behind walls.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from perform.errors import PerformError
from perform.hosts.host import Vector
from perform.library.attributes import Attribute
from perform.library.cards import read_card


class StreamApart:
    """[render] One voice, by its number over there."""

    def __init__(self, host: HostApart, number: int) -> None:
        self._host, self.number = host, number

    def reset(self) -> None:
        """Back to the beginning."""
        self._host.ask({"reset": self.number})

    def set(self, name: str, value: float | str | None) -> None:
        """Set an attribute, None to its own; PerformError where the module refuses."""
        self._host.ask({"set": self.number, "name": name, "value": value})

    def act(self, name: str) -> None:
        """Do one of the host's actions; PerformError where the module refuses."""
        self._host.ask({"act": self.number, "name": name})

    def prior(self, temperature: float, seed: int) -> Vector:
        """The next frame's latents (latents,) as the module's own prior goes on."""
        answer = self._host.ask({"prior": self.number, "temperature": temperature, "seed": seed})
        return np.array(answer["z"], np.float32)


class HostApart:
    """[render] See `perform.hosts.host.Host`. PerformError where the module fails, or its process ends."""

    noise = 1
    encoder = None

    def __init__(self, path: Path) -> None:
        self.card, self._where = read_card(path), str(path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "perform.hosts.apart", str(path)],
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

    def stream(self) -> StreamApart:
        """A new one, at its beginning."""
        return StreamApart(self, int(self.ask({"stream": True})["stream"]))

    def render(self, streams: Sequence[StreamApart], z: Vector, noise: Vector) -> Vector:
        """One frame of each: (B, latents), (B, 1) -> (B, channels, ratio)."""
        values = np.concatenate([z, noise], 1, dtype=np.float32)  # (B, latents + 1)
        self.ask({"render": [stream.number for stream in streams]}, values.tobytes())
        shape = (len(streams), self.card.channels, self.card.ratio)
        assert self._process.stdout
        sound = self._process.stdout.read(4 * int(np.prod(shape)))
        try:
            return np.frombuffer(sound, np.float32).reshape(shape)
        except ValueError:
            raise PerformError("the model's process ended", where=self._where) from None

    def ask(self, order: dict[str, Any], values: bytes = b"") -> dict[str, Any]:
        """One order, and the line that answers it."""
        assert self._process.stdin
        with contextlib.suppress(OSError):  # a process that ended: there is no answer either
            self._process.stdin.write(json.dumps(order).encode() + b"\n" + values)
            self._process.stdin.flush()
        return self._answer()

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


def main() -> None:
    """[main] Serve one model until nobody asks any more."""
    from perform.hosts.torchscript import TorchscriptHost

    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        host = TorchscriptHost(Path(sys.argv[1]))
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
    streams: list[Any] = []
    width = 4 * (host.card.latents + host.noise)
    for line in iter(orders.readline, b""):
        order = json.loads(line)
        if "stream" in order:
            streams.append(host.stream())
            _say(answers, {"stream": len(streams) - 1})
        elif "reset" in order:
            streams[order["reset"]].reset()
            _say(answers, {})
        elif "set" in order:
            _try(answers, partial(streams[order["set"]].set, order["name"], order["value"]))
        elif "act" in order:
            _try(answers, partial(streams[order["act"]].act, order["name"]))
        elif "prior" in order:
            z = streams[order["prior"]].prior(order["temperature"], order["seed"])
            _say(answers, {"z": [float(value) for value in z]})
        else:
            played = [streams[number] for number in order["render"]]
            values = np.frombuffer(orders.read(width * len(played)), np.float32).reshape(len(played), -1)
            sound = host.render(played, values[:, : host.card.latents], values[:, host.card.latents :])
            _say(answers, {}, np.ascontiguousarray(sound, np.float32).tobytes())


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
