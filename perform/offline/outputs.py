"""Outputs of an offline render: one WAV file of the master, or a take with tracks and gesture log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from perform.core.arena import Arena
from perform.core.errors import PerformError
from perform.core.messages.message_lines import AnyReport
from perform.core.messages.recorder_messages import TakeFailed
from perform.core.ring_buffers import Audio
from perform.recorder.gesture_log import mark_record, new_header
from perform.recorder.recent_events import RecentEvents
from perform.recorder.take_names import take_name
from perform.recorder.take_writer import TakePlan, TakeWriter, read_track

SYNC_S = 2.0  #: seconds of sound between two syncs of a take to disk


class TakeOutput(NamedTuple):
    """Options of a rendered take: its folder, its tracks ("master" first), and its sample format."""

    folder: Path
    tracks: tuple[str, ...]
    samples: str


class MasterFile:
    """Writes the master to one file. begin: the first frame to write."""

    def __init__(self, path: Path, write: Callable[[Audio], None], begin: int) -> None:
        self.path, self._write, self._at = path, write, begin

    def advance(self, arena: Arena, end: int) -> None:
        """Write up to a frame of the master's history."""
        if end > self._at:
            self._write(read_track(arena.history, self._at, end - self._at)[0])
            self._at = end


class RenderedTake:
    """Writes a take, as the recorder does on stage."""

    def __init__(self, out: TakeOutput, arena: Arena, set_name: str, song: str, begin: int) -> None:
        self._end = self._synced = begin
        self._step = round(SYNC_S * arena.meter("rate"))
        events = RecentEvents(arena, 0.0)
        name = take_name(Path(set_name).stem, datetime.now())
        tracks = {track: arena.tracks[track] for track in out.tracks}
        header = new_header(arena, Path(set_name).stem, list(tracks), out.samples)
        plan = TakePlan(tracks, [out.folder], name, header)
        self._take = TakeWriter(plan, events, self._on_report, position=begin)
        events.mark(mark_record(begin, song, "song"))
        self._take.mark(begin, song)

    @property
    def path(self) -> Path:
        """The first file of the take."""
        assert self._take.first
        return self._take.first

    def _on_report(self, report: AnyReport) -> None:
        if isinstance(report, TakeFailed):
            raise PerformError(report.error, where=report.path)

    def advance(self, arena: Arena, end: int) -> None:
        """Write up to a frame of the master's history. Call it often, so that no event log fills up."""
        self._end = end
        if end - self._synced >= self._step:
            self._take.advance(end, sync=True)
            self._synced = end

    def close(self) -> None:
        """Finish the take."""
        self._take.close(self._end)
