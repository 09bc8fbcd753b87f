"""A process's own copy of the parameter and lane tables, updated once a block or frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import (
    ALL_LANES,
    BEAT_VALUES,
    DEFAULT_RATE,
    LANE,
    LANE_VALUES,
    METER_SLOTS,
    PHASE_COLUMNS,
    PHASE_VALUES,
    VERSION_SLOT,
)
from perform.core.beat import BeatLine
from perform.core.params import Table

_VERSION = slice(8 * VERSION_SLOT, 8 * VERSION_SLOT + 8)  # its bytes


class TableReader:
    """[render], [audio] A copy of the shared values that never holds a part of a batch.

    The arrays are read-only; after an update with changes they are others.

    values : (len(NAMES),) table, lanes, phases and beat line
    table  : (len(ADDRESSES),)
    lanes  : (ALL_LANES, len(LANE))
    phases : (len(CYCLES), len(PHASE_COLUMNS))
    rows   : (1 + ROWS, len(ROW_COLUMNS)) modulation of the song that plays; another array when it has changed
    beat_line : the beat at any frame of the history
    """

    def __init__(self, arena: Arena) -> None:
        self._shared, self._batches, self._meters = arena.values, arena.batches, arena.meters
        self._shared_rows = arena.rows[0]
        self.rows = self._shared_rows.copy()
        self._take(self._shared.tobytes())

    def update(self) -> bool:
        """Copy the shared values. False if nothing has changed, or a batch is being written."""
        batch = self._batches.begin_read()
        fresh = self._shared.tobytes()
        if fresh == self._bytes:
            return False
        rows = self._shared_rows.copy()
        if not self._batches.is_consistent(batch):
            return False
        if fresh[_VERSION] != self._bytes[_VERSION]:
            self.rows = rows
        self._take(fresh)
        return True

    def _take(self, fresh: bytes) -> None:
        self._bytes = fresh
        self.values: npt.NDArray[np.float64] = np.frombuffer(fresh)
        self.table: Table = self.values[: len(params.ADDRESSES)]
        self.lanes = self.values[LANE_VALUES].reshape(ALL_LANES, len(LANE))
        self.phases = self.values[PHASE_VALUES].reshape(-1, len(PHASE_COLUMNS))

    @property
    def beat_line(self) -> BeatLine:
        """The beat line of the last update."""
        origin, bpm = self.values[-len(BEAT_VALUES) :]
        return BeatLine(float(origin), float(bpm), float(self._meters[METER_SLOTS["rate"]]) or DEFAULT_RATE)
