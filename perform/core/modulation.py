"""Modulation: rows that add modulators to parameters. Each reader evaluates its rows at each of its frames.

The parameter table holds base values; nothing here changes them. A row adds `low` at the modulator's value 0
and `high` at 1, in the parameter's unit, and the sum is clamped to the parameter's range.
numpy and the standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.arena_layout import ROW_COLUMNS, ROWS
from perform.core.modulators import MODULATORS, Modulator, Moment, make
from perform.core.params import ADDRESSES, MODULE_DEFAULT, SPEC_AT

RowArray = npt.NDArray[np.float64]  #: (1 + ROWS, len(ROW_COLUMNS)); see `Arena.rows`
Values = npt.NDArray[np.float64]

_LOW, _HIGH = (np.array([getattr(spec, end) for spec in SPEC_AT]) for end in ("low", "high"))
_DISCRETE = np.array([bool(spec.choices) or spec.whole for spec in SPEC_AT])
_modulators = params.modulator_slots()
#: mask of the slots that rows may modulate: continuous and discrete values that hosts and the mixer read.
#: No actions, no seeds (each new one starts a voice over), and nothing that the stage reads
CAN_BE_MODULATED: npt.NDArray[np.bool_] = np.array(
    [
        not (
            spec.action
            or params.never_stored(address)
            or address.startswith("tempo")
            or address.endswith(("/seed", "/source", "/from"))
            or _modulators.start <= slot < _modulators.stop
        )
        for slot, (address, spec) in enumerate(zip(ADDRESSES, SPEC_AT, strict=True))
    ]
)


class Row(NamedTuple):
    """One row: index of the modulator in MODULATORS, slot, and what it adds at 0 and at 1."""

    source: int
    slot: int
    low: float
    high: float


def pack_rows(rows: Sequence[Row]) -> RowArray:
    """Return rows as `Arena.rows` holds them; at most ROWS."""
    packed = np.zeros((1 + ROWS, len(ROW_COLUMNS)))
    packed[0, 0] = len(rows)
    if rows:
        packed[1 : 1 + len(rows)] = rows
    return packed


class Modulation:
    """[render], [audio], [ui] The rows of one reader.

    wanted : (len(ADDRESSES),) mask of the slots that the reader uses; it ignores the other rows
    slots  : the slots that its rows modulate, each once
    """

    def __init__(self, wanted: npt.NDArray[np.bool_]) -> None:
        self._wanted = wanted & CAN_BE_MODULATED
        self._packed: RowArray | None = None
        self._kept: dict[int, Modulator] = {}  # by index in MODULATORS: they keep what they hold
        self.slots: npt.NDArray[np.intp] = np.zeros(0, np.intp)

    def use(self, packed: RowArray) -> None:
        """Use these rows from the next moment on; the array must not change."""
        if packed is self._packed:
            return
        self._packed = packed
        rows = packed[1 : 1 + int(packed[0, 0])]
        rows = rows[self._wanted[rows[:, 1].astype(np.intp)]]
        targets = rows[:, 1].astype(np.intp)
        sources, self._source_of = np.unique(rows[:, 0].astype(np.intp), return_inverse=True)
        self.slots, self._target_of = np.unique(targets, return_inverse=True)
        self._kept = {int(i): self._kept.get(int(i)) or make(MODULATORS[i]) for i in sources}
        self._own_slots = np.array([slot for m in self._kept.values() for slot in m.slots], np.intp)
        self._low, self._span = rows[:, 2].copy(), rows[:, 3] - rows[:, 2]
        self._least, self._most = _LOW[self.slots], _HIGH[self.slots]
        self._discrete = np.flatnonzero(_DISCRETE[self.slots])

    def modulated(self, now: Moment) -> Values:
        """Return the values of `slots` at a moment, clamped to their ranges; the bases are in its table."""
        own, at = now.table[self._own_slots].tolist(), 0
        values, depths = [], []
        for modulator in self._kept.values():
            end = at + len(modulator.slots)
            values.append(modulator.value(now, own[at:end]))
            depths.append(own[at] if modulator.has_depth else 1.0)
            at = end
        value, depth = np.array((values, depths))[:, self._source_of]
        base = now.table[self.slots]
        total = base + np.bincount(self._target_of, (self._low + self._span * value) * depth)
        total = np.minimum(np.maximum(total, self._least), self._most)
        if len(self._discrete):
            total[self._discrete] = np.round(total[self._discrete])
        return np.where(base > MODULE_DEFAULT, total, base)  # what a module's default is, is unknown


def mask(slots: Iterable[int] | slice) -> npt.NDArray[np.bool_]:
    """Return the mask of some slots."""
    chosen = np.zeros(len(ADDRESSES), dtype=bool)
    chosen[slots if isinstance(slots, slice) else list(slots)] = True
    return chosen
