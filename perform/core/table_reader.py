"""A process's own copy of the parameter and lane tables, updated once a block or frame."""

from __future__ import annotations

import numpy as np

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, LANES
from perform.core.params import Table


class TableReader:
    """[render], [audio] A copy of the shared values that never holds a part of a batch.

    values : (len(NAMES),) table and lanes
    table  : (len(ADDRESSES),)
    lanes  : (LANES, len(LANE))
    """

    def __init__(self, arena: Arena) -> None:
        self._shared, self._batches = arena.values, arena.batches
        self.values = self._shared.copy()
        self._fresh = np.empty_like(self.values)
        self.table: Table = self.values[: len(params.ADDRESSES)]
        self.lanes = self.values[len(params.ADDRESSES) :].reshape(LANES, len(LANE))

    def update(self) -> bool:
        """Copy the shared values. False if nothing has changed, or a batch is being written."""
        batch = self._batches.begin_read()
        np.copyto(self._fresh, self._shared)
        if not self._batches.is_consistent(batch) or np.array_equal(self._fresh, self.values):
            return False
        np.copyto(self.values, self._fresh)
        return True
