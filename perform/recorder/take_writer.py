"""One take: from the tracks to its files, on another disk where one fails, silence where a track got away.

The parts of a take, one after the other, are exactly the tape from the frame it began to the frame it ended.
This module knows the tracks and the files. It knows no process, no screen and no meters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from perform.core.messages import AnyReport, TakeFailed, TakeOpened
from perform.core.ring_buffers import Audio, HistoryBuffer
from perform.recorder import gesture_log
from perform.recorder.markers import Marker
from perform.recorder.recent_events import RecentEvents
from perform.recorder.take_names import beside, part_name, paths
from perform.recorder.take_part import TakePart
from perform.recorder.wav_format import FORMATS

SYNC = 0.2  #: seconds between two syncs
RETRY = 1.0  #: seconds between two tries where no folder takes a file
CHUNK = 1 << 16  #: frames copied at once
WET = 1 << 14  #: frames at the tape's old end that the mixer may be writing over right now


class TakePlan(NamedTuple):
    """What is recorded, and where.

    tracks  : what there is to record, the first "master"; all are written
    folders : places for its files, the best first; it moves on to the next where one fails
    name    : stem of the first file
    header  : of its logs; position and part are filled in
    """

    tracks: Mapping[str, HistoryBuffer]
    folders: Sequence[Path]
    name: str
    header: gesture_log.GestureHeader


class TakeWriter:
    """[disk] Call `advance` ten times a second or more; it never raises OSError.

    position : frame of the tape at which this take, or this recorder's share of it, begins
    part     : number of the first file opened here
    began    : frame of the tape at which the take began
    missed   : frames that were silenced before this recorder took over
    """

    def __init__(
        self,
        plan: TakePlan,
        history: RecentEvents,
        report: Callable[[AnyReport], None],
        *,
        position: int,
        part: int = 1,
        began: int | None = None,
        first: Path | None = None,
        missed: int = 0,
    ) -> None:
        self._plan, self._history, self._report = plan, history, report
        self._tracks, self._folders = plan.tracks, list(plan.folders)
        self.rate = plan.header.rate
        #: bytes per frame in all files together
        self.frame_bytes = FORMATS[plan.header.samples].frame_bytes * len(plan.tracks)
        self._name, self._part, self.first = plan.name, part, first
        self.began = position if began is None else began
        self._own, self._missed = position, missed
        self._holes: list[tuple[int, int]] = []  # position, frames of the silence written here
        self._marks: list[Marker] = []  # by the tape's frame
        self._silent = set(plan.tracks) - {"master"}  # tracks in which nothing has sounded
        self._masters: list[Path] = []  # of its parts, as far as they were opened here
        self._files: TakePart | None = None
        self._start = position  # of the open part, or of the next one
        self._told = 0  # cursor in the history: what the open log has
        self._due = self._retry = 0.0  # monotonic seconds
        self._stuck = False  # reported that no folder is left
        self._open()

    @property
    def position(self) -> int:
        """The frame of the tape that is written next."""
        return self._start + (self._files.frames if self._files else 0)

    @property
    def safe(self) -> int:
        """Frames of the take that are safe on a disk, in all its parts."""
        return self._start + (self._files.safe if self._files else 0) - self.began

    @property
    def missed(self) -> int:
        """Frames of the take that a track lost before they were written."""
        return self._missed + sum(frames for _, frames in self._holes)

    @property
    def folder(self) -> Path | None:
        """Where the open part lies; None while no folder takes one."""
        return self._files.path.parent if self._files else None

    def mark(self, at: int, name: str) -> None:
        """A marker at a frame of the tape; the log has it from the history."""
        self._marks.append(Marker(at, name))

    def advance(self, end: int, *, sync: bool = False) -> None:
        """Write the tracks up to position `end`; sync when it is time, or all of it now."""
        while self._writing():
            try:
                self._copy(end)
                self._sync(now=sync)
                if self.position >= end:
                    return
            except OSError as error:
                self._give_up(error)

    def close(self, end: int) -> None:
        """Write the tracks up to `end`, make it safe, close. What no folder would take counts as missed.

        A track that was silent all the time leaves no file.
        """
        self._retry = 0.0
        self.advance(end, sync=True)
        self._missed += max(0, end - self.position)
        if self._files:
            self._close(self._files)
            self._files = None
        if self.began == self._own:  # else there are parts that nobody here has heard
            for path in (beside(master, track) for master in self._masters for track in self._silent):
                with suppress(OSError):
                    path.unlink()

    def _copy(self, end: int) -> None:
        assert self._files
        at = self.position
        wanted = min(CHUNK, end - at)
        if wanted <= 0:
            return
        blocks, lost = {}, 0
        for track, tape in self._tracks.items():
            blocks[track], silenced = read_track(tape, at, wanted)
            lost = max(lost, silenced)
            if track in self._silent and blocks[track].any():
                self._silent.remove(track)
        if lost:
            self._holes.append((at, lost))
        self._files.write(blocks)

    def _sync(self, *, now: bool) -> None:
        assert self._files
        time_now = time.monotonic()
        if now or time_now >= self._due:
            self._due = time_now + SYNC
            self._history.drain()
            records, self._told = self._history.since(self._told)
            self._files.log(records)
            self._files.sync()
            self._history.release()

    def _writing(self) -> bool:
        if self._files is None and time.monotonic() >= self._retry:
            self._open()
        return self._files is not None

    def _open(self) -> None:
        """The next part, in the first folder that takes it."""
        why = ""
        header = msgspec.structs.replace(
            self._plan.header, position=self._start, began=self.began, part=self._part
        )
        for folder in self._folders:
            try:
                files = self._create(folder, header)
            except OSError as error:
                why = str(error)
                continue
            self._files, self._stuck = files, False
            self._masters.append(files.path)
            self._history.drain()
            records, self._told = self._history.opening(self._start)
            files.log(records)
            if self._part == 1:
                self.first, self._name = files.path, files.path.stem
            self._report(
                TakeOpened(
                    path=str(files.path),
                    position=self._start,
                    part=self._part,
                    take=str(self.first or files.path),
                    began=self.began,
                    tracks=tuple(self._tracks),
                    samples=header.samples,
                )
            )
            return
        self._retry = time.monotonic() + RETRY
        if not self._stuck:
            self._stuck = True
            self._report(TakeFailed(f"no folder takes the recording: {why}", path=""))

    def _create(self, folder: Path, header: gesture_log.GestureHeader) -> TakePart:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths(folder, part_name(self._name, self._part)):
            with suppress(FileExistsError):
                return TakePart(path, self.rate, list(self._tracks), FORMATS[header.samples], header)
        raise AssertionError("paths never end")

    def _give_up(self, error: OSError) -> None:
        """Leave the open part as whole as it will be; the next one begins at the first frame it lacks."""
        files, self._files = self._files, None
        assert files
        frames = self._close(files)
        self._holes = [(at, min(n, self._start - at)) for at, n in self._holes if at < self._start]
        self._folders.append(self._folders.pop(self._folders.index(files.path.parent)))
        if frames:
            self._part += 1
        else:
            self._retry = time.monotonic() + RETRY
            files.unlink()
        self._report(TakeFailed(str(error), path=str(files.path)))

    def _close(self, files: TakePart) -> int:
        """Close a part, with its markers; returns its frames."""
        files.close([Marker(at - self._start, name) for at, name in self._marks], self._plan.header.set)
        self._start += files.safe
        self._marks = [mark for mark in self._marks if mark.frame >= self._start]
        return files.safe


def read_track(tape: HistoryBuffer, at: int, wanted: int) -> tuple[Audio, int]:
    """`wanted` frames of a track from `at` on, silence for what it lost -> (wanted, 2), frames lost."""
    audio, lost = tape.read(at, wanted)
    wet = tape.written - tape.capacity + WET - at - lost  # a block not yet counted as written
    wet = min(max(wet, 0), len(audio))
    audio, lost = audio[wet:], min(lost + wet, wanted)
    if lost:
        audio = np.concatenate([np.zeros((lost, 2), np.float32), audio[: wanted - lost]])
    return audio, lost
