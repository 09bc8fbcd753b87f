"""What a desk needs of the disk: read by its own process, or beside one that is walled in.

    python -m perform.foreign.remote_file_reader MODEL

A host behind walls opens no file. So before it gives them up it starts a companion (`RemoteFileReader`),
which reads
cards, matrices and sound files for it; of a file's sound the module itself makes latents, in a process of its
own behind walls of its own. What comes back through the pipe is numbers, never a file's bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import numpy as np

from perform.core.errors import PerformError
from perform.core.realtime import hurry
from perform.engine.file_latents import FileLatents
from perform.engine.protocol import StreamingEncoder, Vector
from perform.library import matrices
from perform.library.cards import Card, read_card
from perform.library.matrices import LatentMatrix, MatrixSide

if TYPE_CHECKING:
    from perform.foreign.remote_model import RemoteModel

LOOK_S = 0.05  #: between two looks at how far a file has been heard


class RemoteFileReader:
    """[disk] A companion has them; start it before the walls. It ends when this process does."""

    def __init__(self, model: Path) -> None:
        self._turn, self._count = threading.Lock(), 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "perform.foreign.remote_file_reader", str(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    def card(self, path: Path) -> Card:
        """See `FileReader`."""
        return msgspec.convert(self.ask({"card": str(path)})[0]["card"], Card)

    def matrix(self, path: Path, ear_sha256: str, mouth_sha256: str) -> LatentMatrix:
        """See `FileReader`."""
        told, values = self.ask({"matrix": str(path), "ear": ear_sha256, "mouth": mouth_sha256})
        ear, mouth = (msgspec.convert(told[name], MatrixSide) for name in ("ear", "mouth"))
        weight, offset = values[: -mouth.latents], values[-mouth.latents :]
        fit = float("nan") if told["fit"] is None else float(told["fit"])
        return LatentMatrix(ear, mouth, weight.reshape(mouth.latents, ear.latents), offset, fit)

    def recording(self, path: Path) -> FileLatents:
        """See `FileReader`."""
        self._count += 1
        return RemoteFileLatents(path, self, self._count)

    def ask(self, order: dict[str, Any]) -> tuple[dict[str, Any], Vector]:
        """One order, and the line and the values that answer it."""
        with self._turn:
            assert self._process.stdin
            assert self._process.stdout
            try:
                self._process.stdin.write(json.dumps(order).encode() + b"\n")
                self._process.stdin.flush()
                answer = json.loads(self._process.stdout.readline())
                values = np.frombuffer(self._process.stdout.read(4 * int(answer["values"])), np.float32)
            except (OSError, ValueError):
                raise PerformError("who reads files for this model has ended", hint="load it again") from None
        if "error" in answer:
            raise PerformError(**answer["error"])
        return answer, values


class RemoteFileLatents(FileLatents):
    """A file as the companion hears it."""

    def __init__(self, path: Path, outside: RemoteFileReader, number: int) -> None:
        super().__init__(path)
        self._outside, self._number = outside, number

    def _blocks(self, encoder: StreamingEncoder) -> Iterator[None]:
        """[disk] Take what is there until all of it is."""
        width, over = encoder.card.latents, False
        try:
            self._outside.ask({"hear": self._number, "path": str(self.path)})
            while not over:
                told, values = self._outside.ask({"more": self._number, "from": self.ready})
                if not self.length and told["length"]:
                    self._latents = np.zeros((told["length"], width), np.float32)
                    self.length = told["length"]
                self._append(list(values.reshape(-1, width)))
                self.error, over = told["failed"], told["over"]
                yield
                time.sleep(0.0 if over else LOOK_S)
        except (PerformError, MemoryError) as error:
            self.error = str(error)
        finally:
            with contextlib.suppress(PerformError):
                self._outside.ask({"drop": self._number})
        self.length = self.ready


class _Companion:
    """[main] Answers for one model."""

    def __init__(self, model: Path) -> None:
        self._model, self._loading = model, threading.Lock()
        self._host: RemoteModel | None = None
        self._heard: dict[int, tuple[FileLatents, threading.Thread]] = {}

    def answer(self, order: dict[str, Any]) -> tuple[dict[str, Any], Vector]:
        """What is asked for, and its values."""
        nothing = np.zeros(0, np.float32)
        if "card" in order:
            return {"card": msgspec.to_builtins(read_card(Path(order["card"])))}, nothing
        if "matrix" in order:
            found = matrices.load(Path(order["matrix"]), order["ear"], order["mouth"])
            sides = {name: msgspec.to_builtins(getattr(found, name)) for name in ("ear", "mouth")}
            fit = found.fit if np.isfinite(found.fit) else None
            return sides | {"fit": fit}, np.concatenate([found.weight.ravel(), found.offset])
        if "hear" in order:
            self._hear(order["hear"], Path(order["path"]))
            return {}, nothing
        if "drop" in order:
            if order["drop"] in self._heard:
                self._heard.pop(order["drop"])[0].cancel()
            return {}, nothing
        return self._more(order["more"], order["from"])

    def _hear(self, number: int, path: Path) -> None:
        hurry()  # somebody waits: for this thread, and so for those it starts
        recording = FileLatents(path)
        work = threading.Thread(target=self._read, args=(recording,), daemon=True)
        self._heard[number] = recording, work
        work.start()

    def _read(self, recording: FileLatents) -> None:
        """[disk] The module is loaded for the first file, and kept."""
        from perform.foreign.remote_model import RemoteModel

        try:
            with self._loading:
                if self._host is None or self._host.ended:
                    self._host = RemoteModel(self._model)
            if self._host.encoder is None:
                raise PerformError("this model hears nothing", where=str(recording.path))
            recording.read(self._host.encoder)
        except PerformError as error:
            recording.error = str(error)

    def _more(self, number: int, start: int) -> tuple[dict[str, Any], Vector]:
        recording, work = self._heard[number]
        over = not work.is_alive()  # before what it left is looked at
        told = {"length": recording.length, "failed": recording.error, "over": over}
        return told, recording.frames(start).ravel()


def main() -> None:
    """[main] Serve until nobody asks any more."""
    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    companion = _Companion(Path(sys.argv[1]))
    for line in iter(orders.readline, b""):
        try:
            answer, values = companion.answer(json.loads(line))
        except PerformError as error:
            answer = {"error": {"what": error.what, "where": error.where, "hint": error.hint}}
            values = np.zeros(0, np.float32)
        with contextlib.suppress(OSError):  # nobody there: the next line is none
            _say(answers, answer | {"values": values.size}, values)


def _say(answers: IO[bytes], answer: dict[str, Any], values: Vector) -> None:
    answers.write(json.dumps(answer).encode() + b"\n" + np.ascontiguousarray(values, np.float32).tobytes())
    answers.flush()


if __name__ == "__main__":
    main()
