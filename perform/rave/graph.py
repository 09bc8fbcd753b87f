"""A model's decoder as an ONNX graph: latents and states in, samples and states out.

What a player runs many times a second is better compiled once. The graph says exactly what the
modules say, for a fixed number of frames and one stream; who runs it keeps the states.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from perform.rave.model import RAVE
from perform.rave.pqmf import PQMF
from perform.rave.stream import Chain, Conv1d, ConvTranspose1d, LeakyReLU, ResidualUnit, Streaming

OPSET = 17

Name = str  # of a value in the graph


class Graph:
    """Nodes and constants as they are emitted."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._count = 0

    def name(self) -> Name:
        """A new one."""
        self._count += 1
        return f"v{self._count}"

    def constant(self, value: Tensor | NDArray[np.generic] | list[int]) -> Name:
        """A tensor that is part of the graph."""
        array = value.detach().contiguous().numpy() if isinstance(value, Tensor) else np.asarray(value)
        self.constants.append(numpy_helper.from_array(array, self.name()))
        return self.constants[-1].name

    def op(self, kind: str, *inputs: Name, **attributes: Any) -> Name:
        """A node with one output."""
        self.nodes.append(helper.make_node(kind, list(inputs), [self.name()], **attributes))
        return str(self.nodes[-1].output[0])

    def join(self, *parts: Name, axis: int = 2) -> Name:
        """Concatenation, in time if nothing else is said."""
        return self.op("Concat", *parts, axis=axis)

    def cut(self, x: Name, start: int, end: int = np.iinfo(np.int64).max) -> Name:
        """Part of a value in time."""
        return self.op("Slice", x, *(self.constant([i]) for i in (start, end, 2)))


def decoder_graph(model: RAVE, frames: int = 1) -> bytes:
    """The serialised graph of `RAVE.decode` for `frames` frames of one stream.

    Inputs z (1, latents, frames), noise (1, full_latents - latents, frames) unless that is none,
    state0, state1 ...; outputs y (1, 1, frames * ratio), after0, after1 ..., each shaped as its state.
    """
    graph, states = Graph(), model.decoder_state(1)
    names = [f"state{i}" for i in range(len(states))]
    full, n = model.config.full_latents, frames * model.ratio
    x = graph.join("z", "noise", axis=1) if full > model.latents else "z"
    x = graph.op("Conv", x, graph.constant(model.latent_pca.T[:, :, None]), graph.constant(model.latent_mean))
    x, after = emit(model.decoder.net, graph, x, names[:-1])
    wave, amplitude = (
        graph.op("Slice", x, *(graph.constant([i]) for i in (start, start + model.config.bands, 1)))
        for start in (0, model.config.bands)
    )
    bands = graph.op("Tanh", graph.op("Mul", wave, graph.op("Sigmoid", amplitude)))
    y, synthesis = _synthesise(model.pqmf, graph, bands, names[-1], n)
    results = {"y": (y, [1, 1, n])}
    results |= {
        f"after{i}": (a, list(s.shape))
        for i, (a, s) in enumerate(zip([*after, synthesis], states, strict=True))
    }
    nodes = [helper.make_node("Identity", [value], [name]) for name, (value, _) in results.items()]
    inputs = {"z": [1, model.latents, frames]}
    if full > model.latents:
        inputs["noise"] = [1, full - model.latents, frames]
    inputs |= {name: list(state.shape) for name, state in zip(names, states, strict=True)}
    proto = helper.make_graph(
        graph.nodes + nodes,
        "decoder",
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, shape) for k, shape in inputs.items()],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, shape) for k, (_, shape) in results.items()],
        graph.constants,
    )
    whole = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(whole)
    serialised: bytes = whole.SerializeToString()
    return serialised


@singledispatch
def emit(layer: Streaming, graph: Graph, x: Name, states: list[Name]) -> tuple[Name, list[Name]]:
    """Emit a layer: its input and states to its output and the states after it."""
    raise TypeError(f"no graph for {type(layer).__name__}")


@emit.register
def _(layer: Chain, graph: Graph, x: Name, states: list[Name]) -> tuple[Name, list[Name]]:
    after: list[Name] = []
    for part in layer:
        x, new = emit(part, graph, x, states[len(after) : len(after) + part.states])
        after += new
    return x, after


@emit.register
def _(layer: LeakyReLU, graph: Graph, x: Name, states: list[Name]) -> tuple[Name, list[Name]]:
    return graph.op("LeakyRelu", x, alpha=0.2), []


@emit.register
def _(layer: Conv1d, graph: Graph, x: Name, states: list[Name]) -> tuple[Name, list[Name]]:
    after = []
    if states:
        x = graph.join(states[0], x)
        after = [graph.cut(x, -layer.memory)]
    weight, bias = graph.constant(layer.weight), graph.constant(layer.bias)
    return graph.op("Conv", x, weight, bias, strides=[layer.stride], dilations=[layer.dilation]), after


@emit.register
def _(layer: ConvTranspose1d, graph: Graph, x: Name, states: list[Name]) -> tuple[Name, list[Name]]:
    y = graph.op("ConvTranspose", x, graph.constant(layer.weight), strides=[layer.ratio])
    head = graph.op("Add", graph.cut(y, 0, layer.ratio), states[0])
    y = graph.join(head, graph.cut(y, layer.ratio))  # (1, outputs, (frames + 1) * ratio)
    heard = graph.op("Add", graph.cut(y, 0, -layer.ratio), graph.constant(layer.bias[:, None]))
    return heard, [graph.cut(y, -layer.ratio)]


@emit.register
def _(layer: ResidualUnit, graph: Graph, x: Name, states: list[Name]) -> tuple[Name, list[Name]]:
    y, after = emit(layer.dilated, graph, graph.op("LeakyRelu", x, alpha=0.2), states)
    y, _ = emit(layer.pointwise, graph, graph.op("LeakyRelu", y, alpha=0.2), [])
    return graph.op("Add", x, y), after


def _synthesise(pqmf: PQMF, graph: Graph, bands: Name, state: Name, n: int) -> tuple[Name, Name]:
    """Bands (1, bands, n / bands) to samples (1, 1, n), as `PQMF.synthesise`."""
    turn = pqmf.turn.repeat(1, n // pqmf.block)  # (bands, n / bands)
    y = graph.join(state, graph.op("Mul", bands, graph.constant(turn)))
    x = graph.op("Transpose", graph.op("Conv", y, graph.constant(pqmf.synthesis_kernel)), perm=[0, 2, 1])
    return graph.op("Reshape", x, graph.constant([1, 1, n])), graph.cut(
        y, 1 - pqmf.synthesis_kernel.shape[-1]
    )
