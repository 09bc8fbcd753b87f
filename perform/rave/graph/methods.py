"""A model's methods as graphs, for any number of streams and a fixed number of frames a call.

Each is bytes of ONNX. The memory of the streams is the input `state` (B, values), all zeros before the first
frame, and the result `after`, what the next call is given. What a graph has no use for is no input of it.
"""

from __future__ import annotations

from collections.abc import Callable

from perform.rave.graph.bottleneck import embed, restore
from perform.rave.graph.builder import Graph, Signal
from perform.rave.graph.filterbank import analyse, synthesise
from perform.rave.graph.generator import generate
from perform.rave.graph.layers import emit
from perform.rave.model import RAVE


def encoder_graph(model: RAVE, frames: int = 1) -> bytes:
    """`RAVE.encode`: x (B, channels, frames * ratio) in, z (B, frames, latents) out.

    noise (B, frames, full_latents) : what is drawn from the posterior, in its deviations; zeros for its mean.
        An input of variational models
    """
    graph, full = Graph(), model.config.full_latents
    y = _listen(model, graph, frames)
    noise = graph.input("noise", frames, full) if model.config.bottleneck == "variational" else ""
    z = embed(model, graph, y, noise)
    graph.result("z", graph.shape(z.name, -1, frames, model.latents), frames, model.latents)
    return graph.serialise()


def decoder_graph(model: RAVE, frames: int = 1) -> bytes:
    """`RAVE.decode`: z (B, frames, latents) in, y (B, channels, frames * ratio) out.

    noise (B, frames, model.noise) : standard normal, or of less width; an input of models that want any
    """
    graph = Graph()
    z = graph.shape(graph.input("z", frames, model.latents), -1, model.latents)
    _speak(model, graph, Signal(z, frames, model.latents))
    return graph.serialise()


def forward_graph(model: RAVE, frames: int = 1) -> bytes:
    """Encoder, then decoder: x in, y out, both (B, channels, frames * ratio); noise as the decoder's."""
    graph = Graph()
    _speak(model, graph, embed(model, graph, _listen(model, graph, frames)))
    return graph.serialise()


#: what turns sound or latents into the other; besides them a model may have a prior (prior.py)
METHODS: dict[str, Callable[[RAVE, int], bytes]] = {
    "encode": encoder_graph,
    "decode": decoder_graph,
    "forward": forward_graph,
}


def _listen(model: RAVE, graph: Graph, frames: int) -> Signal:
    """Up to the bottleneck."""
    x = graph.input("x", model.config.channels, frames * model.ratio)
    return emit(model.encoder.net, graph, analyse(model, graph, x, frames))


def _speak(model: RAVE, graph: Graph, z: Signal) -> None:
    """From the latents on."""
    filling = hiss = ""
    if model.noise:
        noise = graph.shape(graph.input("noise", z.frames, model.noise), -1, model.noise)
        filling = graph.cut(noise, 0, model.missing) if model.missing else ""
        hiss = graph.cut(noise, model.missing) if model.config.noise_ratios else ""
    bands = generate(model.decoder, graph, restore(model, graph, z, filling), hiss)
    y = synthesise(model, graph, bands)
    graph.result("y", y, model.config.channels, z.frames * model.ratio)
