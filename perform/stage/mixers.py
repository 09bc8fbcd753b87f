"""Who pulls the decks: the device's mixer where there is a device, the clock's where there is none.

Both live all the time. The owner is one number in shared memory that only this module writes, so a device
that dies costs the time it takes to notice, and its return costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from perform.core.arena import CLOCK, DEVICE, NOBODY, Arena
from perform.core.lifeline import Message
from perform.stage.child import Child, KeptChild

HANDOVER_S = 0.03  #: nobody owns the decks for so long: the last owner has finished its block
STALL_S = 0.4  #: a device without a beat for so long is dead, or four blocks where those are longer
PATIENT_STALL_S = 5.0  #: where the mixer waits for the decks
IDLE_STALL_S = 8.0  #: a device mixer that does not even knock hangs in PortAudio; a clock, in the machine

SILENT = "silent clock; see `perform devices`"


class Mixers:
    """The two mixers and the owner's word.

    spawn  : starts "device" or "clock"
    wanted : whether a device is
    """

    def __init__(
        self,
        arena: Arena,
        spawn: Callable[[str], Child],
        tell: Callable[[str], None],
        *,
        wanted: bool,
        patient: bool,
    ) -> None:
        self._arena, self._tell, self._patient, self._wanted = arena, tell, patient, wanted
        self._clock = KeptChild(lambda: spawn("clock"), lambda: arena.meter("beat/clock"))
        self._device = KeptChild(lambda: spawn("device"), lambda: arena.meter("beat/device"))
        self._playing = False  # the device mixer has an open device
        self._begun = False  # the rate is known
        self._next: tuple[int, float] | None = None  # the coming owner and when
        self.words = "" if wanted else f"no device asked for: {SILENT}"
        self.settled = not wanted  # the device mixer has said what it found

    def begin(self) -> None:
        """The rate is known: the clock's mixer may start, and somebody pulls."""
        self._begun = True
        self._arena.show("owner", DEVICE if self._playing else CLOCK)

    def report(self, child: Child, message: Message) -> bool:
        """Take a report, if it is from one of the mixers."""
        if child is self._device.child:
            if message["report"] == "playing":
                self._open(child, message)
            elif message["report"] == "waiting":
                self.words = f"{message['error']}: {SILENT}"
                self._tell(self.words)
            self.settled = True
        return child in (self._device.child, self._clock.child)

    def _open(self, child: Child, message: Message) -> None:
        """A device plays. The first one's rate becomes the stage's; one at another rate starts over."""
        rate = self._arena.meter("rate")
        if rate and message["rate"] != rate:
            child.kill()
            return
        self._arena.show("rate", message["rate"])
        self._playing = True
        self.words = str(message["device"])
        self._tell(f"sound through {self.words} ({message['why']})")
        if message["deaf"]:
            self._tell(message["deaf"])
        self._own(DEVICE)

    def died(self, child: Child) -> bool:
        """Take the news of a death, if it is one of the mixers."""
        if self._device.died(child):
            if self._playing:
                self.words = f"the audio device is gone: {SILENT}"
                self._tell(self.words)
            self._playing = False
            self._own(CLOCK)
            return True
        if self._clock.died(child):
            self._tell(f"the clock's mixer ended (exit {child.exit_code}): starting it again")
            return True
        return False

    def _own(self, owner: int) -> None:
        if not self._begun or self._arena.meter("owner") == owner:
            return
        self._arena.show("owner", NOBODY)
        self._next = (owner, time.monotonic() + HANDOVER_S)

    def tick(self) -> None:
        """A few times each 100 ms."""
        if self._next and time.monotonic() >= self._next[1]:
            self._arena.show("owner", self._next[0])
            self._next = None
        if self._wanted:
            rate = self._arena.meter("rate")
            stall = max(STALL_S, 4 * self._arena.meter("block") / rate) if rate else STALL_S
            stall = PATIENT_STALL_S if self._patient else stall
            self._device.tick(stall if self._playing else IDLE_STALL_S)
        if self._begun:
            self._clock.tick(IDLE_STALL_S)

    def end(self) -> None:
        """Kill both: closing a dead server's stream would hang."""
        for kept in (self._device, self._clock):
            if kept.child:
                kept.child.kill()
