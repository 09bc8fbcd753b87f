"""Adds layers to a graph: one function per class of layer."""

from __future__ import annotations

import math
from functools import singledispatch

import torch
from torch import nn

from perform.rave.blocks import AdaIN, Delay, Residual, Snake
from perform.rave.encoder import Spectrum
from perform.rave.graph.builder import Graph, Signal, array
from perform.rave.graph.style_graph import restyle
from perform.rave.stream import Chain, Conv1d, ConvTranspose1d, LeakyReLU, ResidualUnit, UnknownLayer


@singledispatch
def emit(layer: nn.Module, graph: Graph, x: Signal) -> Signal:
    """Add a layer to the graph and return its output."""
    raise UnknownLayer(layer, "the graph")


@emit.register
def _(layer: Chain, graph: Graph, x: Signal) -> Signal:
    for part in layer:
        x = emit(part, graph, x)
    return x


@emit.register
def _(layer: LeakyReLU, graph: Graph, x: Signal) -> Signal:
    return graph.map("LeakyRelu", x, alpha=0.2)


@emit.register
def _(layer: Snake, graph: Graph, x: Signal) -> Signal:
    wave = graph.op("Sin", graph.op("Mul", x.name, graph.constant(layer.alpha[:, 0])))
    height = graph.constant(1 / (layer.alpha[:, 0] + 1e-9))
    return graph.map("Add", x, graph.op("Mul", graph.op("Mul", wave, wave), height))


@emit.register
def _(layer: AdaIN, graph: Graph, x: Signal) -> Signal:
    if graph.learns:
        return restyle(layer, graph.learns, graph, x)
    if not layer.heard.all():  # without both statistics it does nothing
        return x
    scale, shift = layer.style
    x = graph.map("Mul", x, graph.constant(scale[:, 0]))
    return graph.map("Add", x, graph.constant(shift[:, 0]))


@emit.register
def _(layer: Delay, graph: Graph, x: Signal) -> Signal:
    return graph.delayed(x, layer.samples)


@emit.register
def _(layer: Conv1d, graph: Graph, x: Signal) -> Signal:
    weight = layer.weight.permute(2, 1, 0)  # (outputs, inputs, taps) -> (taps, inputs, outputs)
    if layer.groups == 1:
        return _convolution(layer, graph, x, weight, layer.bias)
    if layer.groups != 2:
        raise UnknownLayer(layer, f"the graph of {layer.groups} groups")
    parts = [
        _convolution(layer, graph, part, *values)
        for part, *values in zip(graph.halves(x), weight.chunk(2, 2), layer.bias.chunk(2), strict=True)
    ]
    joined = graph.op("Concat", *(part.name for part in parts), axis=1)
    return parts[0]._replace(name=joined, channels=len(layer.bias))


def _convolution(layer: Conv1d, graph: Graph, x: Signal, weight: torch.Tensor, bias: torch.Tensor) -> Signal:
    """The layer, or a group of it: weight (taps, inputs, outputs)."""
    if len(weight) > 1:
        x = graph.windows(x, layer.memory, len(weight), layer.stride, layer.dilation)
    return graph.dense(x, array(weight.flatten(0, 1)), array(bias))


@emit.register
def _(layer: ConvTranspose1d, graph: Graph, x: Signal) -> Signal:
    """As a convolution over the newest two rows: y(t) = first half x(t) + second half x(t - 1)."""
    inputs, outputs, _ = layer.weight.shape
    halves = layer.weight.reshape(inputs, outputs, 2, layer.ratio).permute(2, 0, 3, 1)
    new, old = halves.flatten(2)  # each (inputs, ratio * outputs)
    weight, bias = torch.cat([old, new]), layer.bias.repeat(layer.ratio)
    y = graph.dense(graph.windows(x, 1, 2), array(weight), array(bias))
    return graph.regroup(y, x.frames * layer.ratio)


@emit.register
def _(layer: ResidualUnit, graph: Graph, x: Signal) -> Signal:
    y = emit(layer.dilated, graph, graph.map("LeakyRelu", x, alpha=0.2))
    y = emit(layer.pointwise, graph, graph.map("LeakyRelu", y, alpha=0.2))
    return graph.map("Add", graph.delayed(x, layer.delay), y.name)


@emit.register
def _(layer: Residual, graph: Graph, x: Signal) -> Signal:
    y = emit(layer.body, graph, x)
    return graph.map("Add", emit(layer.straight, graph, x), y.name)


@emit.register
def _(layer: Spectrum, graph: Graph, x: Signal) -> Signal:
    """A matrix product a band: the rows of a window are turned so that time is last."""
    frames = graph.regroup(x, x.frames // layer.hop)
    levels = []
    for kernel, hops in ((layer.long, 4), (layer.short, 1)):
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
