"""AdaIN in a graph that learns, for any number of streams, each with a separate style (see `blocks.AdaIN`).

The statistics are state of the kind `style`: the number of calls that each side was learnt from, then for
each layer mean and deviation of the source and of the target. The input `learning` (B, 2), 0 or 1, selects
the sides that a call learns. While a target is learnt it passes unchanged, and the source is not learnt.

The graph's metadata hold `channels` of each layer, and `style`, the first statistics: base64 of float32.
"""

from __future__ import annotations

import base64
import json

import numpy as np
from onnx import TensorProto

from perform.core.errors import WrongUse
from perform.rave.graph.builder import Graph, Learning, Signal
from perform.rave.kernels import Array
from perform.rave.model_layers import AdaINLayer, Layer, walk
from perform.rave.stored_model import Weights


def begin(layer: Layer, weights: Weights, graph: Graph) -> None:
    """Let the AdaIN layers of the graph learn; WrongUse if there are none."""
    found = [weights.of(path[:-1]) for path, part in walk(layer) if isinstance(part, AdaINLayer)]
    if not found:
        raise WrongUse("this model learns no styles", hint="only models with AdaIN do: v3")
    known: list[Array] = [found[0]["heard"], *(style["known"].ravel() for style in found)]
    graph.metadata["style"] = base64.b64encode(np.concatenate(known).astype("<f4").tobytes()).decode()
    graph.metadata["channels"] = json.dumps([style["known"].shape[2] for style in found])
    target = graph.cut(graph.input("learning", 2), 1)
    calls, active = graph.memory(2, "style"), graph.op("Sub", graph.constant(1.0), target)
    source = graph.op("Mul", graph.cut("learning", 0, 1), active)
    due = graph.op("Concat", source, target, axis=1)
    counted = graph.op("Add", calls, due)
    graph.keep(calls, counted)
    both = graph.op("ReduceMin", counted, axes=[1], keepdims=1)
    changes = graph.op("Greater", graph.op("Mul", both, active), graph.constant(0.0))
    least = graph.op("Max", counted, graph.constant(1.0))
    graph.learns = Learning(
        graph.op("Cast", graph.shape(due, -1, 2, 1, 1), to=TensorProto.BOOL),
        graph.shape(least, -1, 2, 1, 1),
        graph.shape(changes, -1, 1, 1),
    )


def restyle(learns: Learning, graph: Graph, x: Signal) -> Signal:
    """The layer: learn from this call, then change the source's statistics to the target's."""
    channels, frames = x.channels, x.frames
    rows = graph.shape(x.name, -1, frames, channels)  # (B, frames, channels)
    mean = graph.op("ReduceMean", rows, axes=[1], keepdims=1)
    centred = graph.op("Sub", rows, mean)
    power = graph.op("ReduceSum", graph.op("Mul", centred, centred), graph.constant([1]), keepdims=1)
    deviation = graph.op("Sqrt", graph.op("Div", power, graph.constant(float(max(frames - 1, 1)))))
    now = graph.shape(graph.op("Concat", mean, deviation, axis=1), -1, 1, 2, channels)
    kept = graph.memory(4 * channels, "style")
    known = graph.shape(kept, -1, 2, 2, channels)  # (B, side, mean and deviation, channels)
    step = graph.op("Div", graph.op("Sub", now, known), learns.calls)
    known = graph.op("Where", learns.due, graph.op("Add", known, step), known)
    after = graph.shape(known, -1, 4 * channels)
    graph.keep(kept, after)
    parts = graph.shape(after, -1, 4, channels)
    # mean and deviation of the source, then of the target, (B, 1, channels) each
    mean, deviation, target_mean, target_deviation = (graph.cut(parts, i, i + 1) for i in range(4))
    scale = graph.op("Div", target_deviation, graph.op("Add", deviation, graph.constant(1e-5)))
    y = graph.op("Add", graph.op("Mul", graph.op("Sub", rows, mean), scale), target_mean)
    y = graph.op("Where", learns.changes, y, rows)
    return x._replace(name=graph.shape(y, -1, channels))
