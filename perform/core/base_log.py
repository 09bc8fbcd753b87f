"""Event records of the base values of modulated parameters.

A log's other values are those that were heard: the bases plus their modulation. A replay needs only those.
The bases tell what the player's hands did.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perform.core.arena_layout import NAMES
from perform.core.event_log import CHANGED_VALUES, EventLog, pack_values
from perform.core.params import Table


class BaseWriter:
    """[render], [audio] Logs the bases of one writer's modulated parameters when they change.

    Their slots in the log are those of `BASE_NAMES`, which follow `NAMES`.
    """

    def __init__(self, log: EventLog) -> None:
        self._log, self._slots = log, np.zeros(0, np.intp)
        self._written = np.zeros(0)

    def write(self, at: int, slots: npt.NDArray[np.intp], base: Table, *, every: bool = False) -> None:
        """Log the bases at frame `at` of the history that have changed, or all of them.

        slots : of the modulated parameters
        """
        if not len(slots) and not len(self._slots):
            return
        now = base[slots]
        every = every or not np.array_equal(slots, self._slots)
        changed = np.arange(len(slots)) if every else np.flatnonzero(now != self._written)
        if len(changed) == 0 or self._log.append(
            CHANGED_VALUES, at, pack_values(len(NAMES) + slots[changed], now[changed])
        ):
            self._slots, self._written = slots, now
