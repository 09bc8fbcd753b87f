"""Who pulls the decks: the device's mixer where there is a device, the clock's where there is none.

Both live all the time. The owner is one number in shared memory that only this module writes, so a device
that dies costs the time it takes to notice, and its return costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from perform.lifeline import Message
from perform.shared import CLOCK, DEVICE, NOBODY, Arena
from perform.stage.child import Child

HANDOVER_S = 0.03  #: nobody owns the decks for so long: the last owner has finished its block
STALL_S = 0.4  #: an owner without a beat for so long is dead
KNOCK_STALL_S = 8.0  #: a device mixer that does not even knock hangs in PortAudio
AGAIN_S = 0.3  #: between a death and a new start

SILENT = "silent clock; see `perform devices`"


class Sound:
    """The two mixers and the owner's word.

    spawn : starts "device" or "clock"; None of a device mixer where no device is wanted
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
        self._arena, self._spawn, self._tell = arena, spawn, tell
        self._stall = 5.0 if patient else STALL_S
        self._clock: Child | None = None
        self._device: Child | None = spawn("device") if wanted else None
        self._wanted = wanted
        self._playing = self._begun = False
        self._again = {"device": 0.0, "clock": 0.0}  # when a dead one is started again
        self._beats: dict[str, tuple[float, float]] = {}
        self._next: tuple[int, float] | None = None  # the coming owner and when
        self.words = f"no device asked for: {SILENT}" if not wanted else ""
        self.settled = not wanted  # the device mixer has said what it found

    def begin(self) -> None:
        """The rate is known: the clock's mixer may start, and somebody pulls."""
        self._begun = True
        self._arena.show("owner", DEVICE if self._playing else CLOCK)

    def report(self, child: Child, message: Message) -> bool:
        """Take a report, if it is from one of the mixers."""
        if child is self._device:
            if message["report"] == "playing":
                if not self._arena.meter("rate"):
                    self._arena.show("rate", message["rate"])
                self._playing = True
                self.words = str(message["device"])
                self._tell(f"sound through {self.words} ({message['why']})")
                self._own(DEVICE)
            elif message["report"] == "waiting":
                self.words = f"{message['error']}: {SILENT}"
                self._tell(self.words)
            self.settled = True
        return child in (self._device, self._clock)

    def died(self, child: Child) -> bool:
        """Take the news of a death, if it is one of the mixers."""
        if child is self._device:
            if self._playing:
                self._tell("the audio device is gone: going on with a silent clock")
                self.words = f"the audio device is gone: {SILENT}"
            self._device, self._playing = None, False
            self._own(CLOCK)
            self._again["device"] = time.monotonic() + AGAIN_S
        elif child is self._clock:
            self._clock = None
            self._again["clock"] = time.monotonic()
        else:
            return False
        return True

    def _own(self, owner: int) -> None:
        if not self._begun or self._arena.meter("owner") == owner:
            return
        self._arena.show("owner", NOBODY)
        self._next = (owner, time.monotonic() + HANDOVER_S)

    def tick(self) -> None:
        """A few times each 100 ms."""
        now = time.monotonic()
        if self._next and now >= self._next[1]:
            self._arena.show("owner", self._next[0])
            self._next = None
        if self._wanted and not self._device and now >= self._again["device"]:
            self._device = self._spawn("device")
        if self._begun and not self._clock and now >= self._again["clock"]:
            self._clock = self._spawn("clock")
        self._watch("device", self._device, self._stall if self._playing else KNOCK_STALL_S, now)
        if self._arena.meter("owner") == CLOCK:
            self._watch("clock", self._clock, KNOCK_STALL_S, now)

    def _watch(self, name: str, child: Child | None, stall: float, now: float) -> None:
        """End a mixer that has stopped beating; its death is dealt with when it comes as an event."""
        beat = self._arena.meter(f"beat/{name}")
        if child is None or self._beats.get(name, (-1.0, 0.0))[0] != beat:
            self._beats[name] = (beat, now)
        elif now - self._beats[name][1] > stall:
            child.kill()
            self._beats[name] = (beat, now)

    def end(self) -> None:
        """Kill both: closing a dead server's stream would hang."""
        for child in (self._device, self._clock):
            if child:
                child.kill()
