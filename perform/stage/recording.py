"""The recorder process: takes, markers, the last minutes. A new one continues a take at the exact frame."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from perform.core.arena import Arena
from perform.core.arena_layout import INPUT, PRE, STEMS
from perform.core.errors import PerformError
from perform.core.messages.message_lines import AnyOrder, AnyReport
from perform.core.messages.recorder_messages import (
    ContinueTake,
    DiskLow,
    EndTake,
    LastMinutesOff,
    LastMinutesOpened,
    LastMinutesWritten,
    MarkTake,
    StartTake,
    TakeClosed,
    TakeFailed,
    TakeOpened,
    TakeRepaired,
    WriteLastMinutes,
)
from perform.core.params import SLOTS
from perform.stage.child import Child, KeptChild
from perform.stage.command_table import CommandTable
from perform.stage.commands import (
    AddMarker,
    Answer,
    KeepLastMinutes,
    Reply,
    StartRecording,
    StopRecording,
    answer_all,
    no_reply,
)

STALL_S = 15.0  #: a slow disk may block for ten seconds; a recorder without a beat for longer hangs
MARKS = 100  #: markers kept for the next recorder; a pipe holds this many at once
LOSS_S = 10.0  #: between two lines about a take that no folder accepts
CLOSE_S = 10.0  #: the longest wait for a slow disk to close a take


class TakeOptions(NamedTuple):
    """The tracks of a take besides the master, and its samples, where the command does not say them.

    stems : a track for each deck;  pre : one from before the limiter;  live_input : one of the live input
    float32 : 32-bit float instead of 24-bit PCM
    """

    stems: bool = False
    pre: bool = False
    float32: bool = False
    live_input: bool = False


MASTER = TakeOptions()
_ACTIONS = [SLOTS[f"take/{name}"] for name in ("record", "mark", "keep")]


class Recording:
    """Starts and ends takes, sets markers, writes the last minutes.

    spawn : starts a recorder that has its arena and folders
    set_name : after which takes are named
    song  : name of the song that plays;  last : path of the last finished take
    """

    def __init__(
        self,
        arena: Arena,
        spawn: Callable[[], Child],
        log: Callable[[str], None],
        set_name: str,
        options: TakeOptions = MASTER,
    ) -> None:
        self._arena, self._log, self.set_name, self._options = arena, log, set_name, options
        self.song = ""
        self._start_order: StartTake | None = None  # the order that started the last take
        self._reserved = False  # the arena has memory for all tracks
        self._starts = 0  # takes that began with all tracks
        self._marks: deque[MarkTake] = deque(maxlen=MARKS)
        self._keep_replies: list[Reply] = []
        self._last_minutes = ""  # path of the last minutes while they are written
        self._recorder = KeptChild(spawn, lambda: arena.meter("heartbeat/recorder"))
        self._start_replies: list[Reply] = []
        self._stop_replies: list[Reply] = []
        self._opened: TakeOpened | None = None  # the report of the part that is being written
        self.last = ""
        self._counts = self._read_counts()
        self._loss_at = 0.0  # monotonic time of the next line about a take that no folder accepts

    def register(self, table: CommandTable) -> None:
        """Register the commands about takes."""
        table.on_later(StartRecording, lambda command, reply: self.record(reply, command))
        table.on_later(StopRecording, lambda command, reply: self.stop(reply))
        table.on_later(KeepLastMinutes, lambda command, reply: self.keep(reply))
        table.on(AddMarker, lambda command: self.mark(command.name))

    @property
    def stems(self) -> int:
        """Tracks of the running take besides the master."""
        return len(self._start_order.tracks) - 1 if self._opened and self._start_order else 0

    @property
    def take(self) -> str:
        """Path of the file that is written, or ""."""
        return self._opened.path if self._opened else ""

    @property
    def busy(self) -> bool:
        """A take runs, or is about to."""
        return bool(self._opened or self._start_replies)

    def _read_counts(self) -> list[float]:
        return [float(self._arena.table[slot]) for slot in _ACTIONS]

    def _read_actions(self) -> None:
        """Carry out the actions that keys and controllers wrote into the table."""
        counts, before = self._read_counts(), self._counts
        self._counts = counts
        if counts == before:
            return
        if (counts[0] - before[0]) % 2:
            self.stop(no_reply) if self.busy else self.record(no_reply, StartRecording())
        if counts[1] != before[1]:
            self.mark("mark")
        if counts[2] != before[2]:
            self.keep(no_reply)

    def tick(self) -> None:
        """[main, about every 15 ms] Start and watch the recorder. A new one continues the running take."""
        self._read_actions()
        self._watch_disk()
        if not self._recorder.tick(STALL_S):
            return
        for mark in self._marks:  # first: the take that continues needs those after its first frame
            self._order(mark)
        if self._opened:  # the report of its last part gives the order for the next one
            opened = msgspec.structs.asdict(self._opened)
            self._order(ContinueTake(set=self.set_name, **opened | {"part": self._opened.part + 1}))
        elif self._start_replies and self._start_order:
            self._order(self._start_order)
        if self._stop_replies:
            self._order(EndTake())
        if self._keep_replies:
            self._order(WriteLastMinutes(self.set_name))

    def _watch_disk(self) -> None:
        """Say while it happens that no folder accepts the take."""
        waiting, rate = self._arena.meter("take/waiting"), self._arena.meter("rate")
        now = time.monotonic()
        if not waiting:
            self._loss_at = now + LOSS_S  # the recorder's own report is the first line
        elif now >= self._loss_at:
            self._loss_at = now + LOSS_S
            lost = self._arena.meter("take/missed") / rate
            held = f"{lost:.0f} s are lost" if lost else f"{waiting / rate:.0f} s wait in memory"
            self._log(f"recorder: no folder accepts the take: {held}; free some space")

    def record(self, reply: Reply, command: StartRecording) -> None:
        """Start a take; answers once its files are open."""
        if self.take:
            reply(Answer(self.take))
            return
        if not self._start_replies:
            try:
                self._start_order = self._new_take(command)
            except PerformError as error:
                self._log(f"recorder: {error}")
                reply(Answer(error=str(error), exit_code=error.exit_code))
                return
            self._order(self._start_order)
        self._start_replies.append(reply)

    def _new_take(self, command: StartRecording) -> StartTake:
        """The order that starts a take; PerformError where there is no memory for its tracks."""
        options = self._options
        stems = options.stems if command.stems is None else command.stems
        pre = options.pre if command.pre is None else command.pre
        float32 = options.float32 if command.float32 is None else command.float32
        tracks = ["master", *([PRE] if pre else []), *([INPUT] if options.live_input else [])]
        tracks += STEMS if stems else ()
        if len(tracks) > 1:
            self._write_tracks()
        return StartTake(self.set_name, tuple(tracks), "float32" if float32 else "pcm24", self.song)

    def _write_tracks(self) -> None:
        """Let the mixer write all tracks; the first time, reserve memory for them."""
        if not self._reserved:
            self._arena.reserve_tracks()
            self._reserved = True
        self._starts += 1
        self._arena.set_meter("tracks/on", self._starts)

    def mark(self, name: str, kind: str = "mark") -> None:
        """Set a marker at the frame that is mixed now.

        kind : "mark", "scene", or "song" for the song that begins
        """
        if kind == "song":
            self.song = name
        self._marks.append(MarkTake(name, kind, self._arena.history.written))
        self._order(self._marks[-1])

    def keep(self, reply: Reply) -> None:
        """Save the last minutes as a take; answers once writing begins. The log says when it is complete."""
        if self._last_minutes:
            reply(Answer(self._last_minutes))
            return
        if not self._keep_replies:
            self._order(WriteLastMinutes(self.set_name))
        self._keep_replies.append(reply)

    def stop(self, reply: Reply) -> None:
        """End the take; answers once the file is closed."""
        if not self.busy:
            reply(Answer(self.last))
            return
        self._stop_replies.append(reply)
        self._order(EndTake())

    def _order(self, order: AnyOrder) -> None:
        if self._recorder.child:  # else `tick` sends it to the next recorder
            self._recorder.child.order(order)

    def handle_report(self, child: Child, report: AnyReport) -> bool:
        """Handle a report of the recorder."""
        if child is not self._recorder.child:
            return False
        match report:
            case TakeOpened():
                self._opened = report
                self._log(f"recording {self.take}")
                answer_all(self._start_replies, Answer(self.take))
            case TakeClosed():
                self._closed(report)
            case TakeFailed(error):
                self._log(f"recorder: {error}")
                if self._start_replies:  # else the recorder would try again every second
                    self._order(EndTake())
                    answer_all(self._start_replies, Answer(error=error, exit_code=1))
            case LastMinutesOpened(path):
                self._last_minutes = path
                answer_all(self._keep_replies, Answer(path))
            case LastMinutesWritten(path, _, seconds, error):
                self._last_minutes, self.last = "", path or self.last
                self._log(f"kept: {path} ({seconds:.1f} s)" if path else f"recorder: {error}")
                answer_all(self._keep_replies, Answer(error=error, exit_code=1))  # if no file could be opened
            case LastMinutesOff(error):
                self._log(f"recorder: {error}")
            case TakeRepaired(path):
                self._log(f"unfinished take repaired: {path}")
            case DiskLow(seconds_left):
                self._log(f"disk: {seconds_left / 60:.0f} min left for the take")
        return True

    def _closed(self, report: TakeClosed) -> None:
        self._opened, self.last = None, report.path or self.last
        if self._start_replies and self._stop_replies:  # the recorder was still waiting for the tracks
            error = "the take was ended before it began"
            self._log(f"recorder: {error}")
            answer_all(self._start_replies, Answer(error=error, exit_code=1))
        if not self._start_replies:
            self._arena.set_meter("tracks/on", 0)
        if report.path:
            self._log(f"take closed: {self.last} ({report.seconds:.1f} s, {report.missed} frames missed)")
        answer_all(self._stop_replies, Answer(self.last))

    def handle_death(self, child: Child) -> bool:
        """Plan a new recorder. It continues a running take in a new part, at the frame where that stopped."""
        if not self._recorder.handle_death(child):
            return False
        self._log("the recorder died and starts again")
        if self._last_minutes:
            self._log(f"the last minutes in {self._last_minutes} are incomplete: keep them again")
            self._last_minutes = ""
        error = "the recorder died while it wrote the last minutes: keep them again"
        answer_all(self._keep_replies, Answer(error=error, exit_code=1))
        return True

    def end(self) -> None:
        """Close the lifeline: the recorder writes the rest of the history, closes its file and ends."""
        if self._recorder.child:
            self._recorder.child.close()
            self._recorder.child.wait(CLOSE_S)
