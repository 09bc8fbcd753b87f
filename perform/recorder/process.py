"""The recorder process, `python -m perform.recorder.process`: follows the tape and keeps it on disk.

The stage talks to it through a `Lifeline`. Orders:
    open   {arena, folders}   the first: maps the arena, repairs unfinished takes in the folders
    record {set}              begins a take now
           {set, position, part, take, [began], [path]}
                              goes on with a take whose recorder died: `take` is its first file, `part` the
                              number of the next, `position` the frame of the tape at which that begins. With
                              `path`, the dead recorder's last file, `position` is where that one began, and
                              the take goes on at the frame where it ends. So an `opened` report, its part
                              raised by one, is such an order.
    stop                      ends the take
Reports:
    repaired {path, frames}   an unfinished take of an earlier run is whole again
    opened   {path, position, part, take, began}   a file is open, the first or the next of a take
    failed   {error, path}    a file could not go on (the next `opened` says where it does), or, with an empty
                              path, no folder takes one: it tries again every second
    space    {seconds_left, bytes_left}   the disk fills: once under 30 minutes, once under 1 GiB
    closed   {path, frames, seconds, missed}   the whole take; path is its first file
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

from perform.errors import WrongUse
from perform.lifeline import Lifeline, Message
from perform.recorder import wav
from perform.recorder.names import take_name
from perform.recorder.take import Report, Take
from perform.shared import Arena

TICK = 0.05  #: seconds between two looks at the tape
LOW_SECONDS = 30 * 60.0
LOW_BYTES = 1 << 30


class Recorder:
    """[disk] Obeys orders, keeps the take/* meters."""

    def __init__(self, arena: Arena, folders: Sequence[Path], report: Report) -> None:
        self._arena, self._folders, self._report = arena, folders, report
        self._take: Take | None = None
        self._space_due = 0.0  # monotonic seconds
        self._warned: set[str] = set()
        self._show()
        for folder in folders:
            for path in wav.unfinished(folder):
                with suppress(OSError):
                    report("repaired", path=str(path), frames=wav.repair(path))

    def obey(self, order: Message) -> None:
        """One order of the stage."""
        match order["order"]:
            case "record" if self._take is None:
                self._record(order)
            case "stop":
                self.stop()

    def step(self) -> None:
        """Write what is new on the tape; call it every TICK."""
        self._arena.show("beat/recorder", self._arena.meter("beat/recorder") + 1)
        if self._take:
            self._take.advance(self._arena.tape.written)
        self._show()
        if time.monotonic() >= self._space_due:
            self._space_due = time.monotonic() + 1.0
            self._measure_space()

    def stop(self) -> None:
        """End the take, if one runs, at the tape's position now."""
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

    def _record(self, order: Message) -> None:
        arena = self._arena
        position: int = order.get("position", arena.tape.written)
        began: int = order.get("began", position)
        if "path" in order:
            try:
                position += wav.repair(Path(order["path"]))
            except (OSError, WrongUse):  # its disk is gone: what was safe on it is all we know
                position = began + int(arena.meter("take/frames"))
        first = Path(order["take"]) if "take" in order else None
        self._warned.clear()
        self._space_due = 0.0
        self._take = Take(
            arena.tape,
            int(arena.meter("rate")),
            self._folders,
            first.stem if first else take_name(order["set"], datetime.now()),
            self._report,
            position=position,
            part=order.get("part", 1),
            began=began,
            first=first,
            missed=int(arena.meter("take/missed")) if first else 0,
        )

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
            seconds = free / (wav.FRAME * rate)
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
    recorder = Recorder(Arena.open(Path(order["arena"])), folders, lifeline.report)
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
        recorder.stop()


if __name__ == "__main__":
    main()
