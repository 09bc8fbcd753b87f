"""A process's own copy of the parameter and lane tables, updated once a block or frame."""

from __future__ import annotations

import numpy as np

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import (
    BEAT_VALUES,
    DEFAULT_RATE,
    LANE,
    LANE_VALUES,
    LANES,
    METER_SLOTS,
    PHASE_COLUMNS,
    PHASE_VALUES,
    VERSION_SLOT,
)
from perform.core.beat import BeatLine
from perform.core.params import Table


class TableReader:
    """[render], [audio] A copy of the shared values that never holds a part of a batch.

    values : (len(NAMES),) table, lanes, phases and beat line
    table  : (len(ADDRESSES),)
    lanes  : (LANES, len(LANE))
    phases : (len(CYCLES), len(PHASE_COLUMNS))
    rows   : (1 + ROWS, len(ROW_COLUMNS)) modulation of the song that plays; another array when it has changed
    beat_line : the beat at any frame of the history
    """

    def __init__(self, arena: Arena) -> None:
        self._shared, self._batches, self._meters = arena.values, arena.batches, arena.meters
        self.values = self._shared.copy()
        self._fresh = np.empty_like(self.values)
        self.table: Table = self.values[: len(params.ADDRESSES)]
        self.lanes = self.values[LANE_VALUES].reshape(LANES, len(LANE))
        self.phases = self.values[PHASE_VALUES].reshape(-1, len(PHASE_COLUMNS))
        self._shared_rows = arena.rows[0]
        self.rows = self._shared_rows.copy()

    def update(self) -> bool:
        """Copy the shared values. False if nothing has changed, or a batch is being written."""
        batch = self._batches.begin_read()
        np.copyto(self._fresh, self._shared)
        changed = self._fresh[VERSION_SLOT] != self.values[VERSION_SLOT]
        rows = self._shared_rows.copy() if changed else self.rows
        if not self._batches.is_consistent(batch) or np.array_equal(self._fresh, self.values):
            return False
        np.copyto(self.values, self._fresh)
        self.rows = rows
        return True

    @property
    def beat_line(self) -> BeatLine:
        """The beat line of the last update."""
        origin, bpm = self.values[-len(BEAT_VALUES) :]
        return BeatLine(float(origin), float(bpm), float(self._meters[METER_SLOTS["rate"]]) or DEFAULT_RATE)
