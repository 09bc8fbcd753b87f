"""Undo and redo. A step is a gesture of the player on some parameters, or another change that can be undone.

Gestures are found by comparing the table with its state at the last tick. Parameters that glides, loops and
songs move make no step: undoing the scene or song that began the movement brings them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from perform.core import params
from perform.core.params import ADDRESSES, SPEC_AT, Table

QUIET_S = 0.7  #: a gesture ends when no parameter has moved for this long
DEPTH = 500  #: steps that are kept

#: slots whose movement is no step: also notes, since a melody would fill the history
_IGNORED = np.array(
    [params.never_stored(a) or SPEC_AT[i].action or "/note/" in a for i, a in enumerate(ADDRESSES)],
    dtype=bool,
)


@dataclass(frozen=True, slots=True)
class UndoStep:
    """One change, as a line of text, with the functions that undo and redo it.

    merges : "", or a text: the next change with the same text joins this step
    """

    text: str
    undo: Callable[[], object]
    redo: Callable[[], object]
    merges: str = ""


class UndoHistory:
    """The steps that can be undone and redone, and the gesture that has not ended yet."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._seen = table.copy()
        self._before: dict[int, float] = {}  # slot -> value before the gesture that has not ended yet
        self._moved_at = 0.0
        self._done: list[UndoStep] = []
        self._undone: list[UndoStep] = []

    @property
    def undo_text(self) -> str:
        """The change that `undo` would take back, or ""."""
        if self._before:
            return self._gesture_text(self._before)
        return self._done[-1].text if self._done else ""

    @property
    def redo_text(self) -> str:
        """The change that `redo` would make again, or ""; a gesture ends that."""
        return self._undone[-1].text if self._undone and not self._before else ""

    def tick(self, now: float, moved_by_stage: Iterable[int]) -> None:
        """[main, about every 15 ms] Find what the player has moved; moved_by_stage: slots to leave out."""
        ignored = _IGNORED.copy()
        ignored[list(moved_by_stage)] = True
        self._seen[ignored] = self._table[ignored]
        changed = np.flatnonzero(self._table != self._seen)
        for slot in changed.tolist():
            self._before.setdefault(slot, float(self._seen[slot]))
            self._moved_at = now
        self._seen[changed] = self._table[changed]
        if self._before and now - self._moved_at > QUIET_S:
            self._close()

    def rebase(self) -> None:
        """The stage has changed the table: the present values are where the next gesture begins."""
        self._close()
        self._seen[:] = self._table

    def add(
        self, text: str, undo: Callable[[], object], redo: Callable[[], object], *, merges: str = ""
    ) -> None:
        """Add a change that is no gesture, with the functions that undo and redo it.

        merges : if the last change has the same text here, both become one step
        """
        self._close()
        if merges and self._done and self._done[-1].merges == merges:
            undo = self._done.pop().undo
        self._push(UndoStep(text, undo, redo, merges))

    def undo(self) -> str:
        """Undo the last step; returns its text, "" where there is none."""
        self._close()
        return self._step(self._done, self._undone, lambda step: step.undo())

    def redo(self) -> str:
        """Redo the step that was undone last; returns its text, "" where there is none."""
        return self._step(self._undone, self._done, lambda step: step.redo())

    def _step(self, source: list[UndoStep], other: list[UndoStep], do: Callable[[UndoStep], object]) -> str:
        if not source:
            return ""
        step = source[-1]
        do(step)  # where this raises, the step stays
        other.append(source.pop())
        self._seen[:] = self._table
        return step.text

    def _push(self, step: UndoStep) -> None:
        self._done = [*self._done[-DEPTH + 1 :], step]
        self._undone.clear()

    def _close(self) -> None:
        """End the gesture: it becomes a step, unless every parameter is back where it began."""
        before = {slot: old for slot, old in self._before.items() if self._seen[slot] != old}
        self._before = {}
        if before:
            after = {slot: float(self._seen[slot]) for slot in before}
            self._push(
                UndoStep(self._gesture_text(before), lambda: self._write(before), lambda: self._write(after))
            )

    def _write(self, values: dict[int, float]) -> None:
        for slot, value in values.items():
            self._table[slot] = value

    def _gesture_text(self, before: dict[int, float]) -> str:
        slot, old = next(iter(before.items()))
        spec = SPEC_AT[slot]
        if len(before) == 1:
            return f"{ADDRESSES[slot]} {spec.text(old)} to {spec.text(float(self._seen[slot]))}"
        return f"{ADDRESSES[slot]} and {len(before) - 1} more"
