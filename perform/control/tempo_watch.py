"""Measures the tempo: taps, wherever they come from (a key, a pad, OSC), and the MIDI clock of a port."""

from __future__ import annotations

from collections.abc import Sequence

from perform.control.midi_clock import CONTINUE, POSITION, START, STOP, TICK, DriverTime, MidiClock
from perform.control.tap_tempo import LONGEST_S, TapTempo
from perform.core.arena import Arena
from perform.core.params import slot
from perform.core.tempo_meters import NO_TEMPO, TAPPED, MeasuredTempo, TempoMeters

_TAP, _FOLLOWS = slot("clock/tap"), slot("clock/in")
_OF_CLOCKS = {TICK, START, CONTINUE, STOP, POSITION}
#: what starts and stops the devices that get our clock
_ACTIONS = {START: slot("clock/start"), CONTINUE: slot("clock/continue"), STOP: slot("clock/stop")}


class TempoWatch:
    """[control] Publishes each tempo that it measures.

    Of several clocks the first counts, as long as it ticks. While `clock/in` is on, the devices that get our
    clock start, stop and continue with it.
    """

    def __init__(self, arena: Arena) -> None:
        self._table, self._out = arena.table, TempoMeters(arena.meters)
        self._count = float(arena.table[_TAP])
        self._taps, self._tapped_at = TapTempo(), -LONGEST_S
        self._clocks: dict[str, MidiClock] = {}
        self._times: dict[str, DriverTime] = {}
        self._leader = ""  # the port whose clock counts
        self._begins: dict[str, int] = {}  # port -> START or CONTINUE, which counts from its next tick on
        self._out.write(MeasuredTempo(NO_TEMPO, 0.0, 0.0, 0.0))  # of a process that died

    def is_tapping(self, now: float) -> bool:
        """Whether another tap may belong to the last one."""
        return now - self._tapped_at < LONGEST_S

    def tick(self, now: float) -> None:
        """Look for a tap, and for a clock that has stopped; call it every few milliseconds."""
        count = float(self._table[_TAP])
        if count != self._count:
            self._count, self._tapped_at = count, now
            if self._taps.tap(now):
                self._out.write(MeasuredTempo(TAPPED, self._taps.beat, 0.0, self._taps.bpm))
        if self._leader and self._clocks[self._leader].is_lost(now):
            self._leader = ""
            self._out.write(MeasuredTempo(NO_TEMPO, 0.0, 0.0, 0.0))

    def receive(self, port: str, data: Sequence[int], delta: float, now: float) -> bool:
        """Take a message of a port; return whether it is for the clock alone.

        delta : seconds since the port's message before, by the driver's clock
        """
        seconds = self._times.setdefault(port, DriverTime()).at(delta, now)
        if not data or data[0] not in _OF_CLOCKS:
            return False
        measured = self._clocks.setdefault(port, MidiClock()).receive(data, seconds)
        if not self._leader and self._clocks[port].ticks:
            self._leader = port
        if measured and port == self._leader:
            self._out.write(measured)
        self._pass_on(port, data[0])
        return True

    def _pass_on(self, port: str, status: int) -> None:
        """Start, stop or continue the devices that get our clock, as the leading clock does."""
        if status in (START, CONTINUE):
            self._begins[port] = status
        elif status == STOP:
            self._begins.pop(port, None)
        if port != self._leader or not self._table[_FOLLOWS]:
            return
        if status == TICK and port in self._begins:
            status = self._begins.pop(port)
        elif status != STOP:
            return
        self._table[_ACTIONS[status]] += 1
