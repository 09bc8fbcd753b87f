"""The [control] thread: takes the messages of all open ports, sets parameters, writes lamps."""

from __future__ import annotations

import threading
import time

from perform.control.lamps import ControlLamps
from perform.control.midi_ports import Inputs
from perform.control.router import ControlRouter
from perform.control.tempo_watch import TempoWatch
from perform.core.realtime import CONTROL_PRIORITY, request_real_time

WAIT_S = 0.008  #: it looks at the table at least this often: focus, panic, taps of the tempo
IDLE_WAIT_S = 0.016  #: the same without a port, before the first tap: then only taps come
HALF_S = 0.002  #: the same while half of a 14-bit value waits for the other half
_SYSTEM = 0xF0  #: status bytes from here on are no channel messages
_BURST = 256  #: most messages read from one port before the next port is read


class ReadingThread:
    """Reads until the process ends.

    inputs    : the open ports; [main] replaces them as a whole
    arrived   : a message has come
    played_at : monotonic seconds of the last channel message
    """

    def __init__(self, router: ControlRouter, lamps: ControlLamps, tempo: TempoWatch) -> None:
        self._router, self._lamps, self._tempo = router, lamps, tempo
        self.inputs: Inputs = ()
        self.arrived = threading.Event()
        self.played_at = 0.0
        self._thread = threading.Thread(target=self._read_ports, name="control", daemon=True)

    def start(self) -> None:
        """[main] Begin to read."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """[main] Whether it has not stopped."""
        return self._thread.is_alive()

    @property
    def _wait_s(self) -> float:
        """[control] Seconds until it looks at the table again, unless a message comes."""
        if self._router.is_waiting:
            return HALF_S
        return WAIT_S if self.inputs or self._tempo.is_tapping(time.monotonic()) else IDLE_WAIT_S

    def _read_ports(self) -> None:
        """[control] Take the messages as they come."""
        request_real_time(CONTROL_PRIORITY)
        while True:
            self.arrived.wait(self._wait_s)
            self.arrived.clear()  # before reading: what comes from now on wakes the next wait
            now = time.monotonic()
            for name, port in self.inputs:
                for _ in range(_BURST):
                    message = port.get_message()
                    if message is None:
                        break
                    if message[0][0] < _SYSTEM:
                        self.played_at = now
                    if not self._tempo.receive(name, message[0], message[1], now):
                        self._router.handle(name, message[0])
                        self._lamps.hear(name, message[0])
                else:
                    self.arrived.set()  # the other ports first, then the rest
            self._router.tick()
            self._lamps.tick(now, self._router.moved_at)
            self._tempo.tick(now)
