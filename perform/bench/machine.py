"""Roofline of this machine: the least time that a graph can take on one core.

A layer takes the time of reading its weights or of its arithmetic, whichever is longer (Williams, Waterman &
Patterson, "Roofline", CACM 52(4), 2009). The layers of a frame run one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper

from perform.bench.timing import Timed, Times, timed

SQUARE = 768  #: rows and columns of the matrices whose product is timed


@dataclass(frozen=True)
class Roofline:
    """Measured limits of one core: bytes and FLOP per second."""

    bytes_s: float
    flop_s: float

    def seconds(self, graph: bytes) -> float:
        """Return the least time of one call of a graph for one stream."""
        return sum(max(4 * weights / self.bytes_s, 2 * work / self.flop_s) for weights, work in layers(graph))


class Machine:
    """One thread of this machine, timed in turn with a model whose weights have this many bytes.

    timed_calls : several ways to read as many bytes, then several ways to multiply two matrices
    """

    def __init__(self, weights: int) -> None:
        values = torch.ones(max(weights // 4, 1 << 16))
        self._bytes = 4 * len(values)
        square = np.ones((SQUARE, SQUARE), np.float32)
        session, tensor = _product(square), torch.from_numpy(square)
        reads: list[Callable[[], object]] = [values.sum, values.max, lambda: torch.dot(values, values)]
        products: list[Callable[[], object]] = [
            lambda: tensor @ tensor,
            lambda: session.run(None, {"x": square}),
        ]
        self._reads = len(reads)
        self.timed_calls: list[Timed] = [timed(call) for call in (*reads, *products)]

    def roofline(self, times: Sequence[Times]) -> Roofline:
        """Return the limits by the fastest read and the fastest product among `timed_calls`."""
        best = [min(t.median for t in part) / 1000 for part in (times[: self._reads], times[self._reads :])]
        return Roofline(self._bytes / best[0], 2 * SQUARE**3 / best[1])


def size(graph: bytes) -> int:
    """Return the size of a graph's weights in bytes."""
    return sum(4 * weights for weights, _ in layers(graph))


def layers(graph: bytes) -> list[tuple[int, int]]:
    """Return the number of weights and of multiply-adds of each matrix product of a graph, for one stream."""
    model = onnx.load_from_string(graph)
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    constants = {constant.name: list(constant.dims) for constant in model.graph.initializer}
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.value_info
    }
    found = []
    for node in model.graph.node:
        if node.op_type in ("Gemm", "MatMul") and node.input[1] in constants:
            weights = int(np.prod(constants[node.input[1]]))
            rows = int(np.prod(shapes[node.output[0]][:-1]))
            found.append((weights, weights * rows))
    return found


def _product(weight: np.ndarray) -> ort.InferenceSession:
    """Return a session that multiplies by `weight`."""
    n = len(weight)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [n, n]) for name in "xy")
    node = helper.make_node("Gemm", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "product", [x], [y], [numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
