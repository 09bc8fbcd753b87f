"""The bottleneck in a graph: the same as `RAVE.embed` and `RAVE.restore`."""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto

from perform.rave.graph.builder import Graph, Name, Signal
from perform.rave.kernels import Array
from perform.rave.model_layers import SMALLEST_NORM
from perform.rave.stored_model import StoredModel


def embed(model: StoredModel, graph: Graph, y: Signal, noise: Name = "") -> Signal:
    """The encoder's output to latents.

    noise : (B, frames, full_latents), standard normal, to sample the posterior; "" for its mean
    """
    match model.config.bottleneck:
        case "variational":
            mean, scale = graph.halves(y)
            if noise:
                deviation = graph.map("Add", graph.map("Softplus", scale), graph.constant(1e-4))
                drawn = graph.map("Mul", deviation, graph.shape(noise, -1, mean.channels))
                mean = graph.map("Add", mean, drawn.name)
            mean = graph.map("Sub", mean, graph.constant(model.arrays["latent_mean"]))
            return graph.dense(mean, model.arrays["latent_pca"][: model.latents].T)
        case "spherical":
            return _angles(graph, y)
        case "discrete":
            return _numbers(model.arrays["codebooks.entries"], graph, y)
        case "pitched":
            kept = model.config.full_latents
            return y._replace(name=graph.cut(y.name, 0, kept), channels=kept)
        case _:
            return y


def restore(model: StoredModel, graph: Graph, z: Signal, noise: Name) -> Signal:
    """Latents and noise for the missing ones, (B * frames, missing) or "", to the decoder's input."""
    dropped = 0
    match model.config.bottleneck:
        case "variational":
            dropped = model.config.full_latents - model.latents
            z = _join(graph, z, graph.cut(noise, 0, dropped) if dropped else "", dropped)
            z = graph.dense(z, model.arrays["latent_pca"], model.arrays["latent_mean"])
        case "spherical":
            z = _directions(graph, z)
        case "discrete":
            z = _entries(model.arrays["codebooks.entries"], graph, z)
    rest = model.missing - dropped
    return _join(graph, z, graph.cut(noise, dropped) if rest else "", rest)


def _join(graph: Graph, z: Signal, noise: Name, width: int) -> Signal:
    """Append the channels of `noise`, if there are any."""
    if not width:
        return z
    return z._replace(name=graph.op("Concat", z.name, noise, axis=1), channels=z.channels + width)


def _angles(graph: Graph, x: Signal) -> Signal:
    """As `bottleneck.angles`."""
    size = x.channels
    rest = np.tril(np.ones((size, size - 1), np.float32))  # of the vector, from each component
    squares = graph.map("Mul", x, x.name)
    norms = graph.op("Max", graph.op("Sqrt", graph.dense(squares, rest).name), graph.constant(SMALLEST_NORM))
    cosine = graph.op("Div", graph.cut(x.name, 0, -1), norms)
    angle = graph.op("Acos", graph.op("Clip", cosine, graph.constant(-1.0), graph.constant(1.0)))
    last = graph.cut(angle, -1)
    up = graph.op("GreaterOrEqual", graph.cut(x.name, -1), graph.constant(0.0))
    last = graph.op("Where", up, last, graph.op("Sub", graph.constant(2 * math.pi), last))
    turns = graph.op("Concat", graph.cut(angle, 0, -1), last, axis=1)
    scale = np.array([2 / math.pi] * (size - 2) + [1 / math.pi], np.float32)
    z = graph.op("Sub", graph.op("Mul", turns, graph.constant(scale)), graph.constant(1.0))
    return x._replace(name=z, channels=size - 1)


def _directions(graph: Graph, z: Signal) -> Signal:
    """As `bottleneck.directions`."""
    size = z.channels + 1
    turns = graph.op("Add", graph.op("Mul", z.name, graph.constant(0.5)), graph.constant(0.5))
    turns = graph.op("Sub", turns, graph.op("Floor", turns))
    scale = np.array([math.pi] * (size - 2) + [2 * math.pi], np.float32)
    angle = graph.op("Mul", turns, graph.constant(scale))
    # component i is the product of the sines before it and its own cosine, of which the last has none
    before = graph.constant(np.tri(size, size - 1, -1).astype(bool))
    sines = graph.shape(graph.op("Sin", angle), -1, 1, size - 1)
    sines = graph.op("Where", before, sines, graph.constant(1.0))  # (B * frames, size, size - 1)
    heights = graph.op("ReduceProd", sines, axes=[2], keepdims=0)
    cosines = graph.op("Pad", graph.op("Cos", angle), graph.constant([0, 0, 0, 1]), graph.constant(1.0))
    return z._replace(name=graph.op("Mul", heights, cosines), channels=size)


def _numbers(books: Array, graph: Graph, x: Signal) -> Signal:
    """As `Codebooks.encode`."""
    numbers = []
    rest = x.name
    for book in books:
        entries, sizes = graph.constant(book), graph.constant(np.square(book).sum(1))
        distance = graph.op("Gemm", rest, entries, sizes, alpha=-2.0, transB=1)
        number = graph.op("ArgMin", distance, axis=1, keepdims=1)
        flat = graph.shape(number, -1)
        rest = graph.op("Sub", rest, graph.op("Gather", entries, flat, axis=0))
        numbers.append(graph.op("Cast", number, to=TensorProto.FLOAT))
    return x._replace(name=graph.op("Concat", *numbers, axis=1), channels=len(numbers))


def _entries(books: Array, graph: Graph, z: Signal) -> Signal:
    """As `Codebooks.decode`."""
    count, size, dimensions = books.shape
    limits = graph.constant(0.0), graph.constant(float(size - 1))
    numbers = graph.op("Cast", graph.op("Clip", z.name, *limits), to=TensorProto.INT64)
    parts = [
        graph.op("Gather", graph.constant(book), graph.shape(graph.cut(numbers, i, i + 1), -1), axis=0)
        for i, book in enumerate(books)
    ]
    return z._replace(name=graph.op("Sum", *parts) if count > 1 else parts[0], channels=dimensions)
