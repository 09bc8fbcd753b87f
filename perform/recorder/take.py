"""One take: from the tape to its files, on another disk where one fails, silence where the tape got away.

The parts of a take, one after the other, are exactly the tape from the frame it began to the frame it ended.
This module knows the tape and the files. It knows no process, no screen and no meters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from perform.recorder.names import part_name, paths
from perform.recorder.wav import Writer
from perform.shared import Audio, Tape

Report = Callable[..., None]  #: kind, then fields, as `Lifeline.report`

SYNC = 0.25  #: seconds between two syncs
RETRY = 1.0  #: seconds between two tries where no folder takes a file
CHUNK = 1 << 16  #: frames copied at once
WET = 1 << 14  #: frames at the tape's old end that the mixer may be writing over right now


class Take:
    """[disk] Call `advance` ten times a second or more; it never raises OSError.

    folders  : places for its files, the best first; it moves on to the next where one fails
    name     : stem of the first file
    position : frame of the tape at which this take, or this recorder's share of it, begins
    part     : number of the first file opened here
    began    : frame of the tape at which the take began
    missed   : frames that were silenced before this recorder took over
    """

    def __init__(
        self,
        tape: Tape,
        rate: int,
        folders: Sequence[Path],
        name: str,
        report: Report,
        *,
        position: int,
        part: int = 1,
        began: int | None = None,
        first: Path | None = None,
        missed: int = 0,
    ) -> None:
        self._tape, self._folders, self._report = tape, list(folders), report
        self.rate, self._name, self._part, self.first = rate, name, part, first
        self.began = position if began is None else began
        self._missed = missed
        self._holes: list[tuple[int, int]] = []  # position, frames of the silence written here
        self._writer: Writer | None = None
        self._start = position  # of the open file, or of the next one
        self._due = self._retry = 0.0  # monotonic seconds
        self._stuck = False  # reported that no folder is left
        self._open()

    @property
    def position(self) -> int:
        """The frame of the tape that is written next."""
        return self._start + (self._writer.frames if self._writer else 0)

    @property
    def safe(self) -> int:
        """Frames of the take that are safe on a disk, in all its parts."""
        return self._start + (self._writer.safe if self._writer else 0) - self.began

    @property
    def missed(self) -> int:
        """Frames of the take that the tape lost before they were written."""
        return self._missed + sum(frames for _, frames in self._holes)

    @property
    def folder(self) -> Path | None:
        """Where the open file lies; None while no folder takes one."""
        return self._writer.path.parent if self._writer else None

    def advance(self, end: int, *, sync: bool = False) -> None:
        """Write the tape up to position `end`; sync when it is time, or all of it now."""
        while self._writing():
            try:
                self._copy(end)
                self._sync(now=sync)
                if self.position >= end:
                    return
            except OSError as error:
                self._give_up(error)

    def close(self, end: int) -> None:
        """Write the tape up to `end`, make it safe, close. What no folder would take counts as missed."""
        self._retry = 0.0
        self.advance(end, sync=True)
        self._missed += max(0, end - self.position)
        if self._writer:
            self._writer.close()
            self._start += self._writer.safe
            self._writer = None

    def _copy(self, end: int) -> None:
        assert self._writer
        at, wanted = self.position, end - self.position
        if wanted <= 0:
            return
        audio, lost = self._tape.read(at, min(CHUNK, wanted))
        wet = self._tape.written - self._tape.capacity + WET - at - lost  # a block not yet counted as written
        wet = min(max(wet, 0), len(audio))
        audio, lost = audio[wet:], min(lost + wet, wanted)
        if lost:
            self._holes.append((at, lost))
        for done in range(0, lost, CHUNK):
            self._writer.write(_silence(min(CHUNK, lost - done)))
        self._writer.write(audio[: wanted - lost])

    def _sync(self, *, now: bool) -> None:
        assert self._writer
        time_now = time.monotonic()
        if now or time_now >= self._due:
            self._due = time_now + SYNC
            self._writer.sync()

    def _writing(self) -> bool:
        if self._writer is None and time.monotonic() >= self._retry:
            self._open()
        return self._writer is not None

    def _open(self) -> None:
        """The next part, in the first folder that takes it."""
        why = ""
        for folder in self._folders:
            try:
                writer = self._create(folder)
            except OSError as error:
                why = str(error)
                continue
            self._writer, self._stuck = writer, False
            if self._part == 1:
                self.first, self._name = writer.path, writer.path.stem
            self._report(
                "opened",
                path=str(writer.path),
                position=self._start,
                part=self._part,
                take=str(self.first or writer.path),
                began=self.began,
            )
            return
        self._retry = time.monotonic() + RETRY
        if not self._stuck:
            self._stuck = True
            self._report("failed", error=f"no folder takes the recording: {why}", path="")

    def _create(self, folder: Path) -> Writer:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths(folder, part_name(self._name, self._part)):
            with suppress(FileExistsError):
                return Writer(path, self.rate)
        raise AssertionError("paths never end")

    def _give_up(self, error: OSError) -> None:
        """Leave the open file as whole as it will be; the next part begins at the first frame it lacks."""
        writer, self._writer = self._writer, None
        assert writer
        with suppress(OSError):
            writer.close()
        self._start += writer.safe
        self._holes = [(at, min(n, self._start - at)) for at, n in self._holes if at < self._start]
        self._folders.append(self._folders.pop(self._folders.index(writer.path.parent)))
        if writer.safe:
            self._part += 1
        else:
            self._retry = time.monotonic() + RETRY
            with suppress(OSError):
                writer.path.unlink()
        self._report("failed", error=str(error), path=str(writer.path))


def _silence(frames: int) -> Audio:
    return np.zeros((frames, 2), np.float32)
