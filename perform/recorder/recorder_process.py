"""The recorder process, `python -m perform.recorder.recorder_process`: writes histories to disk.

Orders and reports: `core/messages/recorder_messages.py`. It finishes the take when the stage ends or on
SIGTERM, and ignores ctrl-C.
"""

from __future__ import annotations

import queue
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from perform.core.arena import Arena
from perform.core.errors import PerformError, WrongUse
from perform.core.lifeline import Lifeline
from perform.core.messages.message_lines import AnyOrder, AnyReport
from perform.core.messages.recorder_messages import (
    ContinueTake,
    DiskLow,
    EndTake,
    LastMinutesOff,
    LastMinutesOpened,
    LastMinutesWritten,
    MarkTake,
    OpenRecorder,
    StartTake,
    TakeClosed,
    TakeRepaired,
    WriteLastMinutes,
)
from perform.recorder import take_part, wav_format, wav_repair
from perform.recorder.gesture_log import mark_record, new_header
from perform.recorder.recent_events import RecentEvents
from perform.recorder.retro import SUFFIX, LastMinutes, LastMinutesTake
from perform.recorder.take_names import take_name
from perform.recorder.take_writer import TakePlan, TakeWriter

TICK = 0.05  #: seconds between two reads of the history
IDLE_TICK = 0.2  #: the same while no take is written: the event logs hold 2.7 s at least
TRACKS_S = 1.0  #: longest wait until the mixer writes the tracks of a take
LOW_SECONDS = 30 * 60.0
LOW_BYTES = 1 << 30


class Recorder:
    """[disk] Handles orders, writes takes and updates the take/* meters.

    folders : where to write, best first
    retro   : seconds of sound to keep in memory
    """

    def __init__(
        self,
        arena: Arena,
        folders: Sequence[Path],
        report: Callable[[AnyReport], None],
        retro: float = 0.0,
    ) -> None:
        self._arena, self._folders, self._report = arena, folders, report
        self._take: TakeWriter | None = None
        self._waiting: StartTake | None = None  # a take whose tracks the mixer does not write yet
        self._waiting_since = 0.0
        self._saving: LastMinutesTake | None = None
        self._events = RecentEvents(arena, retro)
        self._retro: LastMinutes | None = None
        self._space_due = 0.0  # monotonic seconds
        self._warned: set[str] = set()
        self._update_meters()
        if retro and arena.meter("rate"):
            try:
                path = arena.path.with_suffix(SUFFIX)
                self._retro = LastMinutes(path, arena.history, int(arena.meter("rate")), retro)
            except PerformError as error:
                report(LastMinutesOff(str(error)))
        for folder in folders:
            for path in wav_repair.unfinished(folder):
                with suppress(OSError):
                    report(TakeRepaired(str(path), take_part.repair(path)))

    def handle(self, order: AnyOrder) -> None:
        """Handle an order of the stage."""
        match order:
            case StartTake() if self._take is None:
                self._waiting, self._waiting_since = order, time.monotonic()
                self._begin()
            case ContinueTake() if self._take is None:
                self._continue(order)
            case MarkTake(name, what, position):
                self._mark(position, name, what)
            case WriteLastMinutes(set_name) if self._saving is None:
                self._save_last_minutes(set_name)
            case EndTake():
                self.stop()

    @property
    def tick(self) -> float:
        """Seconds until `step` has to be called again."""
        return TICK if self._take or self._waiting or self._saving else IDLE_TICK

    def step(self) -> None:
        """Write the new frames of the history; call it every `tick`."""
        self._arena.set_meter("heartbeat/recorder", self._arena.meter("heartbeat/recorder") + 1)
        self._events.drain()
        if self._retro:
            self._retro.follow()
        if self._waiting:
            self._begin()
        if self._take:
            self._take.advance(self._arena.history.written)
        else:
            self._events.release()
        if self._saving:
            self._step_saving(self._saving)
        self._update_meters()
        if time.monotonic() >= self._space_due:
            self._space_due = time.monotonic() + 1.0
            self._measure_space()

    def stop(self) -> None:
        """End the take, if one runs, at the present frame of the history."""
        if self._waiting:
            self._waiting = None
            self._report(TakeClosed(path="", frames=0, seconds=0.0, missed=0))
        if self._take is None:
            return
        take, self._take = self._take, None
        take.close(self._arena.history.written)
        self._arena.set_meter("take/frames", take.safe)
        self._arena.set_meter("take/missed", take.missed)
        self._update_meters()
        path = str(take.first or "")
        self._report(TakeClosed(path, take.safe, seconds=take.safe / take.rate, missed=take.missed))

    def end(self) -> None:
        """Finish the take and the last minutes."""
        self.stop()
        while self._saving:
            self._step_saving(self._saving)

    def _begin(self) -> None:
        """Start the waiting take when the mixer writes its tracks."""
        order = self._waiting
        assert order
        alone = order.tracks == ("master",)
        waited = time.monotonic() - self._waiting_since > TRACKS_S
        # tracks that were off for less than a block count from the block that saw them on again
        written = 0 < self._arena.meter("tracks/seen") == self._arena.meter("tracks/on")
        if alone or waited or written:
            self._waiting = None
            self._start(order)

    def _start(self, order: StartTake) -> None:
        arena = self._arena
        position = order.position
        if position is None:
            position = max(arena.history.written, int(arena.meter("tracks/from")))
        plan = self._plan(order, take_name(order.set, datetime.now()))
        self._events.drain()
        self._take = TakeWriter(plan, self._events, self._report, position=position)
        if order.song:
            self._mark(position, order.song, "song")

    def _continue(self, order: ContinueTake) -> None:
        arena, position = self._arena, order.position
        if order.path:
            try:
                position += take_part.take_over(Path(order.path), order.tracks)
            except (OSError, WrongUse):  # its disk is gone; the meter has its safe frames
                position = order.began + int(arena.meter("take/frames"))
        first = Path(order.take)
        self._take = TakeWriter(
            self._plan(order, first.stem),
            self._events,
            self._report,
            position=position,
            part=order.part,
            began=order.began,
            first=first,
            missed=int(arena.meter("take/missed")),
        )
        for mark in self._events.marks(position, arena.history.written):  # set while no recorder ran
            self._take.mark(position + mark.frame, mark.name)

    def _plan(self, order: StartTake | ContinueTake, name: str) -> TakePlan:
        self._warned.clear()
        self._space_due = 0.0
        header = new_header(self._arena, order.set, list(order.tracks), order.samples)
        tracks = {track: self._arena.tracks[track] for track in order.tracks}
        return TakePlan(tracks, self._folders, name, header)

    def _mark(self, position: int, name: str, what: str) -> None:
        self._events.mark(mark_record(position, name, what))
        if self._take:
            self._take.mark(position, name)

    def _save_last_minutes(self, set_name: str) -> None:
        retro = self._retro
        if retro:
            retro.follow()
        begin, end = (retro.begin, retro.end) if retro else (0, 0)
        end = min(end, self._take.began) if self._take else end
        if retro is None or end <= begin:
            why = "nothing was played before the take" if retro else "nothing is in memory: see --retro"
            self._report(LastMinutesWritten(path="", frames=0, seconds=0.0, error=why))
            return
        header = new_header(self._arena, set_name, ["master"], "pcm24")
        name = take_name(f"{set_name} kept", datetime.now())
        self._saving = LastMinutesTake(retro, self._events, self._folders, name, header, begin, end)

    def _step_saving(self, saving: LastMinutesTake) -> None:
        before = saving.path
        saving.step()
        if saving.path not in ("", before):
            self._report(LastMinutesOpened(saving.path))
        if not saving.done:
            return
        self._saving = None
        seconds = saving.frames / int(self._arena.meter("rate"))
        self._report(LastMinutesWritten(saving.path, saving.frames, seconds, saving.error))

    def _update_meters(self) -> None:
        take = self._take
        self._arena.set_meter("take/on", take is not None and take.folder is not None)
        self._arena.set_meter("take/waiting", take.waiting if take else 0)
        if take:
            self._arena.set_meter("take/frames", take.safe)
            self._arena.set_meter("take/missed", take.missed)

    def _measure_space(self) -> None:
        """Update take/left, and report the first time that the disk is low."""
        rate = self._arena.meter("rate")
        folder = self._take.folder if self._take else self._folders[0]
        if folder is None or not rate:
            self._arena.set_meter("take/left", 0.0)
            return
        with suppress(OSError):
            free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
            seconds = free / ((self._take.frame_bytes if self._take else wav_format.PCM24.frame_bytes) * rate)
            self._arena.set_meter("take/left", seconds)
            low = {"seconds"} if seconds < LOW_SECONDS else set()
            low |= {"bytes"} if free < LOW_BYTES else set()
            if low - self._warned:
                self._report(DiskLow(float(seconds), free))
            self._warned |= low


def main() -> None:
    """Run until the lifeline ends."""
    lifeline = Lifeline()
    signal.signal(signal.SIGTERM, lambda *_: lifeline.orders.put(None))
    first = lifeline.next()
    if not isinstance(first, OpenRecorder):
        return
    folders = [Path(folder) for folder in first.folders]
    recorder = Recorder(Arena.open(Path(first.arena)), folders, lifeline.report, first.retro)
    try:
        while True:
            try:
                order = lifeline.next(timeout=recorder.tick)
                if order is None:
                    return
                recorder.handle(order)
            except queue.Empty:
                pass
            recorder.step()
    finally:
        recorder.end()


if __name__ == "__main__":
    main()
