"""A prior as a graph: what was chosen last in, the odds of what follows out. Choosing is not its business."""

from __future__ import annotations

from typing import Any

import torch

from perform.rave.graph.builder import Graph, Signal, array
from perform.rave.model import RAVE
from perform.rave.prior import GatedUnit
from perform.rave.stream import Conv1d


def prior_graph(model: RAVE) -> bytes:
    """`Prior.odds` of a frame: choices (B, latents * resolution), 1 where one is and 0 elsewhere, in.

    logits (B, latents, resolution) of what follows out. ValueError where the model has no prior.
    """
    prior = model.prior
    if prior is None:
        raise ValueError("no prior")
    config, graph = prior.config, Graph()
    size = config.latents * config.resolution
    x = _convolve(prior.head, graph, Signal(graph.input("choices", size), 1, size))
    x, skip = graph.map("LeakyRelu", x, alpha=0.2), None
    for unit in prior.units:
        assert isinstance(unit, GatedUnit)
        first, second = graph.halves(_convolve(unit.dilated, graph, x))
        gate = graph.op("Sigmoid", first.name)
        y = second._replace(name=graph.op("Mul", gate, graph.op("Tanh", second.name)))
        x = graph.map("Add", x, _convolve(unit.onward, graph, y).name)
        aside = _convolve(unit.aside, graph, y)
        skip = graph.map("Add", skip, aside.name) if skip else aside
    assert skip
    y = _convolve(prior.middle, graph, skip)
    y = _convolve(prior.tail, graph, graph.map("LeakyRelu", y, alpha=0.2))
    logits = graph.shape(y.name, -1, config.latents, config.resolution)
    graph.result("logits", logits, config.latents, config.resolution)
    return graph.serialise()


def _convolve(layer: Conv1d, graph: Graph, x: Signal) -> Signal:
    """A convolution of any number of groups, as one matrix with zeros between them."""
    block_diag: Any = torch.block_diag  # untyped in torch
    blocks = [block_diag(*tap.chunk(layer.groups)) for tap in layer.weight.unbind(-1)]
    weight = torch.stack(blocks).transpose(1, 2)  # (taps, inputs, outputs)
    if len(weight) > 1:
        x = graph.windows(x, layer.memory, len(weight), layer.stride, layer.dilation)
    return graph.dense(x, array(weight.flatten(0, 1)), array(layer.bias))
