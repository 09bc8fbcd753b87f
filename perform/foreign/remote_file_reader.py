"""A file reader for a sandboxed host process, which can open no file (`perform.foreign.reader_process`).

The companion process starts before the host enters the sandbox. It sends cards, matrices, latents, and
the sounds that the player puts into the module's buffers.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from perform.core.errors import PerformError
from perform.core.pipe import HelperProcess
from perform.engine.file_latents import FileLatents
from perform.engine.protocol import BufferSound, StreamingEncoder
from perform.engine.sound_passage import SoundPassage
from perform.library.cards import Card
from perform.library.matrices import LatentMatrix, MatrixSide

POLL_S = 0.05  #: seconds between two requests for more frames of a file


class RemoteFileReader:
    """[disk] See `perform.engine.file_reader.FileReader`. Make it before the sandbox is entered."""

    def __init__(self, model: Path) -> None:
        self._count = 0
        self._process = HelperProcess(
            "perform.foreign.reader_process",
            str(model),
            name="the file reader of this model",
            hint="load the model again",
        )

    def card(self, path: Path) -> Card:
        """See `FileReader`."""
        return msgspec.convert(self._process.ask("card", path=str(path)).fields["card"], Card)

    def matrix(self, path: Path, encoder_sha256: str, decoder_sha256: str) -> LatentMatrix:
        """See `FileReader`."""
        facts, values = self._process.ask(
            "matrix", path=str(path), encoder=encoder_sha256, decoder=decoder_sha256
        )
        encoder, decoder = (msgspec.convert(facts[name], MatrixSide) for name in ("encoder", "decoder"))
        weight, offset = values[: -decoder.latents], values[-decoder.latents :]
        fit = float("nan") if facts["fit"] is None else float(facts["fit"])
        return LatentMatrix(encoder, decoder, weight.reshape(decoder.latents, encoder.latents), offset, fit)

    def recording(self, path: Path) -> FileLatents:
        """See `FileReader`."""
        self._count += 1
        return RemoteFileLatents(path, self._process, self._count)

    def sound(self, name: str) -> BufferSound:
        """See `FileReader`."""
        facts, values = self._process.ask("sound", name=name)
        return BufferSound(values.reshape(facts["channels"], -1), int(facts["rate"]), str(facts["digest"]))


class RemoteFileLatents(FileLatents):
    """A sound file that the companion process encodes; it knows the file by `number`."""

    def __init__(self, path: Path, process: HelperProcess, number: int) -> None:
        super().__init__(path)
        self._process, self._number = process, number

    def _blocks(self, encoder: StreamingEncoder, *, many: bool) -> Iterator[None]:
        """[disk] Fetch encoded frames until all are here. `many` changes nothing: the companion encodes."""
        latents, over = encoder.card.latents, False
        try:
            channels = encoder.card.channels if isinstance(encoder, SoundPassage) else 0
            self._process.ask("encode_file", number=self._number, path=str(self.path), channels=channels)
            while not over:
                facts, values = self._process.ask("frames", number=self._number, start=self.ready)
                if not self.length and facts["length"]:
                    self._latents = np.zeros((facts["length"], latents), np.float32)
                    self.length = facts["length"]
                self._append(list(values.reshape(-1, latents)))
                self.error, over = facts["failed"], facts["over"]
                yield
                time.sleep(0.0 if over else POLL_S)
        except (PerformError, MemoryError) as error:
            self.error = str(error)
        finally:
            with contextlib.suppress(PerformError):
                self._process.ask("cancel", number=self._number)
        self.length = self.ready
