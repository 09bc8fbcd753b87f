"""A prior in a graph, a frame a call; as `perform.rave.prior`.

The state is zeros before the first frame, so it holds the last choice and the waiting latents as differences
from their first values.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from perform.rave import kernels
from perform.rave.graph.builder import Graph, Name, Signal
from perform.rave.kernels import LIMIT, Array
from perform.rave.model_layers import Conv1dLayer, GatedUnitLayer, PriorLayer
from perform.rave.stored_model import Weights

#: Giles, "Approximating the erfinv function", GPU Computing Gems (2010), single precision: near the middle,
#: and beyond; both over w = -log(1 - x^2), highest power first
_MIDDLE = [2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087]
_MIDDLE += [-0.00125372503, -0.00417768164, 0.246640727, 1.50140941]
_BEYOND = [-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773]
_BEYOND += [-0.0076224613, 0.00943887047, 1.00167406, 2.83297682]
_EDGE = 1 - 1e-6  # of x, where LIMIT is passed by far


def draw(prior: PriorLayer, weights: Weights, graph: Graph, uniform: Name, temperature: Name) -> Name:
    """The next frame of latents (B, latents)."""
    latents, resolution = prior.config.latents, prior.config.resolution
    half = resolution // 2
    kept = graph.memory(latents)
    last = graph.op("Add", kept, graph.constant(float(half)))
    logits = _logits(prior, weights, graph, last)  # (B, latents, resolution)
    logits = graph.op("Softmax", graph.op("Div", logits, graph.shape(temperature, -1, 1, 1)), axis=2)
    share = graph.op("CumSum", logits, graph.constant(2))
    pick = graph.shape(graph.cut(uniform, 0, latents), -1, latents, 1)
    below = graph.op("Cast", graph.op("Less", share, pick), to=TensorProto.FLOAT)
    step = graph.op("ReduceSum", below, graph.constant([2]), keepdims=0)
    step = graph.op("Min", step, graph.constant(float(resolution - 1)))
    graph.keep(kept, graph.op("Sub", step, graph.constant(float(half))))
    return _unfolded(prior, weights, graph, _values(prior, weights, graph, step, graph.cut(uniform, latents)))


def _logits(prior: PriorLayer, weights: Weights, graph: Graph, choice: Name) -> Name:
    """The last choice (B, latents) to logits of the next."""
    latents, resolution = prior.config.latents, prior.config.resolution
    steps = graph.constant(np.arange(resolution, dtype=np.float32))
    hot = graph.op("Equal", graph.shape(choice, -1, latents, 1), steps)
    hot = graph.shape(graph.op("Cast", hot, to=TensorProto.FLOAT), -1, latents * resolution)
    x = _convolution(prior.head, weights.of("head"), graph, Signal(hot, 1, latents * resolution))
    x, skip = graph.map("LeakyRelu", x, alpha=0.2), ""
    for number, unit in enumerate(prior.units):
        assert isinstance(unit, GatedUnitLayer)
        inner = weights.of(f"units.{number}")
        gate, signal = graph.halves(_convolution(unit.dilated, inner.of("dilated"), graph, x))
        y = graph.map("Mul", graph.map("Sigmoid", gate), graph.op("Tanh", signal.name))
        x = graph.map("Add", x, _convolution(unit.onward, inner.of("onward"), graph, y).name)
        aside = _convolution(unit.aside, inner.of("aside"), graph, y).name
        skip = graph.op("Add", skip, aside) if skip else aside
    y = _convolution(prior.middle, weights.of("middle"), graph, Signal(skip, 1, prior.config.skip))
    y = _convolution(prior.tail, weights.of("tail"), graph, graph.map("LeakyRelu", y, alpha=0.2))
    logits = graph.shape(y.name, -1, latents, resolution)
    if not prior.config.pairs:
        return logits
    index = graph.op("Cast", choice, to=TensorProto.INT64)
    index = graph.op("Add", index, graph.constant(np.arange(latents) * resolution))
    pairs = graph.constant(weights["pairs"].reshape(-1, resolution))
    return graph.op("Add", logits, graph.op("Gather", pairs, index, axis=0))


def _convolution(layer: Conv1dLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    """The layer, its groups as blocks of one matrix; with one frame per call, the zeros cost nothing."""
    taps, groups, outputs = layer.kernel, layer.groups, layer.outputs
    weight = np.zeros((taps, groups, x.channels // groups, groups, outputs // groups), np.float32)
    for i, part in enumerate(np.split(weights["weight"], groups)):  # (outputs, inputs, taps) of a group
        weight[:, i, :, i] = part.transpose(2, 1, 0)
    if taps > 1:
        x = graph.windows(x, layer.memory, taps, 1, layer.dilation)
    return graph.dense(x, weight.reshape(-1, outputs), weights["bias"])


def _values(prior: PriorLayer, weights: Weights, graph: Graph, step: Name, place: Name) -> Name:
    """Steps and places within them, (B, latents) both, to latents."""
    latents, resolution = prior.config.latents, prior.config.resolution
    index = graph.op("Cast", step, to=TensorProto.INT64)
    position = graph.op("Mul", graph.op("Add", step, place), graph.constant(1 / resolution))
    quantile = _normal_quantile(graph, position)

    def ends(table: Array, index: Name) -> tuple[Name, Name]:
        """Where a step begins, and how wide it is."""
        parts = table[..., :-1].ravel(), np.diff(table).ravel()
        low, wide = (graph.op("Gather", graph.constant(part), index, axis=0) for part in parts)
        return low, wide

    low, wide = ends(kernels.normal_edges(resolution), index)
    part = graph.op("Div", graph.op("Sub", quantile, low), wide)
    row = graph.op("Add", index, graph.constant(np.arange(latents) * resolution))  # of each latent's table
    low, wide = ends(weights["edges"], row)
    return graph.op("Add", low, graph.op("Mul", wide, part))


def _normal_quantile(graph: Graph, share: Name) -> Name:
    """As `perform.rave.prior.normal_quantile`."""
    x = graph.op("Sub", graph.op("Mul", share, graph.constant(2.0)), graph.constant(1.0))
    x = graph.op("Clip", x, graph.constant(-_EDGE), graph.constant(_EDGE))
    one = graph.constant(1.0)
    w = graph.op("Neg", graph.op("Log", graph.op("Sub", one, graph.op("Mul", x, x))))
    middle = _polynomial(graph, graph.op("Sub", w, graph.constant(2.5)), _MIDDLE)
    beyond = _polynomial(graph, graph.op("Sub", graph.op("Sqrt", w), graph.constant(3.0)), _BEYOND)
    y = graph.op("Where", graph.op("Less", w, graph.constant(5.0)), middle, beyond)
    y = graph.op("Mul", graph.op("Mul", y, x), graph.constant(2**0.5))
    return graph.op("Clip", y, graph.constant(-LIMIT), graph.constant(LIMIT))


def _polynomial(graph: Graph, x: Name, factors: list[float]) -> Name:
    y = graph.constant(factors[0])
    for factor in factors[1:]:
        y = graph.op("Add", graph.op("Mul", y, x), graph.constant(factor))
    return y


def _unfolded(prior: PriorLayer, weights: Weights, graph: Graph, chosen: Name) -> Name:
    """Delay the chosen latents: latent i by as many frames as there are latents after it."""
    latents, half = prior.config.latents, prior.config.resolution // 2
    middles = weights["edges"][:, half]
    delayed = []
    for i in range(latents):
        new = graph.op("Sub", graph.cut(chosen, i, i + 1), graph.constant(middles[i : i + 1]))
        old = graph.delayed(Signal(new, 1, 1), latents - 1 - i).name
        delayed.append(graph.op("Add", old, graph.constant(middles[i : i + 1])))
    return graph.op("Concat", *delayed, axis=1)
