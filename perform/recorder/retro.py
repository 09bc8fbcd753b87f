"""What was played before anybody thought of recording: the last minutes of the master, always kept.

They lie as 24-bit frames, as a take holds them, in a mapped file beside the shared memory, so that a recorder
that dies leaves them to the next: 86 MB for five minutes at 48 kHz, where float would be 115. All of it is
reserved when it is made.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from perform.core.errors import PerformError
from perform.core.ring_buffers import HistoryBuffer
from perform.recorder import gesture_log
from perform.recorder.recent_events import RecentEvents
from perform.recorder.take_names import paths
from perform.recorder.take_part import TakePart
from perform.recorder.take_writer import CHUNK, WET, read_track
from perform.recorder.wav_format import PCM24

SUFFIX = ".retro"
STEP_S = 10.0  #: seconds of sound written at once

_MAGIC = 0x7065_7266_7274_0001
_HEAD = 64  # bytes: magic, rate, first position, end


class LastMinutes:
    """[disk] The last `seconds` of a tape; call `follow` often.

    PerformError where there is no room for it.
    """

    def __init__(self, path: Path, tape: HistoryBuffer, rate: int, seconds: float) -> None:
        self._tape, self.rate = tape, rate
        self._capacity = round(seconds * rate)
        size = _HEAD + self._capacity * PCM24.frame_bytes
        found = path.exists() and path.stat().st_size == size
        with path.open("r+b" if found else "w+b") as file:
            if not found and hasattr(os, "posix_fallocate"):
                try:
                    os.posix_fallocate(file.fileno(), 0, size)
                except OSError as error:
                    path.unlink()
                    what = f"no room for {size >> 20} MiB: what is not recorded is not kept"
                    raise PerformError(what, where=str(path.parent), hint="see --retro") from error
            elif not found:
                file.truncate(size)
            memory = mmap.mmap(file.fileno(), size)
        self._head = np.ndarray(4, np.int64, memory)
        self._data = np.ndarray((self._capacity, PCM24.frame_bytes), np.uint8, memory, _HEAD)
        if list(self._head[:2]) != [_MAGIC, rate]:
            oldest = max(0, tape.written - tape.capacity + WET)
            self._head[1:] = rate, oldest, oldest
            self._head[0] = _MAGIC

    @property
    def begin(self) -> int:
        """Frame of the tape of the oldest frame that is kept."""
        return max(int(self._head[2]), self.end - self._capacity)

    @property
    def end(self) -> int:
        """Frame of the tape after the youngest."""
        return int(self._head[3])

    def follow(self) -> None:
        """Take what is new on the tape, silence for what it lost."""
        end = self._tape.written
        while n := min(CHUNK, end - self.end):
            audio, _ = read_track(self._tape, self.end, n)
            frames = np.frombuffer(PCM24.encode(audio), np.uint8).reshape(n, -1)
            at = self.end % self._capacity
            first = min(n, self._capacity - at)
            self._data[at : at + first] = frames[:first]
            self._data[: n - first] = frames[first:]
            self._head[3] += n

    def read(self, position: int, frames: int) -> bytes:
        """Encoded frames from `position` on, silence for what is no longer there."""
        gone = min(max(0, self.begin - position), frames)
        if gone:
            return bytes(gone * PCM24.frame_bytes) + self.read(position + gone, frames - gone)
        at = position % self._capacity
        last = max(0, at + frames - self._capacity)
        return self._data[at : at + frames].tobytes() + self._data[:last].tobytes()


class LastMinutesTake:
    """[disk] A take out of the past, written piece by piece: call `step` until it is `done`.

    begin, end : frames of the tape
    path       : its file, as soon as there is one; "" and `error` where no folder takes it
    """

    def __init__(
        self,
        retro: LastMinutes,
        history: RecentEvents,
        folders: Sequence[Path],
        name: str,
        header: gesture_log.GestureHeader,
        begin: int,
        end: int,
    ) -> None:
        self._retro, self._folders, self._name, self._header = retro, list(folders), name, header
        self._log = history.opening(begin)[0]
        self._marks = history.marks(begin, end)
        self.begin, self.end = begin, end
        self._part: TakePart | None = None
        self.done, self.error, self.frames = False, "", 0

    @property
    def path(self) -> str:
        """Where it is."""
        return str(self._part.path) if self._part else ""

    def step(self) -> None:
        """The next ten seconds, and on the disk: all at once would take a slow one too long.

        In another folder from the beginning where one fails.
        """
        try:
            if self._part is None:
                self._part = self._open()
            part = self._part
            at = self.begin + part.frames
            for _ in range(round(STEP_S * self._retro.rate) // CHUNK + 1):
                n = min(CHUNK, self.end - at)
                part.append(self._retro.read(at, n))
                at += n
            part.sync()
            if at < self.end:
                return
            part.close(self._marks, self._header.set)
            self.frames, self.done = part.safe, True
        except OSError as error:
            self.error = str(error)
            self._fail()

    def _open(self) -> TakePart:
        header = msgspec.structs.replace(self._header, position=self.begin, began=self.begin)
        folder = self._folders[0]
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths(folder, self._name):
            with suppress(FileExistsError):
                part = TakePart(path, self._retro.rate, ["master"], PCM24, header)
                part.log(self._log)
                return part
        raise AssertionError("paths never end")

    def _fail(self) -> None:
        """Nothing of it stays in this folder; the next one, if there is one."""
        if self._part:
            self._part.close((), "")
            self._part.unlink()
            self._part = None
        self._folders.pop(0)
        self.done = not self._folders
