"""Writes the modulation of the song that plays, and of the next one, into the arena."""

from __future__ import annotations

from collections.abc import Sequence

from perform.core.arena import Arena
from perform.core.arena_layout import PHASE_COLUMNS, PHASE_VALUES, VERSION_SLOT
from perform.core.modulation import pack_rows
from perform.core.modulators import RATES, resting_phases
from perform.library.song import ModulationRow
from perform.library.song_modulation import arena_rows

NOW, NEXT = range(2)  #: index in `Arena.rows`


class ModulationWriter:
    """The one writer of an arena's rows and phases.

    A cycle that runs at a rate in Hz goes on from the same phase when its rate changes.
    """

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._phases = arena.values[PHASE_VALUES].reshape(-1, len(PHASE_COLUMNS))
        self._now: Sequence[ModulationRow] | None = None
        self.begin_song()

    def write(self, rows: Sequence[ModulationRow]) -> None:
        """[main] Modulate by these rows from the next frame on."""
        if rows != self._now:
            self._now = rows
            with self._arena.batch():
                self._arena.rows[NOW] = pack_rows(arena_rows(rows))
                self._arena.values[VERSION_SLOT] += 1

    def prepare(self, rows: Sequence[ModulationRow]) -> None:
        """[main] Modulate the voices of the next song by these rows; before they begin."""
        self._arena.rows[NEXT] = pack_rows(arena_rows(rows))

    def play_next(self, rows: Sequence[ModulationRow]) -> None:
        """[main, within a batch] The next song begins, with its rows."""
        self._now = rows
        self._arena.rows[NOW] = pack_rows(arena_rows(rows))
        self._arena.values[VERSION_SLOT] += 1
        self._rest()

    def begin_song(self) -> None:
        """[main] Begin all cycles now."""
        with self._arena.batch():
            self._rest()

    def _rest(self) -> None:
        self._phases[:] = resting_phases(self._arena.table, self._arena.history.written)

    def tick(self) -> None:
        """[main, about every 15 ms] Go on at the new rates where they have changed."""
        rates = self._arena.table[RATES]
        changed = rates != self._phases[:, 2]
        if changed.any():
            frame, rate = self._arena.history.written, self._arena.meter("rate")
            cycles, since, hz = self._phases[changed].T
            with self._arena.batch():
                self._phases[changed, 0] = cycles + (frame - since) * hz / rate
                self._phases[changed, 1], self._phases[changed, 2] = frame, rates[changed]
