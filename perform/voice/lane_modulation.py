"""Modulation of a voice: its deck's rows, evaluated at the frame at which its next frame will sound."""

from __future__ import annotations

from perform.core.arena import Arena
from perform.core.arena_layout import HELD, NEXT, PHASE_COLUMNS, PHASE_VALUES
from perform.core.beat import BeatLine
from perform.core.modulation import Modulation, mask
from perform.core.modulators import Phases, moment, resting_phases
from perform.core.params import Slots, Table
from perform.core.table_reader import TableReader


class LaneModulation:
    """[render] The table of one voice, without and with modulation.

    base  : the values without modulation
    table : the values to play with; the same array while no row modulates the deck

    A voice of the next song rests at the beginning of its modulators' cycles until its song begins. A voice
    that fades out keeps its base values, and its cycles go on.
    """

    def __init__(self, arena: Arena, slots: slice, mode: int) -> None:
        """slots: of the parameters that the voice uses."""
        self._meters, self._resting = arena.meters, mode == NEXT
        self.base: Table = (arena.next if self._resting else arena.table).copy()
        self._phases: Phases = arena.values[PHASE_VALUES].reshape(-1, len(PHASE_COLUMNS)).copy()
        self._line = arena.beat_line
        self._modulation = Modulation(mask(slots))
        self._modulation.use(arena.rows[int(self._resting)].copy())
        self.table = self.base

    @property
    def slots(self) -> Slots:
        """The slots that rows modulate."""
        return self._modulation.slots

    def read(self, reader: TableReader, mode: int) -> None:
        """Take the values of the song that plays; a voice that waits or fades out keeps its own."""
        if mode not in (NEXT, HELD):
            self._resting = False
            self.base, self._phases = reader.table, reader.phases
            self._modulation.use(reader.rows)
            self._line = reader.beat_line

    def evaluate(self, frame: int) -> Table:
        """Return the values for a frame that will sound at this frame of the master's history."""
        if not len(self.slots):
            self.table = self.base
            return self.table
        line, phases = self._line, self._phases
        if self._resting:
            line, phases = BeatLine(frame, line.bpm, line.rate), resting_phases(self.base, frame)
        now = moment(frame, line, self.base, phases, self._meters)
        self.table = self.base.copy()
        modulated = self._modulation.modulated(now)  # `slots` may change here
        self.table[self.slots] = modulated
        return self.table
