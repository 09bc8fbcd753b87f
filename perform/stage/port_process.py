"""A child process for one port: OSC in, or MIDI clock out. It is replaced when it dies."""

from __future__ import annotations

from collections.abc import Callable

from perform.core.messages.message_lines import AnyReport
from perform.core.messages.port_messages import PortFailed, PortOpened, PortOrder
from perform.stage.child import Child, KeptChild

STALL_S = 8.0  #: a process without a beat for this long hangs


class PortProcess:
    """Keeps the process running.

    title : what it does, for the log: "OSC"
    start : its first order; None: the player does not want it
    spawn, beat : see `KeptChild`
    port  : name of the open port; "" while there is none
    """

    def __init__(
        self,
        title: str,
        start: PortOrder | None,
        spawn: Callable[[], Child],
        beat: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._title, self._start, self._log = title, start, log
        self._process = KeptChild(spawn, beat)
        self.port = ""

    def tick(self) -> None:
        """[main] Start and watch the process."""
        if self._start and self._process.tick(STALL_S) and self._process.child:
            self._process.child.order(self._start)

    def handle_report(self, child: Child, report: AnyReport) -> bool:
        """Handle a report of the process."""
        if child is not self._process.child:
            return False
        match report:
            case PortOpened(name):
                self.port = name
                self._log(f"{self._title}: {name}")
            case PortFailed(error):
                self.port = ""
                self._log(error)
        return True

    def handle_death(self, child: Child) -> bool:
        """Plan a new process; all values stay as they are."""
        if not self._process.handle_death(child):
            return False
        self.port = ""
        self._log(f"the {self._title} process died and starts again; all values stay")
        return True

    def end(self) -> None:
        """Close its lifeline."""
        if self._process.child:
            self._process.child.close()
