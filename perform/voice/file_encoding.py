"""Encodes the sound files that a model's voices play: one thread per file, each with a separate encoder."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path

from perform.core.errors import PerformError
from perform.core.messages.host_messages import FileAssignment
from perform.engine.file_latents import FileLatents
from perform.engine.file_reader import FileReader
from perform.engine.protocol import PlayableModel, StreamingEncoder


def ignore_progress(file: int, part: float, seconds: float) -> None:
    """Do nothing: the default of `on_progress`."""


class FileEncoding:
    """Encodes the files of one model.

    latents : of each file, by its number in the lanes' rows
    The arguments are those of `Assignments`.
    """

    def __init__(
        self,
        model: PlayableModel,
        reader: FileReader,
        log: Callable[[str], None],
        *,
        wait: bool,
        on_progress: Callable[[int, float, float], None],
    ) -> None:
        self._model, self._reader, self._log = model, reader, log
        self._wait, self._on_progress = wait, on_progress
        self.latents: dict[int, FileLatents] = {}

    def update(self, files: dict[int, FileAssignment], *, playing: bool) -> None:
        """[disk] Encode the files that are new, drop those that are not listed.

        playing : a voice of this model sounds. A thread at idle priority would then hold the interpreter's
                  lock for long and delay rendering, so all files are encoded at normal priority
        """
        for number in self.latents.keys() - files:
            self.latents.pop(number).cancel()
        for number, file in files.items():
            if known := self.latents.get(number):
                if playing or not file.coming:
                    known.raise_priority()
            else:
                latents = self.latents[number] = self._reader.recording(Path(file.path))
                encode = functools.partial(self._encode, number, file, latents)
                if self._wait:
                    encode(at_idle_priority=False)
                else:
                    options = {"at_idle_priority": file.coming and not playing}
                    threading.Thread(target=encode, kwargs=options, daemon=True).start()

    def _encode(
        self, number: int, file: FileAssignment, latents: FileLatents, *, at_idle_priority: bool
    ) -> None:
        """[disk] Encode a whole file."""
        try:
            encoder = self._new_encoder()
        except (PerformError, OSError) as error:  # the model's file may have been moved since it was loaded
            self._log(f"deck {file.deck}: {error}")
            self._on_progress(number, 1.0, 0.0)
            return
        began = time.monotonic()

        def report(part: float) -> None:
            self._on_progress(number, part, time.monotonic() - began)

        latents.read(encoder, at_idle_priority=at_idle_priority, many=self._wait, on_progress=report)
        if latents.error:
            self._log(f"deck {file.deck}: {latents.error}")

    def _new_encoder(self) -> StreamingEncoder:
        if self._model.encoder is None:
            raise PerformError(f"{self._model.card.name} has no encoder, so it cannot play a file")
        return self._model.encoder.for_another_thread()
