"""Builds an ONNX graph: nodes, constants and state, channels last.

With one frame per call, a deep layer multiplies a matrix by a few rows. So a signal is kept as rows, one per
sample in time, and every convolution is one matrix product: `Gemm` with constant weights, which the runtime
packs once. Reading the weights from memory takes most of the time; the streams of a batch share it, as they
are only more rows.

The state of all layers is one tensor (B, values), a row per stream. A learnt style outlives a reset of the
stream, so it is a second tensor. A layer's part is all that it has joined in a call: old rows, then the new
ones. The next call skips the oldest of these, as one operation splits the whole state into parts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from perform.rave.kernels import Array

OPSET = 17
SHORT = 1024  #: values of a call that a layer keeps in its state although the next call skips them
LAST = np.iinfo(np.int64).max
AFTER = {"state": "after", "style": "learnt"}  #: kinds of memory: a graph's input -> its result

Name = str  # of a value in the graph


class Signal(NamedTuple):
    """A signal in the graph, (B * sounds * frames, channels): the rows of each stream in turn."""

    name: Name
    frames: int
    channels: int
    sounds: int = 1  # separate signals per stream: before the filter bank, the channels of sound


class Memory(NamedTuple):
    """A part of the state.

    after   : its value after the call
    size    : values that the graph reads
    kind    : a key of `AFTER`
    skipped : values before these, which the graph does not read
    """

    after: Name
    size: int
    kind: str
    skipped: int


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
    """A graph for any number of streams, while it is built.

    frames : latent frames per call. The state does not depend on it
    """

    def __init__(self, frames: int = 1) -> None:
        self._frames = frames
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._count = 0
        self._inputs: dict[Name, list[int]] = {}  # less the batch
        self._results: dict[Name, tuple[Name, list[int]]] = {}
        self._memory: dict[Name, Memory] = {}  # by the name of the value before the call
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
        size, fresh = frames * x.channels, x.frames // self._frames * x.channels
        if x.sounds == 1 and fresh <= SHORT:
            kept = self.memory(size, skipped=fresh)
            joined = self.op("Concat", kept, self.flat(x), axis=1)
            self.keep(kept, joined if self._frames == 1 else self.cut(joined, -size - fresh))
            return joined
        kept = self.memory(x.sounds * size)
        before = kept if x.sounds == 1 else self.shape(kept, -1, size)
        joined = self.op("Concat", before, self.flat(x), axis=1)
        after = self.cut(joined, -size)
        self.keep(kept, after if x.sounds == 1 else self.shape(after, -1, x.sounds * size))
        return joined

    def memory(self, size: int, kind: str = "state", *, skipped: int = 0) -> Name:
        """State (B, size): what the call before gave to `keep`, less the first `skipped`; zeros at first."""
        before = self._name()
        self._memory[before] = Memory(before, size, kind, skipped)
        return before

    def keep(self, memory: Name, value: Name) -> None:
        """Make `value` (B, skipped + size) the state `memory` of the next call."""
        self._memory[memory] = self._memory[memory]._replace(after=value)

    def windows(self, x: Signal, memory: int, taps: int, stride: int = 1, dilation: int = 1) -> Signal:
        """Row t is the rows t * stride + i * dilation (i = 0 .. taps - 1) of `memory` old ones and x."""
        return self.windows_of(self.past(x, memory), x, memory, taps, stride, dilation)

    def windows_of(
        self, joined: Name, x: Signal, memory: int, taps: int, stride: int = 1, dilation: int = 1
    ) -> Signal:
        """`windows`, of what `past` has returned for x and `memory`."""
        rows = x.frames // stride
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
            kept = {before: memory for before, memory in self._memory.items() if memory.kind == kind}
            if kept:
                parts: list[tuple[Name, int]] = []  # of the state, and the values of each
                for before, memory in kept.items():
                    parts += [(self._name(), memory.skipped)] if memory.skipped else []
                    parts.append((before, memory.size))
                names, sizes = zip(*parts, strict=True)
                after = self.op("Concat", *(memory.after for memory in kept.values()), axis=1)
                self.result(result, after, sum(sizes))
                self.input(kind, sum(sizes))
                nodes = [
                    helper.make_node("Split", [kind, self.constant(list(sizes))], list(names), axis=1),
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
