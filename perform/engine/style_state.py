"""The AdaIN style of one stream: statistics of a source sound and of a target sound, learnt while it plays.

Names and behaviour are RAVE's. While a stream learns a target, it plays without a style. The statistics of
each side are running means over the frames that it was learnt from.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import numpy as np

from perform.core.attributes import Attribute
from perform.core.errors import PerformError, WrongUse
from perform.engine.protocol import BufferSound, Setting, Vector

SIDES = ("source", "target")
SWITCHES = [Attribute(f"learn_{side}", "bool", 0.0) for side in ("target", "source")]  #: in RAVE's order
ACTIONS = ["reset_target", "reset_source"]


class StyleState:
    """[render] The style of one stream.

    values     : as in the learning graph's input `style` (perform/rave/graph/style_graph.py)
    learning   : (source, target), 0 or 1
    is_default : whether the model's default style is in use and nothing is being learnt
    """

    def __init__(self, metadata: Mapping[str, str]) -> None:
        """metadata : of the learning graph."""
        self.values: Vector = np.frombuffer(base64.b64decode(metadata["style"]), "<f4").astype(np.float32)
        self.learning: Vector = np.zeros(2, np.float32)
        self._default, self._empty = self.values.copy(), np.zeros_like(self.values)
        self._side = np.full(len(self.values), 1, np.int8)  # of each value, an index into SIDES
        self._side[0] = 0
        at = 2
        for channels in json.loads(metadata["channels"]):
            layer = np.arange(4 * channels) // channels  # mean and deviation of the source, of the target
            self._empty[at : at + len(layer)] = layer % 2
            self._side[at : at + len(layer)] = layer // 2
            at += len(layer)
        self._update()

    def set(self, name: str, value: Setting) -> None:
        """Turn learning on or off. WrongUse: no such switch, or no number."""
        if isinstance(value, (str, BufferSound)):
            raise WrongUse(f"{str(value)[:80]!r} is not a number")
        self.learning[self._side_of(name, "learn_")] = float((value or 0.0) >= 0.5)
        self._update()

    def act(self, name: str) -> None:
        """Forget one side. WrongUse: no such action."""
        side = self._side == self._side_of(name, "reset_")
        self.values[side] = self._empty[side]
        self._update()

    def repair(self) -> None:
        """Return to the model's style if NaN or infinity was learnt."""
        if not np.isfinite(self.values).all():
            self.values[:] = self._default
            self._update()

    @property
    def saved(self) -> bytes:
        """The values for `restore`; empty where they are the model's default."""
        same = np.array_equal(self.values, self._default)
        return b"" if same else self.values.astype("<f4").tobytes()

    def restore(self, saved: bytes) -> None:
        """Restore `saved` values. PerformError: they are another model's."""
        if saved and len(saved) != 4 * len(self.values):
            raise PerformError("this style belongs to another model")
        self.values[:] = np.frombuffer(saved, "<f4") if saved else self._default
        self.repair()
        self._update()

    def _update(self) -> None:
        same = np.array_equal(self.values, self._default)
        works = self.values[:2].all() or self._default[:2].all()  # both sides learnt, here or in the model
        self.is_default = not self.learning.any() and bool(same or not works)

    @staticmethod
    def _side_of(name: str, verb: str) -> int:
        side = name.removeprefix(verb)
        if name == side or side not in SIDES:
            raise WrongUse(f"the model has no {name!r}", hint="it learns and resets source and target")
        return SIDES.index(side)
