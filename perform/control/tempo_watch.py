"""Watches for taps, wherever they come from (a key, a pad, OSC), and measures their tempo."""

from __future__ import annotations

from perform.control.tap_tempo import TapTempo
from perform.core.arena import Arena
from perform.core.params import slot
from perform.core.tempo_meters import TAPPED, MeasuredTempo, TempoMeters

_TAP = slot("clock/tap")


class TempoWatch:
    """[control] Publishes each tempo that it measures."""

    def __init__(self, arena: Arena) -> None:
        self._table, self._out = arena.table, TempoMeters(arena.meters)
        self._count = float(arena.table[_TAP])
        self._taps = TapTempo()

    def tick(self, now: float) -> None:
        """Look for a tap; call it every few milliseconds, because it times the taps."""
        count = float(self._table[_TAP])
        if count != self._count:
            self._count = count
            if self._taps.tap(now):
                self._out.write(MeasuredTempo(TAPPED, self._taps.beat, 0.0, self._taps.bpm))
