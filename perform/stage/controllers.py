"""The control process as the stage sees it: ports, mapping, learning; replaced when it dies, values hold."""

from __future__ import annotations

from collections.abc import Callable

from perform.core.arena import Arena
from perform.core.errors import PerformError
from perform.core.lifeline import Message
from perform.stage.child import Child, KeptChild
from perform.stage.commands import Answer, BindStatus, Reply, answer_all

STALL_S = 8.0  #: a control process that looks at nothing for so long hangs in the MIDI system


class Controllers:
    """MIDI, in a process whose death is survived.

    spawn : starts a child process from a module's name
    """

    def __init__(
        self,
        arena: Arena,
        spawn: Callable[[str], Child],
        tell: Callable[[str], None],
        mapping: str,
        ports: tuple[str, ...],
    ) -> None:
        self._arena, self._tell, self._fragments = arena, tell, ports
        self._process = KeptChild(
            lambda: spawn("perform.control.control_process"), lambda: arena.meter("beat/control")
        )
        self._saving: list[Reply] = []
        self._using: list[Reply] = []
        self.ports: tuple[str, ...] = ()
        self.error = ""
        self.mapping = ""
        self._given, self._followed = bool(mapping), ""  # at the start, for good; by the last song that did
        self._path = mapping  # what a new process begins with; "": the mapping made for whatever is connected
        self.binds: tuple[BindStatus, ...] = ()
        self.learning = ""
        self._reach: tuple[float, float] | None = None  # of what is learnt
        self.touched = ""

    def tick(self) -> None:
        """A few times each 100 ms."""
        if self._process.tick(STALL_S):
            self._order("start", arena=str(self._arena.path), mapping=self._path, ports=list(self._fragments))
            if self.learning:
                self._order("learn", address=self.learning, range=self._reach)

    def learn(self, address: str, reach: tuple[float, float] | None = None) -> None:
        """The next control that moves is mapped to the address; "" ends learning.

        reach : the range of its knob, where the address has none of its own
        """
        self.learning, self._reach = address, reach
        self._order("learn", address=address, range=reach)

    def unlearn(self, address: str) -> None:
        """Forget what is mapped to the address."""
        self._order("unlearn", address=address)

    def use(self, path: str, reply: Reply) -> None:
        """Load another mapping."""
        self._order("use", path=path)
        self._using.append(reply)

    def follow(self, name: str) -> None:
        """The mapping a song goes by, where it names one and it is another than the song before had.

        What the player chose since stays until then; what was given at the start stays for good.
        """
        if name and name != self._followed and not self._given:
            self._followed = self._path = name
            if self._process.child:
                self._order("use", path=name)

    def save(self, name: str, reply: Reply) -> None:
        """Write the mapping in use; answers with its path."""
        self._order("save", name=name)
        self._saving.append(reply)

    def _order(self, kind: str, **fields: object) -> None:
        if self._process.child is None:
            raise PerformError("the MIDI process is being restarted", hint="try again in a second")
        self._process.child.order(kind, **fields)

    def report(self, child: Child, message: Message) -> bool:
        """Take a report, if it is the control process's."""
        if child is not self._process.child:
            return False
        kind = message["report"]
        if kind == "ports":
            if message["error"] != self.error:
                self._tell(message["error"] or "MIDI is well again")
            for port in set(message["open"]) - set(self.ports):
                self._tell(f"controller {port!r} is here")
            self.ports, self.error = tuple(message["open"]), message["error"]
        elif kind == "mapping":
            self.mapping = message["name"]
            if not message["follows"]:  # the controllers that are connected
                self._path = message["path"]
            self.binds = tuple(BindStatus(address, control) for address, control in message["binds"])
            answer_all(self._using, Answer(self._path))
        elif kind == "touched":
            self.touched = message["text"]
        elif kind == "learnt":
            self.learning = ""
            self._tell(f"{message['control']} is mapped to {message['address']}")
        elif kind == "saved":
            answer_all(self._saving, Answer(message["path"]))
        elif kind == "failed":
            self._tell(message["error"])
            for waiting in (self._using, self._saving):
                answer_all(waiting, Answer(error=message["error"], exit_code=2))
        return True

    def died(self, child: Child) -> bool:
        """A dead control process is started again; the numbers stay where they are."""
        if not self._process.died(child):
            return False
        if self.ports:
            self._tell("the MIDI process ended: starting it again, values hold")
        for waiting in (self._using, self._saving):
            answer_all(waiting, Answer(error="the MIDI process ended: try again", exit_code=1))
        self.ports = ()
        return True

    def end(self) -> None:
        """Close its lifeline."""
        if self._process.child:
            self._process.child.close()
