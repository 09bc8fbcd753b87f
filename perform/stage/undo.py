"""Undo and redo: numbers that a hand moved, a gesture a step; and whatever else says how it is taken back.

Nobody tells it of a number: it looks at the table, as everybody does. What glides, loops and songs move is
no step, it belongs to what began it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from perform.core import params
from perform.core.params import ADDRESSES, SPEC_AT, Table

QUIET_S = 0.7  #: a gesture is over when nothing has moved for so long
DEPTH = 500  #: steps that are kept

_IGNORED = np.array(
    [a.startswith(params.NEVER_STORED) or SPEC_AT[i].action for i, a in enumerate(ADDRESSES)], dtype=bool
)


@dataclass(frozen=True, slots=True)
class UndoStep:
    """One change: what it was, and how it is taken back and made again."""

    words: str
    back: Callable[[], object]
    again: Callable[[], object]


class UndoHistory:
    """Two stacks, and the gesture that is under way."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._seen = table.copy()
        self._before: dict[int, float] = {}  # of the gesture under way: what its slots held
        self._moved_at = 0.0
        self._done: list[UndoStep] = []
        self._undone: list[UndoStep] = []

    @property
    def undo_words(self) -> str:
        """What would be taken back."""
        return (
            self._gesture_words(self._before) if self._before else self._done[-1].words if self._done else ""
        )

    @property
    def redo_words(self) -> str:
        """What would be made again."""
        return self._undone[-1].words if self._undone else ""

    def tick(self, now: float, moved_by_itself: Iterable[int]) -> bool:
        """A few times each 100 ms: see what a hand has moved; True where something was."""
        ours = _IGNORED.copy()
        ours[list(moved_by_itself)] = True
        self._seen[ours] = self._table[ours]
        changed = np.flatnonzero(self._table != self._seen)
        for slot in changed.tolist():
            self._before.setdefault(slot, float(self._seen[slot]))
            self._moved_at = now
        self._seen[changed] = self._table[changed]
        if self._before and now - self._moved_at > QUIET_S:
            self._close()
        return bool(len(changed))

    def rebase(self) -> None:
        """Somebody else has moved the table, and answers for it: no step."""
        self._close()
        self._seen[:] = self._table

    def did(self, words: str, back: Callable[[], object], again: Callable[[], object]) -> None:
        """Something that is no number was changed."""
        self._close()
        self._push(UndoStep(words, back, again))

    def undo(self) -> str:
        """Take the last step back; what it was, "" where there is none."""
        self._close()
        return self._step(self._done, self._undone, lambda step: step.back())

    def redo(self) -> str:
        """Make the last step taken back again."""
        return self._step(self._undone, self._done, lambda step: step.again())

    def _step(self, source: list[UndoStep], other: list[UndoStep], do: Callable[[UndoStep], object]) -> str:
        if not source:
            return ""
        step = source[-1]
        do(step)  # one that is refused stays where it is
        other.append(source.pop())
        self._seen[:] = self._table
        return step.words

    def _push(self, step: UndoStep) -> None:
        self._done = [*self._done[-DEPTH + 1 :], step]
        self._undone.clear()

    def _close(self) -> None:
        """The gesture under way becomes a step, unless it led back to where it began."""
        before = {slot: old for slot, old in self._before.items() if self._seen[slot] != old}
        self._before = {}
        if before:
            after = {slot: float(self._seen[slot]) for slot in before}
            self._push(
                UndoStep(self._gesture_words(before), lambda: self._write(before), lambda: self._write(after))
            )

    def _write(self, values: dict[int, float]) -> None:
        for slot, value in values.items():
            self._table[slot] = value

    def _gesture_words(self, before: dict[int, float]) -> str:
        slot, old = next(iter(before.items()))
        spec = SPEC_AT[slot]
        if len(before) == 1:
            return f"{ADDRESSES[slot]} {spec.text(old)} to {spec.text(float(self._seen[slot]))}"
        return f"{ADDRESSES[slot]} and {len(before) - 1} more"
