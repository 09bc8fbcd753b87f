"""The recorder process, `python -m perform.recorder.recorder_process`: follows the tape and keeps it on disk.

The stage talks to it through a `Lifeline`. Orders:
    open   {arena, folders, [retro]}   the first: maps the arena, keeps the last `retro` seconds in memory,
                              repairs unfinished takes in the folders
    record {set, [tracks], [samples], [song]}   begins a take now: which tracks ("master" alone if left out),
                              as a name of `wav.FORMATS` ("pcm24"), the song it begins in, a marker
           {..., position, part, take, [began], [path]}
                              goes on with a take whose recorder died: `take` is its first file, `part` the
                              number of the next, `position` the frame of the tape at which that begins. With
                              `path`, the dead recorder's last file, `position` is where that one began, and
                              the take goes on at the frame where it ends. So an `opened` report, its part
                              raised by one, is such an order.
    mark   {name, what, position}   a marker ("mark", "song" or "scene") at a frame of the tape. Those that
                              are told before it goes on with a take are in that, from `position` on.
    keep   {set}              writes what was played before as a take of its own: the last `retro` seconds, or
                              what came before the take that is running
    stop                      ends the take
Reports:
    repaired {path, frames}   an unfinished file of an earlier run is whole again
    opened   {path, position, part, take, began, tracks, samples}   files are open, the first or the next of
                              a take; path is the master's
    failed   {error, path}    a file could not go on (the next `opened` says where it does), or, with an empty
                              path, no folder takes one: it tries again every second
    space    {seconds_left, bytes_left}   the disk fills: once under 30 minutes, once under 1 GiB
    closed   {path, frames, seconds, missed}   the whole take; path is its first file
    keeping  {path}           the take out of the past is begun, there; again where it goes to another folder
    kept     {path, frames, seconds, error}   the take out of the past; an empty path where there is none
    retro    {error}          what is not recorded is not kept, and why
The end of the lifeline and SIGTERM finish the take; ctrl-C is for others.
"""

from __future__ import annotations

import queue
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from perform.core.arena import Arena
from perform.core.errors import PerformError, WrongUse
from perform.core.lifeline import Lifeline, Message
from perform.recorder import take_part, wav
from perform.recorder.gesture_log import RecentEvents, mark_record, new_header
from perform.recorder.retro import SUFFIX, LastMinutes, LastMinutesTake
from perform.recorder.take_names import take_name
from perform.recorder.take_writer import Report, TakePlan, TakeWriter

TICK = 0.05  #: seconds between two looks at the tape
TRACKS_S = 1.0  #: longest wait for a mixer to write the tracks of a take
LOW_SECONDS = 30 * 60.0
LOW_BYTES = 1 << 30


class Recorder:
    """[disk] Obeys orders, keeps the take/* meters.

    retro : seconds of the past that are kept
    """

    def __init__(
        self,
        arena: Arena,
        folders: Sequence[Path],
        report: Report,
        retro: float = 0.0,
    ) -> None:
        self._arena, self._folders, self._report = arena, folders, report
        self._take: TakeWriter | None = None
        self._asked: Message | None = None  # a take whose tracks the mixer has not begun
        self._asked_at = 0.0
        self._keeping: LastMinutesTake | None = None
        self._history = RecentEvents(arena, retro)
        self._retro: LastMinutes | None = None
        self._space_due = 0.0  # monotonic seconds
        self._warned: set[str] = set()
        self._show()
        if retro and arena.meter("rate"):
            try:
                path = arena.path.with_suffix(SUFFIX)
                self._retro = LastMinutes(path, arena.tape, int(arena.meter("rate")), retro)
            except PerformError as error:
                report("retro", error=str(error))
        for folder in folders:
            for path in wav.unfinished(folder):
                with suppress(OSError):
                    report("repaired", path=str(path), frames=take_part.repair(path))

    def obey(self, order: Message) -> None:
        """One order of the stage."""
        match order["order"]:
            case "record" if self._take is None:
                self._asked, self._asked_at = order, time.monotonic()
                self._begin()
            case "mark":
                self._mark(order["position"], order["name"], order["what"])
            case "keep" if self._keeping is None:
                self._keep(order["set"])
            case "stop":
                self.stop()

    def step(self) -> None:
        """Write what is new on the tape; call it every TICK."""
        self._arena.show("beat/recorder", self._arena.meter("beat/recorder") + 1)
        self._history.drain()
        if self._retro:
            self._retro.follow()
        if self._asked:
            self._begin()
        if self._take:
            self._take.advance(self._arena.tape.written)
        else:
            self._history.let_go()
        if self._keeping:
            self._step_keeping(self._keeping)
        self._show()
        if time.monotonic() >= self._space_due:
            self._space_due = time.monotonic() + 1.0
            self._measure_space()

    def stop(self) -> None:
        """End the take, if one runs, at the tape's position now."""
        if self._asked:
            self._asked = None
            self._report("closed", path="", frames=0, seconds=0.0, missed=0)
        if self._take is None:
            return
        take, self._take = self._take, None
        take.close(self._arena.tape.written)
        self._arena.show("take/frames", take.safe)
        self._arena.show("take/missed", take.missed)
        self._show()
        self._report(
            "closed",
            path=str(take.first or ""),
            frames=take.safe,
            seconds=take.safe / take.rate,
            missed=take.missed,
        )

    def end(self) -> None:
        """Finish all that was begun."""
        self.stop()
        while self._keeping:
            self._step_keeping(self._keeping)

    def _begin(self) -> None:
        """The take that was asked for, once the mixer writes its tracks."""
        order = self._asked
        assert order
        alone = order.get("tracks", ["master"]) == ["master"] or "take" in order
        waited = time.monotonic() - self._asked_at > TRACKS_S
        if alone or waited or self._arena.meter("tracks/from"):
            self._asked = None
            self._record(order)

    def _record(self, order: Message) -> None:
        arena = self._arena
        position: int = order.get("position", max(arena.tape.written, int(arena.meter("tracks/from"))))
        began: int = order.get("began", position)
        tracks: list[str] = order.get("tracks", ["master"])
        if "path" in order:
            try:
                position += take_part.take_over(Path(order["path"]), tracks)
            except (OSError, WrongUse):  # its disk is gone: what was safe on it is all we know
                position = began + int(arena.meter("take/frames"))
        first = Path(order["take"]) if "take" in order else None
        self._warned.clear()
        self._space_due = 0.0
        name = first.stem if first else take_name(order["set"], datetime.now())
        header = new_header(arena, order["set"], tracks, order.get("samples", "pcm24"))
        self._take = TakeWriter(
            TakePlan({track: arena.tracks[track] for track in tracks}, self._folders, name, header),
            self._history,
            self._report,
            position=position,
            part=order.get("part", 1),
            began=began,
            first=first,
            missed=int(arena.meter("take/missed")) if first else 0,
        )
        if first:  # set while nobody recorded
            for mark in self._history.marks(position, arena.tape.written):
                self._take.mark(position + mark.frame, mark.name)
        elif order.get("song"):
            self._mark(position, order["song"], "song")

    def _mark(self, position: int, name: str, what: str) -> None:
        self._history.mark(mark_record(position, name, what))
        if self._take:
            self._take.mark(position, name)

    def _keep(self, set_name: str) -> None:
        retro = self._retro
        if retro:
            retro.follow()
        begin, end = (retro.begin, retro.end) if retro else (0, 0)
        end = min(end, self._take.began) if self._take else end
        if retro is None or end <= begin:
            why = "nothing was played before the take" if retro else "nothing is kept: see --retro"
            self._report("kept", path="", frames=0, seconds=0.0, error=why)
            return
        header = new_header(self._arena, set_name, ["master"], "pcm24")
        name = take_name(f"{set_name} kept", datetime.now())
        self._keeping = LastMinutesTake(retro, self._history, self._folders, name, header, begin, end)

    def _step_keeping(self, keeping: LastMinutesTake) -> None:
        before = keeping.path
        keeping.step()
        if keeping.path not in ("", before):
            self._report("keeping", path=keeping.path)
        if not keeping.done:
            return
        self._keeping = None
        seconds = keeping.frames / int(self._arena.meter("rate"))
        self._report("kept", path=keeping.path, frames=keeping.frames, seconds=seconds, error=keeping.error)

    def _show(self) -> None:
        take = self._take
        self._arena.show("take/on", take is not None and take.folder is not None)
        if take:
            self._arena.show("take/frames", take.safe)
            self._arena.show("take/missed", take.missed)

    def _measure_space(self) -> None:
        """take/left, and a warning the first time the disk is low."""
        rate = self._arena.meter("rate")
        folder = self._take.folder if self._take else self._folders[0]
        if folder is None or not rate:
            self._arena.show("take/left", 0.0)
            return
        with suppress(OSError):
            free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
            seconds = free / ((self._take.frame if self._take else wav.PCM24.frame) * rate)
            self._arena.show("take/left", seconds)
            low = {"seconds"} if seconds < LOW_SECONDS else set()
            low |= {"bytes"} if free < LOW_BYTES else set()
            if low - self._warned:
                self._report("space", seconds_left=seconds, bytes_left=free)
            self._warned |= low


def main() -> None:
    """Run until the lifeline ends."""
    lifeline = Lifeline()
    signal.signal(signal.SIGTERM, lambda *_: lifeline.orders.put(None))
    order = lifeline.next()
    if order is None:
        return
    folders = [Path(folder) for folder in order["folders"]]
    recorder = Recorder(Arena.open(Path(order["arena"])), folders, lifeline.report, order.get("retro", 0.0))
    try:
        while True:
            try:
                order = lifeline.next(timeout=TICK)
                if order is None:
                    return
                recorder.obey(order)
            except queue.Empty:
                pass
            recorder.step()
    finally:
        recorder.end()


if __name__ == "__main__":
    main()
