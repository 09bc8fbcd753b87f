"""The last minutes of the master, which are always in memory, and saving them as a take.

The frames are 24-bit, as in a take, in a memory-mapped file beside the shared memory. So a new recorder finds
them after the old one died. Five minutes at 48 kHz take 86 MB (115 as float), all reserved at the start.
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
from perform.recorder.take_names import numbered_paths
from perform.recorder.take_part import TakePart
from perform.recorder.take_writer import CHUNK, OVERWRITTEN, read_track
from perform.recorder.wav_format import PCM24

SUFFIX = ".retro"
STEP_S = 10.0  #: seconds of sound written at once

_MAGIC = 0x7065_7266_7274_0001
_HEAD = 64  # bytes: magic, rate, first position, end


class LastMinutes:
    """[disk] Keeps the last `seconds` of a history buffer; call `follow` often.

    PerformError: there is no space for them.
    """

    def __init__(self, path: Path, history: HistoryBuffer, rate: int, seconds: float) -> None:
        self._history, self.rate = history, rate
        self._capacity = round(seconds * rate)
        size = _HEAD + self._capacity * PCM24.frame_bytes
        found = path.exists() and path.stat().st_size == size
        with path.open("r+b" if found else "w+b") as file:
            if not found and hasattr(os, "posix_fallocate"):
                try:
                    os.posix_fallocate(file.fileno(), 0, size)
                except OSError as error:
                    path.unlink()
                    what = f"no space for {size >> 20} MiB: the last minutes cannot be saved"
                    hint = "keep fewer minutes with --retro"
                    raise PerformError(what, where=str(path.parent), hint=hint) from error
            elif not found:
                file.truncate(size)
            memory = mmap.mmap(file.fileno(), size)
        self._head = np.ndarray(4, np.int64, memory)
        self._data = np.ndarray((self._capacity, PCM24.frame_bytes), np.uint8, memory, _HEAD)
        if list(self._head[:2]) != [_MAGIC, rate]:
            oldest = max(0, history.written - history.capacity + OVERWRITTEN)
            self._head[1:] = rate, oldest, oldest
            self._head[0] = _MAGIC

    @property
    def begin(self) -> int:
        """Position of the oldest frame in memory."""
        return max(int(self._head[2]), self.end - self._capacity)

    @property
    def end(self) -> int:
        """Position after the newest frame."""
        return int(self._head[3])

    def follow(self) -> None:
        """Copy the new frames of the history buffer; lost frames become silence."""
        end = self._history.written
        while n := min(CHUNK, end - self.end):
            audio, _ = read_track(self._history, self.end, n)
            frames = np.frombuffer(PCM24.encode(audio), np.uint8).reshape(n, -1)
            at = self.end % self._capacity
            first = min(n, self._capacity - at)
            self._data[at : at + first] = frames[:first]
            self._data[: n - first] = frames[first:]
            self._head[3] += n

    def read(self, position: int, frames: int) -> bytes:
        """Return encoded frames from `position` on; older frames than `begin` are silent."""
        lost = min(max(0, self.begin - position), frames)
        if lost:
            return bytes(lost * PCM24.frame_bytes) + self.read(position + lost, frames - lost)
        at = position % self._capacity
        last = max(0, at + frames - self._capacity)
        return self._data[at : at + frames].tobytes() + self._data[:last].tobytes()


class LastMinutesTake:
    """[disk] Writes the last minutes as a take, piece by piece: call `step` until it is `done`.

    begin, end : positions in the history buffer
    path       : of the open file; "" before, and if no folder accepted a file, with the reason in `error`
    """

    def __init__(
        self,
        retro: LastMinutes,
        events: RecentEvents,
        folders: Sequence[Path],
        name: str,
        header: gesture_log.GestureHeader,
        begin: int,
        end: int,
    ) -> None:
        self._retro, self._folders, self._name, self._header = retro, list(folders), name, header
        self._log = events.opening(begin)[0]
        self._marks = events.marks(begin, end)
        self.begin, self.end = begin, end
        self._part: TakePart | None = None
        self.done, self.error, self.frames = False, "", 0

    @property
    def path(self) -> str:
        """The path of the open file, or ""."""
        return str(self._part.path) if self._part else ""

    def step(self) -> None:
        """Write and flush the next ten seconds: more at once would block too long on a slow disk.

        If a folder fails, the take starts again in the next one.
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
        for path in numbered_paths(folder, self._name):
            with suppress(FileExistsError):
                part = TakePart(path, self._retro.rate, ["master"], PCM24, header)
                part.log(self._log)
                return part
        raise AssertionError("paths never end")

    def _fail(self) -> None:
        """Delete the files of this folder and move on to the next folder, if there is one."""
        if self._part:
            self._part.close((), "")
            self._part.unlink()
            self._part = None
        self._folders.pop(0)
        self.done = not self._folders
