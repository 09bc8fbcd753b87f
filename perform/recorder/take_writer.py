"""Writing one take: from the history buffers of the tracks to files.

If a disk fails, the take continues in the next folder. Frames that a track lost become silence. The parts
of a take, put together, hold every frame from its first to its last. This module knows no process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from perform.core.messages.message_lines import AnyReport
from perform.core.messages.recorder_messages import TakeFailed, TakeOpened
from perform.core.ring_buffers import Audio, HistoryBuffer
from perform.recorder import gesture_log
from perform.recorder.markers import Marker
from perform.recorder.recent_events import RecentEvents
from perform.recorder.take_names import numbered_paths, part_name, track_path
from perform.recorder.take_part import TakePart
from perform.recorder.wav_format import FORMATS

SYNC_S = 0.2  #: seconds between two syncs
RETRY_S = 1.0  #: seconds between two tries to open a file after all folders failed
CHUNK = 1 << 16  #: frames copied at once
OVERWRITTEN = 1 << 14  #: oldest frames of a history buffer, which the mixer may be overwriting


class TakePlan(NamedTuple):
    """The tracks to record, and where to write them.

    tracks  : all are written; the first is "master"
    folders : where to write, best first; if one fails, the take continues in the next
    name    : stem of the first file
    header  : header of its gesture logs; the writer fills in position and part
    """

    tracks: Mapping[str, HistoryBuffer]
    folders: Sequence[Path]
    name: str
    header: gesture_log.GestureHeader


class TakeWriter:
    """[disk] Call `advance` ten times a second or more; it never raises OSError.

    position : position in the history buffer of the first frame that this recorder writes
    part     : number of the first file opened here
    began    : position at which the take began
    missed   : frames already lost when this recorder took over
    """

    def __init__(
        self,
        plan: TakePlan,
        events: RecentEvents,
        report: Callable[[AnyReport], None],
        *,
        position: int,
        part: int = 1,
        began: int | None = None,
        first: Path | None = None,
        missed: int = 0,
    ) -> None:
        self._plan, self._events, self._report = plan, events, report
        self._tracks, self._folders = plan.tracks, list(plan.folders)
        self.rate = plan.header.rate
        #: bytes per frame in all files together
        self.frame_bytes = FORMATS[plan.header.samples].frame_bytes * len(plan.tracks)
        self._name, self._part, self.first = plan.name, part, first
        self.began = position if began is None else began
        self._first_position, self._missed = position, missed
        self._holes: list[tuple[int, int]] = []  # position and length of the silence written here
        self._marks: list[Marker] = []  # by position in the history buffer
        self._silent = set(plan.tracks) - {"master"}  # tracks that were silent so far
        self._masters: list[Path] = []  # master files of the parts opened here
        self._files: TakePart | None = None
        self._start = position  # position of the open part, or of the next one
        self._cursor = 0  # the open gesture log has all events before it
        self._sync_due = self._retry_at = 0.0  # monotonic seconds
        self._stuck = False  # no folder accepts a frame, and this has been reported
        self._opened: TakeOpened | None = None  # to be reported once the part has a frame on the disk
        self._open()

    @property
    def position(self) -> int:
        """Position of the next frame to write."""
        return self._start + (self._files.frames if self._files else 0)

    @property
    def safe(self) -> int:
        """Frames of all parts that are safe on a disk."""
        return self._start + (self._files.safe if self._files else 0) - self.began

    @property
    def missed(self) -> int:
        """Frames of the take that were lost before they could be written."""
        return self._missed + sum(frames for _, frames in self._holes) + self._overwritten

    @property
    def _overwritten(self) -> int:
        """Frames that were lost since no folder accepts any."""
        if not self._stuck:
            return 0
        oldest = max(history.written - history.capacity for history in self._tracks.values()) + OVERWRITTEN
        return max(0, oldest - self.position)

    @property
    def waiting(self) -> int:
        """Frames that are not lost yet, but accepted by no folder; 0 while a folder works."""
        master = self._tracks["master"]
        return max(0, master.written - self.position - self._overwritten) if self._stuck else 0

    @property
    def folder(self) -> Path | None:
        """The folder of the open part; None while no folder works."""
        return self._files.path.parent if self._files and not self._stuck else None

    def mark(self, at: int, name: str) -> None:
        """Set a marker for the sound files; the gesture log gets it from the recent events."""
        self._marks.append(Marker(at, name))

    def advance(self, end: int, *, sync: bool = False) -> None:
        """Write the tracks up to position `end`; sync every SYNC_S, or at once."""
        while self._is_open():
            try:
                self._copy(end)
                self._sync(now=sync)
                if self.position >= end:
                    return
            except OSError as error:
                self._give_up(error)

    def close(self, end: int) -> None:
        """Write and sync the tracks up to `end`, then close. Frames that no folder accepted count as missed.

        A track that was silent throughout leaves no file.
        """
        self._retry_at = 0.0
        self.advance(end, sync=True)
        self._missed += max(0, end - self.position)
        self._stuck = False
        if self._files:
            self._close(self._files)
            self._files = None
        if self.began == self._first_position:  # else earlier parts exist that this recorder did not write
            for path in (track_path(master, track) for master in self._masters for track in self._silent):
                with suppress(OSError):
                    path.unlink()

    def _copy(self, end: int) -> None:
        assert self._files
        at = self.position
        wanted = min(CHUNK, end - at)
        if wanted <= 0:
            return
        blocks, lost = {}, 0
        for track, history in self._tracks.items():
            blocks[track], silenced = read_track(history, at, wanted)
            lost = max(lost, silenced)
            if track in self._silent and blocks[track].any():
                self._silent.remove(track)
        if lost:
            self._holes.append((at, lost))
        self._files.write(blocks)

    def _sync(self, *, now: bool) -> None:
        assert self._files
        time_now = time.monotonic()
        if now or time_now >= self._sync_due:
            self._sync_due = time_now + SYNC_S
            self._events.drain()
            records, self._cursor = self._events.since(self._cursor)
            self._files.log(records)
            self._files.sync()
            self._events.release()
            if self._opened and self._files.safe:
                self._stuck = False
                self._report(self._opened)
                self._opened = None

    def _is_open(self) -> bool:
        if self._files is None and time.monotonic() >= self._retry_at:
            self._open()
        return self._files is not None

    def _open(self) -> None:
        """Open the next part in the first folder that works."""
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
            self._files = files
            self._masters.append(files.path)
            self._events.drain()
            records, self._cursor = self._events.opening(self._start)
            files.log(records)
            if self._part == 1:
                self.first, self._name = files.path, files.path.stem
            opened = TakeOpened(
                path=str(files.path),
                position=self._start,
                part=self._part,
                take=str(self.first or files.path),
                began=self.began,
                tracks=tuple(self._tracks),
                samples=header.samples,
            )
            if self._stuck:  # a full disk may still accept a file
                self._opened = opened
            else:
                self._report(opened)
            return
        self._retry_at = time.monotonic() + RETRY_S
        if not self._stuck:
            self._stuck = True
            self._report(TakeFailed(f"no folder accepts the recording: {why}", path=""))

    def _create(self, folder: Path, header: gesture_log.GestureHeader) -> TakePart:
        folder.mkdir(parents=True, exist_ok=True)
        for path in numbered_paths(folder, part_name(self._name, self._part)):
            with suppress(FileExistsError):
                return TakePart(path, self.rate, list(self._tracks), FORMATS[header.samples], header)
        raise AssertionError("paths never end")

    def _give_up(self, error: OSError) -> None:
        """Close the failed part at its last safe frame; the next part begins there, in another folder."""
        files, self._files = self._files, None
        assert files
        frames = self._close(files)
        self._holes = [(at, min(n, self._start - at)) for at, n in self._holes if at < self._start]
        self._folders.append(self._folders.pop(self._folders.index(files.path.parent)))
        if frames:
            self._part += 1
        else:
            self._retry_at = time.monotonic() + RETRY_S
            files.unlink()
            self._masters.remove(files.path)
        if not self._stuck:
            self._report(TakeFailed(str(error), path=str(files.path)))
        self._stuck, self._opened = self._stuck or not frames, None

    def _close(self, files: TakePart) -> int:
        """Close a part, with its markers; returns its frames."""
        files.close([Marker(at - self._start, name) for at, name in self._marks], self._plan.header.set)
        self._start += files.safe
        self._marks = [mark for mark in self._marks if mark.frame >= self._start]
        return files.safe


def read_track(history: HistoryBuffer, at: int, wanted: int) -> tuple[Audio, int]:
    """Read (wanted, 2) of a track from position `at` on, lost frames silent, and the number of those."""
    audio, lost = history.read(at, wanted)
    unsafe = history.written - history.capacity + OVERWRITTEN - at - lost  # the mixer may be writing there
    unsafe = min(max(unsafe, 0), len(audio))
    audio, lost = audio[unsafe:], min(lost + unsafe, wanted)
    if lost:
        audio = np.concatenate([np.zeros((lost, 2), np.float32), audio[: wanted - lost]])
    return audio, lost
