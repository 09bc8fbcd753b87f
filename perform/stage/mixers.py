"""The two mixer processes, and which of them plays the decks.

Both run all the time. The owner is one number in shared memory that only this module writes: the device mixer
where there is a device, the clock mixer otherwise. So a lost device costs only the time to notice it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from perform.core.arena import Arena
from perform.core.arena_layout import CLOCK, DEVICE, NO_MIXER
from perform.core.messages.message_lines import AnyReport
from perform.core.messages.mixer_messages import (
    Connections,
    CueChanged,
    DeviceConnected,
    DevicePlaying,
    DeviceWaiting,
    OwnerChanged,
)
from perform.stage.child import Child, KeptChild

HANDOVER_S = 0.03  #: no mixer owns the decks for this long, so that the last owner finishes its block
STALL_S = (
    0.4  #: a device without a beat for this long is dead (or for four bursts of blocks, if that is longer)
)
PATIENT_STALL_S = 5.0  #: the same where the mixer waits for the decks
IDLE_STALL_S = 8.0  #: a mixer without a beat for this long hangs, in PortAudio or in the machine

SILENT = "silent clock; see `perform devices`"


class Mixers:
    """Keeps both mixers running and names the owner.

    spawn  : starts the "device" or the "clock" mixer, with the connections that it makes
    wanted : whether to open an audio device
    """

    def __init__(
        self,
        arena: Arena,
        spawn: Callable[[str, Connections | None], Child],
        log: Callable[[str], None],
        *,
        wanted: bool,
        patient: bool,
    ) -> None:
        self._arena, self._log, self._patient, self._wanted = arena, log, patient, wanted
        self._clock = KeptChild(lambda: spawn("clock", None), lambda: arena.meter("heartbeat/clock"))
        self._device = KeptChild(
            lambda: spawn("device", self._connections), lambda: arena.meter("heartbeat/device")
        )
        self._connections: Connections | None = None  # of the device mixer's ports
        self._playing = False  # the device mixer has an open device
        self._started = False  # the rate is known
        self._next: tuple[int, float] | None = None  # the next owner, and when it takes over
        self.device = (
            "" if wanted else f"no device asked for: {SILENT}"
        )  #: the open device, or why there is none
        self.settled = not wanted  #: the device mixer has reported what it found

    def start(self) -> None:
        """Start the clock mixer and name the owner, now that the rate is known."""
        self._started = True
        self._set_owner(DEVICE if self._playing else CLOCK)

    def handle_report(self, child: Child, report: AnyReport) -> bool:
        """Handle a report of one of the mixers."""
        if child is self._device.child:
            match report:
                case DevicePlaying():
                    self._device_opened(child, report)
                case DeviceConnected(connections):
                    self._connections = connections
                case CueChanged(text):
                    self._log(text)
                case DeviceWaiting(error):
                    self.device = f"{error}: {SILENT}"
                    self._log(self.device)
            self.settled = True
        return child in (self._device.child, self._clock.child)

    def _device_opened(self, child: Child, report: DevicePlaying) -> None:
        """The first device's rate becomes the stage's; a device at another rate starts again."""
        rate = self._arena.meter("rate")
        if rate and report.rate != rate:
            child.kill()
            return
        self._arena.set_meter("rate", report.rate)
        self._playing = True
        self.device = report.device
        self._log(f"sound through {report.device} ({report.why})")
        for line in (report.input_error, report.cue):
            if line:
                self._log(line)
        self._hand_over(DEVICE)

    def handle_death(self, child: Child) -> bool:
        """Hand the decks to the clock when the device mixer dies; both are started again."""
        if self._device.handle_death(child):
            if self._playing:
                self.device = f"the audio device is gone: {SILENT}"
                self._log(self.device)
            self._playing = False
            self._hand_over(CLOCK)
            return True
        if self._clock.handle_death(child):
            self._log(f"the clock mixer died (exit {child.exit_code}) and starts again")
            return True
        return False

    def _hand_over(self, owner: int) -> None:
        if not self._started or self._arena.meter("owner") == owner:
            return
        self._set_owner(NO_MIXER)
        self._next = (owner, time.monotonic() + HANDOVER_S)

    def _set_owner(self, owner: int) -> None:
        """Name the owner, and wake the clock mixer, which sleeps while it owns nothing."""
        self._arena.set_meter("owner", owner)
        if self._clock.child:
            self._clock.child.order(OwnerChanged())

    def tick(self) -> None:
        """Finish a handover; start and watch both mixers."""
        if self._next and time.monotonic() >= self._next[1]:
            self._set_owner(self._next[0])
            self._next = None
        if self._wanted:
            rate = self._arena.meter("rate")
            stall = max(STALL_S, 4 * self._arena.meter("burst") / rate) if rate else STALL_S
            stall = PATIENT_STALL_S if self._patient else stall
            self._device.tick(stall if self._playing else IDLE_STALL_S)
        if self._started:
            self._clock.tick(IDLE_STALL_S)

    def end(self) -> None:
        """Kill both: to close the stream of a dead server would hang."""
        for kept in (self._device, self._clock):
            if kept.child:
                kept.child.kill()
