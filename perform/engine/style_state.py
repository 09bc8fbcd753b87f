"""What a stream of ours knows of a style: AdaIN's statistics of a source and of a target, as it learns them.

The names are upstream's, and what they do: while it learns a target a stream sounds as if it knew none; what
it learns of both is the running mean over the frames it learns from.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import numpy as np

from perform.core.attributes import Attribute
from perform.core.errors import PerformError, WrongUse
from perform.engine.protocol import Vector

SIDES = ("source", "target")
SWITCHES = [Attribute(f"learn_{side}", "bool", 0.0) for side in ("target", "source")]  #: in upstream's order
ACTIONS = ["reset_target", "reset_source"]


class StyleState:
    """[render] One stream's.

    known    : as the graph that learns has it (perform/rave/graph/style_graph.py)
    learning : of the source, of the target: 0 or 1
    plain    : it sounds as its model does without learning anything, and stays so
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        """words : the graph's."""
        self.known: Vector = np.frombuffer(base64.b64decode(words["style"]), "<f4").astype(np.float32)
        self.learning: Vector = np.zeros(2, np.float32)
        self._own, self._blank = self.known.copy(), np.zeros_like(self.known)
        self._side = np.full(len(self.known), 1, np.int8)  # of each value
        self._side[0] = 0
        at = 2
        for channels in json.loads(words["channels"]):
            layer = np.arange(4 * channels) // channels  # mean and deviation of the source, of the target
            self._blank[at : at + len(layer)] = layer % 2
            self._side[at : at + len(layer)] = layer // 2
            at += len(layer)
        self._settle()

    def set(self, name: str, value: float | None) -> None:
        """Learn, or no more; WrongUse where there is no such switch."""
        self.learning[self._named(name, "learn_")] = float((value or 0.0) >= 0.5)
        self._settle()

    def act(self, name: str) -> None:
        """Forget a side; WrongUse where there is no such action."""
        side = self._side == self._named(name, "reset_")
        self.known[side] = self._blank[side]
        self._settle()

    def mend(self) -> None:
        """Where it has learnt what is no number, it knows what its model does."""
        if not np.isfinite(self.known).all():
            self.known[:] = self._own
            self._settle()

    @property
    def learnt(self) -> bytes:
        """What it knows, for `adopt`; empty where that is what its model does."""
        return b"" if np.array_equal(self.known, self._own) else self.known.astype("<f4").tobytes()

    def adopt(self, learnt: bytes) -> None:
        """Know what another one of this model did; PerformError where it is of another."""
        if learnt and len(learnt) != 4 * len(self.known):
            raise PerformError("a style that is another model's")
        self.known[:] = np.frombuffer(learnt, "<f4") if learnt else self._own
        self.mend()
        self._settle()

    def _settle(self) -> None:
        same = np.array_equal(self.known, self._own)
        works = self.known[:2].all() or self._own[:2].all()  # both sides are known, here or there
        self.plain = not self.learning.any() and bool(same or not works)

    @staticmethod
    def _named(name: str, verb: str) -> int:
        side = name.removeprefix(verb)
        if name == side or side not in SIDES:
            raise WrongUse(f"the model has no {name!r}", hint="it learns and resets source and target")
        return SIDES.index(side)
