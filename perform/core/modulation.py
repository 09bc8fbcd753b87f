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
from perform.core.params import ADDRESSES, SPEC_AT, Slots
from perform.core.spec import MODULE_DEFAULT

RowArray = npt.NDArray[np.float64]  #: (1 + ROWS, len(ROW_COLUMNS)); see `Arena.rows`
Values = npt.NDArray[np.float64]

GLIDE_S = 0.1  #: glide from what the rows of a song added to what changed rows add

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
            or address.endswith(("/seed", "/source", "/from", "/voices"))
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

    When the rows change, each parameter glides from what was added before to what the new rows add.

    wanted : (len(ADDRESSES),) mask of the slots that the reader uses; it ignores the other rows
    slots  : the slots that are modulated, each once; it may change during `modulated`
    """

    def __init__(self, wanted: npt.NDArray[np.bool_]) -> None:
        self._wanted = wanted & CAN_BE_MODULATED
        self._packed: RowArray | None = None
        self._kept: dict[int, Modulator] = {}  # by index in MODULATORS: they keep what they hold
        self.slots: Slots = np.zeros(0, np.intp)
        self._added = np.zeros(0)  # to each of `slots`, at the last moment
        self._glides_from: Values | None = None  # what was added to each of `slots` before the rows changed
        self._glide_began: float | None = None  # its first frame

    def use(self, packed: RowArray) -> None:
        """Use these rows from the next moment on; the array must not change."""
        if packed is self._packed:
            return
        same = self._packed is not None and np.array_equal(packed, self._packed)
        self._packed = packed
        if same:
            return
        added = self._added if len(self._added) else self._glides_from  # None: it has added nothing yet
        self._compile(*((self.slots[:0], np.zeros(0)) if added is None else (self.slots, added)))

    def _compile(self, left: Slots, left_added: Values) -> None:
        """Look up everything about the rows; left: slots from which what was added so far glides away."""
        assert self._packed is not None
        rows = self._packed[1 : 1 + int(self._packed[0, 0])]
        rows = rows[self._wanted[rows[:, 1].astype(np.intp)]]
        sources, self._source_of = np.unique(rows[:, 0].astype(np.intp), return_inverse=True)
        targets = np.concatenate((rows[:, 1].astype(np.intp), left))
        self.slots, places = np.unique(targets, return_inverse=True)
        self._target_of = places[: len(rows)]
        self._glides_from, self._glide_began = None, None
        if len(left):
            gone = np.bincount(places[len(rows) :], left_added, len(self.slots))
            self._glides_from = gone.astype(np.float64)
        self._added = np.zeros(0)
        self._kept = {int(i): self._kept.get(int(i)) or make(MODULATORS[i]) for i in sources}
        self._own_slots = np.array([slot for m in self._kept.values() for slot in m.slots], np.intp)
        self._low, self._span = rows[:, 2].copy(), rows[:, 3] - rows[:, 2]
        self._least, self._most = _LOW[self.slots], _HIGH[self.slots]
        self._discrete = np.flatnonzero(_DISCRETE[self.slots])

    def modulated(self, now: Moment) -> Values:
        """Return the values of `slots` at a moment, clamped to their ranges; the bases are in its table."""
        glided = self._glided(now)
        if glided >= 1.0 and self._glides_from is not None:
            self._compile(self.slots[:0], self._added[:0])
        added = self._sum(now)
        if self._glides_from is not None:
            added = self._glides_from + (added - self._glides_from) * glided
        self._added = added
        base = now.table[self.slots]
        total = np.minimum(np.maximum(base + added, self._least), self._most)
        if len(self._discrete):
            total[self._discrete] = np.round(total[self._discrete])
        return np.where(base > MODULE_DEFAULT, total, base)  # what a module's default is, is unknown

    def _glided(self, now: Moment) -> float:
        """Return how far a glide from the rows before is, 0..1."""
        if self._glides_from is None:
            return 1.0
        if self._glide_began is None:
            self._glide_began = now.frame
        return min(max((now.frame - self._glide_began) / (GLIDE_S * now.line.rate), 0.0), 1.0)

    def _sum(self, now: Moment) -> Values:
        """Return what the rows add to each of `slots`."""
        own, at = now.table[self._own_slots].tolist(), 0
        values, depths = [], []
        for modulator in self._kept.values():
            end = at + len(modulator.slots)
            values.append(modulator.value(now, own[at:end]))
            depths.append(own[at] if modulator.has_depth else 1.0)
            at = end
        value, depth = np.array((values, depths))[:, self._source_of]
        added = (self._low + self._span * value) * depth
        return np.bincount(self._target_of, added, len(self.slots)).astype(np.float64)


def mask(slots: Iterable[int] | slice) -> npt.NDArray[np.bool_]:
    """Return the mask of some slots."""
    chosen = np.zeros(len(ADDRESSES), dtype=bool)
    chosen[slots if isinstance(slots, slice) else list(slots)] = True
    return chosen
