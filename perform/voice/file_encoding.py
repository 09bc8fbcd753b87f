"""Encodes the sound files that a model's voices play: one thread per file, each with a separate encoder.

One more thread reads the files' own sound, once a voice wants it.
"""

from __future__ import annotations

import functools
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from perform.core.errors import PerformError
from perform.core.messages.host_messages import FileAssignment
from perform.engine.file_latents import FileLatents
from perform.engine.file_reader import FileReader
from perform.engine.protocol import PlayableModel, StreamingEncoder
from perform.engine.sound_passage import passage


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
        self._sounds: dict[int, FileLatents] = {}  # the files' own sound
        self._wanted: queue.SimpleQueue[FileLatents] = queue.SimpleQueue()
        self._asked: set[FileLatents] = set()  # written by the render thread alone
        self._reads = False  # a thread reads the sounds that are wanted

    def sound(self, number: int) -> FileLatents | None:
        """[render] Return a file's own sound, stereo at the model's rate, as far as it is read; see `update`.

        The first call lets a thread begin to read it.
        """
        found = self._sounds.get(number)
        if found is not None and found not in self._asked:
            self._asked = {one for one in self._asked if one in self._sounds.values()} | {found}
            if self._wait:
                self._read_sound(found)
            else:
                self._wanted.put(found)
        return found

    def _read_sounds(self) -> None:
        """[disk] Read the sounds that voices want, one after the other."""
        while True:
            self._read_sound(self._wanted.get())

    def _read_sound(self, sound: FileLatents) -> None:
        sound.read(passage(self._model.card, 2), many=self._wait)
        if sound.error:
            self._log(sound.error)

    def update(self, files: dict[int, FileAssignment], *, playing: bool) -> None:
        """[disk] Encode the files that are new, drop those that are not listed.

        playing : a voice of this model sounds. A thread at idle priority would then hold the interpreter's
                  lock for long and delay rendering, so all files are encoded at normal priority
        """
        for number in self.latents.keys() - files:
            self.latents.pop(number).cancel()
            if own := self._sounds.pop(number, None):
                own.cancel()
        if files and not (self._wait or self._reads or self._model.takes_sound):
            self._reads = True
            threading.Thread(target=self._read_sounds, name="file sounds", daemon=True).start()
        for number, file in files.items():
            if known := self.latents.get(number):
                if playing or not file.coming:
                    known.raise_priority()
            else:
                latents = self.latents[number] = self._reader.recording(Path(file.path))
                if not self._model.takes_sound:
                    self._sounds[number] = self._reader.recording(Path(file.path))
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
