"""The recorder as the stage sees it: one process behind the tape, replaced at the exact frame if it dies."""

from __future__ import annotations

from collections.abc import Callable

from perform.lifeline import Message
from perform.shared import Arena
from perform.stage.child import Child, Kept
from perform.stage.commands import Answer, Reply, answer_all

STALL_S = 15.0  #: a disk may stand still for ten seconds; a recorder that stands still longer hangs
CLOSE_S = 10.0  #: a slow disk may take so long to close a take


class Recording:
    """Begins and ends takes.

    spawn : starts a recorder that has its arena and folders
    """

    def __init__(
        self, arena: Arena, spawn: Callable[[], Child], tell: Callable[[str], None], set_name: str
    ) -> None:
        self._tell, self._set = tell, set_name
        self._recorder = Kept(spawn, lambda: arena.meter("beat/recorder"))
        self._beginning: list[Reply] = []
        self._ending: list[Reply] = []
        self._opened: Message = {}  # the report of the file that is written, as long as one is
        self.last = ""  # path of the last finished take

    @property
    def take(self) -> str:
        """Path of the file that is written, or ""."""
        return str(self._opened.get("path", ""))

    @property
    def busy(self) -> bool:
        """A take runs, or is about to."""
        return bool(self._opened or self._beginning)

    def tick(self) -> None:
        """A few times each 100 ms. A new recorder takes up what the last one left: take and orders."""
        if not self._recorder.tick(STALL_S):
            return
        if self._opened:  # its last report, one part on, is the order to go on
            fields = {k: v for k, v in self._opened.items() if k != "report"}
            self._order("record", set=self._set, **fields | {"part": fields["part"] + 1})
        elif self._beginning:
            self._order("record", set=self._set)
        if self._ending:
            self._order("stop")

    def record(self, reply: Reply) -> None:
        """Begin a take; answers once the file is open."""
        if self.take:
            reply(Answer(self.take))
            return
        if not self._beginning:
            self._order("record", set=self._set)
        self._beginning.append(reply)

    def stop(self, reply: Reply) -> None:
        """End the take; answers once the file is closed."""
        if not self.busy:
            reply(Answer(self.last))
            return
        self._ending.append(reply)
        self._order("stop")

    def mark(self, name: str) -> None:
        """A song or a scene begins."""

    def _order(self, kind: str, **fields: object) -> None:
        if self._recorder.child:  # else the next one is told, when it starts
            self._recorder.child.order(kind, **fields)

    def report(self, child: Child, message: Message) -> bool:
        """Take a report, if it is the recorder's."""
        if child is not self._recorder.child:
            return False
        kind = message["report"]
        if kind == "opened":
            self._opened = message
            self._tell(f"recording {self.take}")
            answer_all(self._beginning, Answer(self.take))
        elif kind == "closed":
            self._opened, self.last = {}, message["path"] or self.last
            if message["path"]:
                seconds, missed = message["seconds"], message["missed"]
                self._tell(f"take closed: {self.last} ({seconds:.1f} s, {missed} frames missed)")
            answer_all(self._ending, Answer(self.last))
        elif kind == "failed":
            self._tell(f"recorder: {message['error']}")
            if self._beginning:  # refused: it would go on trying by itself
                self._order("stop")
                answer_all(self._beginning, Answer(error=message["error"], exit_code=1))
        elif kind == "repaired":
            self._tell(f"unfinished take repaired: {message['path']}")
        elif kind == "space":
            self._tell(f"disk: {message['seconds_left'] / 60:.0f} min left for the take")
        return True

    def died(self, child: Child) -> bool:
        """A dead recorder is replaced; a running take goes on in a new part, at the frame where it broke."""
        if not self._recorder.died(child):
            return False
        self._tell("the recorder died: starting it again")
        return True

    def end(self) -> None:
        """Close the lifeline: it writes what is on the tape, closes the file and ends."""
        if self._recorder.child:
            self._recorder.child.close()
            self._recorder.child.wait(CLOSE_S)
