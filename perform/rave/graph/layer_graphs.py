"""Adds layers to a graph: one function per class of layer."""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np

from perform.rave import kernels
from perform.rave.graph.builder import Graph, Signal
from perform.rave.graph.style_graph import restyle
from perform.rave.kernels import Array
from perform.rave.model_layers import (
    AdaINLayer,
    ChainLayer,
    Conv1dLayer,
    ConvTranspose1dLayer,
    DelayLayer,
    Layer,
    LeakyReLULayer,
    ResidualLayer,
    ResidualUnitLayer,
    SnakeLayer,
    SpectrumLayer,
    UnknownLayer,
)
from perform.rave.stored_model import Weights


@singledispatch
def emit(layer: Layer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    """Add a layer to the graph and return its output."""
    raise UnknownLayer(layer, "the graph")


@emit.register
def _(layer: ChainLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    for name, part in layer.parts.items():
        x = emit(part, weights.of(name), graph, x)
    return x


@emit.register
def _(layer: LeakyReLULayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    return graph.map("LeakyRelu", x, alpha=0.2)


@emit.register
def _(layer: SnakeLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    alpha = weights["alpha"][:, 0]
    wave = graph.op("Sin", graph.op("Mul", x.name, graph.constant(alpha)))
    height = graph.constant(1 / (alpha + 1e-9))
    return graph.map("Add", x, graph.op("Mul", graph.op("Mul", wave, wave), height))


@emit.register
def _(layer: AdaINLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    if graph.learns:
        return restyle(graph.learns, graph, x)
    if not weights["heard"].all():  # without both statistics it does nothing
        return x
    (mean, deviation), (wanted_mean, wanted) = weights["known"]
    scale = wanted / (deviation + 1e-5)
    x = graph.map("Mul", x, graph.constant(scale))
    return graph.map("Add", x, graph.constant(wanted_mean - mean * scale))


@emit.register
def _(layer: DelayLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    return graph.delayed(x, layer.samples)


@emit.register
def _(layer: Conv1dLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    weight, bias = _by_taps(weights), weights["bias"]
    if layer.groups == 1:
        return _convolution(layer, graph, x, weight, bias)
    if layer.groups != 2:
        raise UnknownLayer(layer, f"the graph of {layer.groups} groups")
    halves = zip(graph.halves(x), np.split(weight, 2, axis=2), np.split(bias, 2), strict=True)
    parts = [_convolution(layer, graph, part, *values) for part, *values in halves]
    joined = graph.op("Concat", *(part.name for part in parts), axis=1)
    return parts[0]._replace(name=joined, channels=layer.outputs)


def _convolution(layer: Conv1dLayer, graph: Graph, x: Signal, weight: Array, bias: Array) -> Signal:
    """The layer, or a group of it: weight (taps, inputs, outputs)."""
    if layer.kernel > 1:
        x = graph.windows(x, layer.memory, layer.kernel, layer.stride, layer.dilation)
    return _product(graph, x, weight, bias)


def _by_taps(weights: Weights) -> Array:
    """A convolution's weight (outputs, inputs, taps) as (taps, inputs, outputs)."""
    return weights["weight"].transpose(2, 1, 0)


def _product(graph: Graph, windows: Signal, weight: Array, bias: Array) -> Signal:
    """The windows of a convolution times its weight (taps, inputs, outputs)."""
    return graph.dense(windows, weight.reshape(-1, weight.shape[2]), bias)


@emit.register
def _(layer: ConvTranspose1dLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    """As a convolution over the newest two rows: y(t) = first half x(t) + second half x(t - 1)."""
    halves = weights["weight"].reshape(layer.inputs, layer.outputs, 2, layer.ratio).transpose(2, 0, 3, 1)
    new, old = halves.reshape(2, layer.inputs, -1)  # each (inputs, ratio * outputs)
    weight, bias = np.concatenate([old, new]), np.tile(weights["bias"], layer.ratio)
    y = graph.dense(graph.windows(x, 1, 2), weight, bias)
    return graph.regroup(y, x.frames * layer.ratio)


@emit.register
def _(layer: ResidualUnitLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    dilated, delay = layer.dilated, layer.dilated.delay
    if delay:  # both ways remember x: once is enough
        joined = graph.past(x, dilated.memory)
        active = graph.op("LeakyRelu", joined, alpha=0.2)
        windows = graph.windows_of(active, x, dilated.memory, dilated.kernel, 1, dilated.dilation)
        y = _product(graph, windows, _by_taps(weights.of("dilated")), weights.of("dilated")["bias"])
        begin = (dilated.memory - delay) * x.channels
        late = graph.cut(joined, begin, begin + x.frames * x.channels)
        x = x._replace(name=graph.shape(late, -1, x.channels))
    else:
        y = emit(dilated, weights.of("dilated"), graph, graph.map("LeakyRelu", x, alpha=0.2))
    y = emit(layer.pointwise, weights.of("pointwise"), graph, graph.map("LeakyRelu", y, alpha=0.2))
    return graph.map("Add", x, y.name)


@emit.register
def _(layer: ResidualLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    y = emit(layer.body, weights.of("body"), graph, x)
    return graph.map("Add", emit(layer.straight, weights, graph, x), y.name)


@emit.register
def _(layer: SpectrumLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    """A matrix product a band: the rows of a window are turned so that time is last."""
    frames = graph.regroup(x, x.frames // layer.hop)
    levels = []
    for hops in (4, 1):
        kernel = kernels.fourier(hops * layer.hop)
        window = graph.windows(frames, hops - 1, hops)
        y = graph.shape(window.name, -1, hops * layer.hop, layer.bands)
        y = graph.op("Transpose", y, perm=[0, 2, 1])  # (rows, time, bands) -> (rows, bands, time)
        y = graph.op("MatMul", y, graph.constant(kernel[:, 0].T))  # (rows, bands, 2 x bins)
        y = graph.op("Mul", y, y)
        bins = kernel.shape[0] // 2
        y = graph.op("Add", graph.cut(y, 0, bins, axis=2), graph.cut(y, bins, axis=2))
        y = graph.op("Log", graph.op("Add", y, graph.constant(1e-8)))
        y = graph.op("Mul", y, graph.constant(1 / (4 * math.log(10))))
        levels.append(graph.shape(graph.op("Add", y, graph.constant(1.0)), -1, layer.bands * bins))
    return Signal(graph.op("Concat", *levels, axis=1), frames.frames, layer.features)
