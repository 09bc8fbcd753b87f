"""The OSC process: started where the player wants it, and replaced when it dies. All values stay."""

from __future__ import annotations

from collections.abc import Callable

from perform.control.osc_address import LOOPBACK, host_and_port
from perform.core.arena import Arena
from perform.core.messages.message_lines import AnyReport
from perform.core.messages.osc_messages import OscFailed, OscListening, StartOsc
from perform.stage.child import Child, KeptChild

STALL_S = 8.0  #: an OSC process without a beat for this long hangs


class OscInput:
    """Keeps the OSC process running.

    wanted  : host and port as the player wrote them; "" for no OSC
    address : where it listens; "" while it does not
    """

    def __init__(
        self, arena: Arena, spawn: Callable[[str], Child], log: Callable[[str], None], wanted: str
    ) -> None:
        self._arena, self._log = arena, log
        self._target = host_and_port(wanted) if wanted else None
        self._process = KeptChild(
            lambda: spawn("perform.control.osc_process"), lambda: arena.meter("heartbeat/osc")
        )
        self.address = ""

    def tick(self) -> None:
        """[main] Start and watch the process."""
        if self._target and self._process.tick(STALL_S) and self._process.child:
            self._process.child.order(StartOsc(str(self._arena.path), *self._target))

    def handle_report(self, child: Child, report: AnyReport) -> bool:
        """Handle a report of the OSC process."""
        if child is not self._process.child:
            return False
        match report:
            case OscListening(address):
                self.address = address
                everyone = "" if self._target and self._target[0] == LOOPBACK else ": others can reach it"
                self._log(f"OSC on {address}{everyone}")
            case OscFailed(error):
                self._log(error)
        return True

    def handle_death(self, child: Child) -> bool:
        """Plan a new process; all values stay as they are."""
        if not self._process.handle_death(child):
            return False
        self.address = ""
        self._log("the OSC process died and starts again; all values stay")
        return True

    def end(self) -> None:
        """Close its lifeline."""
        if self._process.child:
            self._process.child.close()
