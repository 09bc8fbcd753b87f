"""Detects whether fingers of an MPE keyboard modulate a parameter in the song that plays."""

from __future__ import annotations

from perform.core.arena import Arena
from perform.core.arena_layout import VERSION_SLOT
from perform.core.modulators import MODULATORS

_FINGERS = {i for i, name in enumerate(MODULATORS) if name.startswith("finger ")}


class FingerRows:
    """[main] Looks at the rows of the song."""

    def __init__(self, arena: Arena) -> None:
        self._values, self._batches, self._rows = arena.values, arena.batches, arena.rows[0]
        self._version = -1.0
        self._any = False

    def any(self) -> bool:
        """Return whether a finger modulates; while rows are being written, whether one did before."""
        batch, version = self._batches.begin_read(), float(self._values[VERSION_SLOT])
        if version != self._version:
            rows = self._rows.copy()
            if self._batches.is_consistent(batch):
                self._version = version
                self._any = not _FINGERS.isdisjoint(rows[1 : 1 + int(rows[0, 0]), 0].astype(int).tolist())
        return self._any
