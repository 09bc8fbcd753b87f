"""Builds an ONNX graph: nodes, constants and state, channels last.

With one frame per call, a deep layer multiplies a matrix by a few rows. So a signal is kept as rows, one per
sample in time, and every convolution is one matrix product: `Gemm` with constant weights, which the runtime
packs once. Reading the weights from memory takes most of the time; the streams of a batch share it, as they
are only more rows.

The state of all layers is one tensor (B, values), a row per stream. A learnt style outlives a reset of the
stream, so it is a second tensor.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from perform.rave.kernels import Array

OPSET = 17
LAST = np.iinfo(np.int64).max
AFTER = {"state": "after", "style": "learnt"}  #: kinds of memory: a graph's input -> its result

Name = str  # of a value in the graph


class Signal(NamedTuple):
    """A signal in the graph, (B * sounds * frames, channels): the rows of each stream in turn."""

    name: Name
    frames: int
    channels: int
    sounds: int = 1  # separate signals per stream: before the filter bank, the channels of sound


class Learning(NamedTuple):
    """Values that the layers of a graph that learns a style share, each (B, ...).

    due     : whether each side is learnt from this call, (B, 2, 1, 1)
    calls   : number of calls that each side was learnt from, this one included, (B, 2, 1, 1)
    changes : whether both sides are known, so that the sound changes, (B, 1, 1)
    """

    due: Name
    calls: Name
    changes: Name


class Graph:
    """A graph for any number of streams, while it is built."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._count = 0
        self._inputs: dict[Name, list[int]] = {}  # less the batch
        self._results: dict[Name, tuple[Name, list[int]]] = {}
        self._memory: dict[Name, tuple[Name, int, str]] = {}  # before -> after, values and kind of each
        self.learns: Learning | None = None
        self.metadata: dict[str, str] = {}  #: metadata for the program that runs the graph

    def input(self, name: Name, *shape: int) -> Name:
        """An input (B, *shape)."""
        self._inputs[name] = list(shape)
        return name

    def result(self, name: Name, value: Name, *shape: int) -> None:
        """An output (B, *shape)."""
        self._results[name] = value, list(shape)

    def constant(self, value: NDArray[Any] | list[int] | float) -> Name:
        """A tensor that is part of the graph."""
        values = np.asarray(np.float32(value) if isinstance(value, float) else value)
        self._constants.append(numpy_helper.from_array(np.array(values, order="C"), self._name()))
        return str(self._constants[-1].name)

    def op(self, kind: str, *inputs: Name, **attributes: Any) -> Name:
        """A node with one output."""
        self._nodes.append(helper.make_node(kind, list(inputs), [self._name()], **attributes))
        return str(self._nodes[-1].output[0])

    def map(self, kind: str, x: Signal, *others: Name, **attributes: Any) -> Signal:
        """An operation that keeps a signal's shape."""
        return x._replace(name=self.op(kind, x.name, *others, **attributes))

    def cut(self, x: Name, start: int, end: int = LAST, axis: int = 1) -> Name:
        """Part of a value."""
        return self.op("Slice", x, *(self.constant([i]) for i in (start, end, axis)))

    def shape(self, x: Name, *shape: int) -> Name:
        """The same values in another shape, -1 for the length that follows from the rest."""
        return self.op("Reshape", x, self.constant(list(shape)))

    def flat(self, x: Signal) -> Name:
        """A row a sound: (B * sounds, frames * channels)."""
        return x.name if x.frames == 1 else self.shape(x.name, -1, x.frames * x.channels)

    def regroup(self, x: Signal, frames: int) -> Signal:
        """The same samples in fewer or more rows: channels last, that is another name for the same memory."""
        if frames == x.frames:
            return x
        channels = x.frames * x.channels // frames
        return Signal(self.shape(x.name, -1, channels), frames, channels, x.sounds)

    def halves(self, x: Signal) -> tuple[Signal, Signal]:
        """The first half of the channels and the second."""
        half = x.channels // 2
        first, second = (self.cut(x.name, start, start + half) for start in (0, half))
        return x._replace(name=first, channels=half), x._replace(name=second, channels=half)

    def dense(self, x: Signal, weight: Array, bias: Array | None = None) -> Signal:
        """Each row times a matrix: weight (channels, outputs), bias (outputs,)."""
        constants = [self.constant(value) for value in (weight, bias) if value is not None]
        return x._replace(name=self.op("Gemm", x.name, *constants), channels=weight.shape[1])

    def past(self, x: Signal, frames: int) -> Name:
        """The last `frames` rows of the calls before, then x: (B * sounds, their rows * channels)."""
        if not frames:
            return self.flat(x)
        size = frames * x.channels
        kept = self.memory(x.sounds * size)
        before = kept if x.sounds == 1 else self.shape(kept, -1, size)
        joined = self.op("Concat", before, self.flat(x), axis=1)
        after = self.cut(joined, -size)
        self.keep(kept, after if x.sounds == 1 else self.shape(after, -1, x.sounds * size))
        return joined

    def memory(self, size: int, kind: str = "state") -> Name:
        """State (B, size): the value of `keep` in the call before, zeros in the first."""
        before = self._name()
        self._memory[before] = before, size, kind
        return before

    def keep(self, memory: Name, value: Name) -> None:
        """Make `value` (B, its size) the state `memory` of the next call."""
        self._memory[memory] = value, *self._memory[memory][1:]

    def windows(self, x: Signal, memory: int, taps: int, stride: int = 1, dilation: int = 1) -> Signal:
        """Row t is the rows t * stride + i * dilation (i = 0 .. taps - 1) of `memory` old ones and x."""
        joined, rows = self.past(x, memory), x.frames // stride
        wide = taps * x.channels
        at = np.arange(rows)[:, None] * stride + np.arange(taps) * dilation  # (rows, taps)
        if not np.array_equal(at.ravel(), np.arange(memory + x.frames)):  # else they are in place
            joined = self.shape(joined, -1, memory + x.frames, x.channels)
            joined = self.op("Gather", joined, self.constant(at.ravel()), axis=1)
        return Signal(self.shape(joined, -1, wide), rows, wide, x.sounds)

    def delayed(self, x: Signal, frames: int) -> Signal:
        """A signal delayed by `frames` rows."""
        if not frames:
            return x
        joined = self.cut(self.past(x, frames), 0, x.frames * x.channels)
        return x._replace(name=self.shape(joined, -1, x.channels))

    def serialise(self) -> bytes:
        """The finished graph as bytes, checked; each kind of state (B, values) is an input and a result."""
        nodes = list(self._nodes)
        for kind, result in AFTER.items():
            kept = {before: what[:2] for before, what in self._memory.items() if what[2] == kind}
            if kept:
                after, each = zip(*kept.values(), strict=True)
                self.result(result, self.op("Concat", *after, axis=1), sum(each))
                self.input(kind, sum(each))
                nodes = [
                    helper.make_node("Split", [kind, self.constant(list(each))], list(kept), axis=1),
                    *nodes,
                ]
                nodes.append(self._nodes[-1])
        nodes += [helper.make_node("Identity", [value], [name]) for name, (value, _) in self._results.items()]
        outputs = {name: shape for name, (_, shape) in self._results.items()}
        proto = helper.make_graph(nodes, "method", _infos(self._inputs), _infos(outputs), self._constants)
        whole = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        helper.set_model_props(whole, self.metadata)
        serialised: bytes = whole.SerializeToString()
        onnx.checker.check_model(serialised)
        return serialised

    def _name(self) -> Name:
        self._count += 1
        return f"v{self._count}"


def _infos(shapes: dict[Name, list[int]]) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", *shape])
        for name, shape in shapes.items()
    ]
