"""A model's methods as graphs, for any number of streams and a fixed number of frames a call.

Each is bytes of ONNX. The memory of the streams is the input `state` (B, values), all zeros before the first
frame, and the result `after`, what the next call is given.
"""

from __future__ import annotations

from collections.abc import Callable

from perform.rave.graph.builder import Graph, Name, Signal
from perform.rave.graph.filterbank import analyse, synthesise
from perform.rave.graph.layers import array, emit
from perform.rave.model import RAVE


def encoder_graph(model: RAVE, frames: int = 1) -> bytes:
    """`RAVE.encode`: x (B, 1, frames * ratio) in, z (B, frames, latents) out.

    noise (B, frames, full_latents) : what is drawn from the posterior, in its deviations; zeros for its mean
    """
    graph = Graph()
    noise = graph.input("noise", frames, model.config.full_latents)
    z = _encode(model, graph, _samples(model, graph, frames), noise)
    graph.result("z", graph.shape(z.name, -1, frames, model.latents), frames, model.latents)
    return graph.serialise()


def decoder_graph(model: RAVE, frames: int = 1) -> bytes:
    """`RAVE.decode`: z (B, frames, latents) in, y (B, 1, frames * ratio) out.

    noise (B, frames, full_latents - latents) : fills the latents that the projection dropped; no input if it
        dropped none
    """
    graph = Graph()
    z = graph.input("z", frames, model.latents)
    _result(model, graph, _decode(model, graph, graph.shape(z, -1, model.latents), frames))
    return graph.serialise()


def forward_graph(model: RAVE, frames: int = 1) -> bytes:
    """The decoder after the encoder: x in, y out, both (B, 1, frames * ratio); `noise` as the decoder's."""
    graph = Graph()
    z = _encode(model, graph, _samples(model, graph, frames))
    _result(model, graph, _decode(model, graph, z.name, frames))
    return graph.serialise()


METHODS: dict[str, Callable[[RAVE, int], bytes]] = {
    "encode": encoder_graph,
    "decode": decoder_graph,
    "forward": forward_graph,
}


def _samples(model: RAVE, graph: Graph, frames: int) -> Signal:
    x = graph.input("x", 1, frames * model.ratio)
    return Signal(graph.shape(x, -1, 1), frames * model.ratio, 1)


def _encode(model: RAVE, graph: Graph, x: Signal, noise: Name = "") -> Signal:
    mean, scale = graph.halves(emit(model.encoder.net, graph, analyse(model.pqmf, graph, x)))
    if noise:
        deviation = graph.map("Add", graph.map("Softplus", scale), graph.constant(1e-4))
        drawn = graph.map("Mul", deviation, graph.shape(noise, -1, mean.channels))
        mean = graph.map("Add", mean, drawn.name)
    mean = graph.map("Sub", mean, graph.constant(model.latent_mean))
    return graph.dense(mean, array(model.latent_pca[: model.latents].T))


def _decode(model: RAVE, graph: Graph, z: Name, frames: int) -> Signal:
    """z : (B * frames, latents)."""
    full = model.config.full_latents
    if missing := full - model.latents:
        noise = graph.shape(graph.input("noise", frames, missing), -1, missing)
        z = graph.op("Concat", z, noise, axis=1)
    x = graph.dense(Signal(z, frames, full), array(model.latent_pca), array(model.latent_mean))
    wave, amplitude = graph.halves(emit(model.decoder.net, graph, x))
    bands = graph.map("Tanh", graph.map("Mul", wave, graph.op("Sigmoid", amplitude.name)))
    return synthesise(model.pqmf, graph, bands)


def _result(model: RAVE, graph: Graph, y: Signal) -> None:
    graph.result("y", graph.shape(y.name, -1, 1, y.frames), 1, y.frames)
