"""The companion process behind a `RemoteFileReader`: it reads cards, matrices and sound files for one model.

    python -m perform.foreign.reader_process MODEL       (requests and answers: perform/core/pipe.py)

It runs outside the sandbox. The module that encodes the sound files runs in a third, sandboxed process.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import msgspec
import numpy as np

from perform.core.errors import PerformError
from perform.core.pipe import Message, serve
from perform.core.realtime import raise_priority
from perform.engine.file_latents import FileLatents
from perform.engine.file_reader import LocalFileReader
from perform.engine.protocol import Vector
from perform.engine.sound_passage import passage
from perform.foreign.remote_model import RemoteModel
from perform.library import matrices
from perform.library.cards import read_card

MOST_VALUES = 1 << 18  #: most values in one answer, so that the host can read it between two frames


class ReaderServer:
    """[main] Answers each request with the method of its name."""

    def __init__(self, model: Path) -> None:
        self._path, self._loading = model, threading.Lock()
        self._model: RemoteModel | None = None
        self._files: dict[int, tuple[FileLatents, threading.Thread]] = {}

    def card(self, values: Vector, path: str) -> Message:
        """Read a model's card."""
        return Message({"card": msgspec.to_builtins(read_card(Path(path)))})

    def matrix(self, values: Vector, path: str, encoder: str, decoder: str) -> Message:
        """Read a matrix: the values are its weight, then its offset."""
        found = matrices.load(Path(path), encoder, decoder)
        sides = {name: msgspec.to_builtins(getattr(found, name)) for name in ("encoder", "decoder")}
        fit = found.fit if np.isfinite(found.fit) else None
        return Message(sides | {"fit": fit}, np.concatenate([found.weight.ravel(), found.offset]))

    def sound(self, values: Vector, name: str) -> Message:
        """Read a sound for a buffer: the values are its samples, channel by channel."""
        found = LocalFileReader().sound(name)
        facts = {"channels": len(found.samples), "rate": found.rate, "digest": found.digest}
        return Message(facts, found.samples.ravel())

    def encode_file(self, values: Vector, number: int, path: str, channels: int) -> Message:
        """Start to encode a sound file in a thread, under a number.

        channels : read the file's own sound with so many channels instead; 0: encode it
        """
        raise_priority()  # threads and processes that start later inherit it
        file = FileLatents(Path(path))
        thread = threading.Thread(target=self._encode, args=(file, channels), daemon=True)
        self._files[number] = file, thread
        thread.start()
        return Message({})

    def frames(self, values: Vector, number: int, start: int) -> Message:
        """Return a file's frames from `start` on, as far as they are encoded."""
        file, thread = self._files[number]
        over = not thread.is_alive()  # first, so that no frame is added between this and the frames below
        found = file.frames(start)
        sent = found[: max(1, MOST_VALUES // max(1, found.shape[1]))]
        facts = {"length": file.length, "failed": file.error, "over": over and len(sent) == len(found)}
        return Message(facts, sent.ravel())

    def cancel(self, values: Vector, number: int) -> Message:
        """Stop encoding a file, and forget it."""
        if number in self._files:
            self._files.pop(number)[0].cancel()
        return Message({})

    def _encode(self, file: FileLatents, channels: int) -> None:
        """[disk] Encode a file, or read its own sound. The first file to be encoded loads the model."""
        try:
            if channels:
                file.read(passage(read_card(self._path), channels))
                return
            with self._loading:
                if self._model is None or self._model.ended:
                    self._model = RemoteModel(self._path)
            if self._model.encoder is None:
                raise PerformError("this model has no encoder", where=str(file.path))
            file.read(self._model.encoder)
        except PerformError as error:
            file.error = str(error)


CALLS = ("card", "matrix", "sound", "encode_file", "frames", "cancel")


def main() -> None:
    """[main] Serve until the pipe of requests ends."""
    server = ReaderServer(Path(sys.argv[1]))
    serve({call: getattr(server, call) for call in CALLS})


if __name__ == "__main__":
    main()
