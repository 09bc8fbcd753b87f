"""A model's methods as graphs, for any number of streams and a fixed number of frames a call.

Each is bytes of ONNX. The state of the streams is the input `state` (B, values), zeros before the first
frame, and the result `after`, which is the next call's `state`. A graph that learns has `style` and `learnt`
too. An input that a graph does not need is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from perform.core.errors import WrongUse
from perform.rave.graph import style_graph
from perform.rave.graph.bottleneck_graph import embed, restore
from perform.rave.graph.builder import Graph, Signal
from perform.rave.graph.filterbank import analyse, synthesise
from perform.rave.graph.generator import generate
from perform.rave.graph.layer_graphs import emit
from perform.rave.graph.pitched_graph import harmonic, pitched
from perform.rave.graph.prior_graph import draw
from perform.rave.pitched_layers import HarmonicDecoderLayer, PitchedEncoderLayer
from perform.rave.stored_model import StoredModel


def encoder_graph(model: StoredModel, frames: int = 1, *, learns: bool = False) -> bytes:
    """`RAVE.encode`: x (B, channels, frames * ratio) in, z (B, frames, latents) out.

    noise (B, frames, full_latents) : standard normal, to sample the posterior; zeros give its mean. Only
        variational models have this input
    learns : AdaIN statistics are state instead of constants (style_graph.py)
    """
    graph, full = Graph(frames), model.config.full_latents
    if learns:
        style_graph.begin(model.architecture.encoder, model.weights.of("encoder.net"), graph)
    y = _encoder_part(model, graph, frames)
    noise = graph.input("noise", frames, full) if model.config.bottleneck == "variational" else ""
    z = embed(model, graph, y, noise)
    graph.result("z", graph.shape(z.name, -1, frames, model.latents), frames, model.latents)
    return graph.serialise()


def decoder_graph(model: StoredModel, frames: int = 1, *, learns: bool = False) -> bytes:
    """`RAVE.decode`: z (B, frames, latents) in, y (B, channels, frames * ratio) out.

    noise (B, frames, model.noise) : standard normal or narrower; an input of models with noise
    learns : as for the encoder
    """
    graph = Graph(frames)
    if learns:
        style_graph.begin(model.architecture.decoder, model.weights.of("decoder"), graph)
    z = graph.shape(graph.input("z", frames, model.latents), -1, model.latents)
    _decoder_part(model, graph, Signal(z, frames, model.latents))
    return graph.serialise()


def forward_graph(model: StoredModel, frames: int = 1) -> bytes:
    """Encoder, then decoder: x in, y out, both (B, channels, frames * ratio); noise as the decoder's."""
    graph = Graph(frames)
    _decoder_part(model, graph, embed(model, graph, _encoder_part(model, graph, frames)))
    return graph.serialise()


def prior_graph(model: StoredModel, frames: int = 1) -> bytes:
    """`Prior.step`: the next frame's latents, z (B, 1, latents) out.

    uniform (B, 2 * latents) : random numbers in 0..1, as for `Prior.step`; temperature (B, 1) : above 0
    """
    prior = model.architecture.prior
    if prior is None:
        raise WrongUse("this model has no prior", hint="`perform train CORPUS --prior MODEL` makes one")
    if frames != 1:
        raise WrongUse(f"a prior makes one frame a call, not {frames}")
    graph, latents = Graph(), model.latents
    uniform, temperature = graph.input("uniform", 2 * latents), graph.input("temperature", 1)
    drawn = draw(prior, model.weights.of("prior"), graph, uniform, temperature)
    graph.result("z", graph.shape(drawn, -1, 1, latents), 1, latents)
    return graph.serialise()


METHODS: dict[str, Callable[[StoredModel, int], bytes]] = {
    "encode": encoder_graph,
    "decode": decoder_graph,
    "forward": forward_graph,
}
"""The graphs of every model."""

GRAPHS: dict[str, Callable[[StoredModel, int], bytes]] = {
    **METHODS,
    "prior": prior_graph,
    "encode-learning": partial(encoder_graph, learns=True),
    "decode-learning": partial(decoder_graph, learns=True),
}


def _encoder_part(model: StoredModel, graph: Graph, frames: int) -> Signal:
    """From sound to the bottleneck."""
    ratio, net, weights = model.config.ratio, model.architecture.encoder, model.weights.of("encoder.net")
    x = graph.input("x", model.config.channels, frames * ratio)
    bands = analyse(model, graph, x, frames)
    if isinstance(net, PitchedEncoderLayer):
        return pitched(net, weights, graph, bands, Signal(graph.shape(x, -1, ratio), frames, ratio))
    return emit(net, weights, graph, bands)


def _decoder_part(model: StoredModel, graph: Graph, z: Signal) -> None:
    """From latents to sound."""
    for_latents = for_synth = ""
    if model.noise:
        noise = graph.shape(graph.input("noise", z.frames, model.noise), -1, model.noise)
        for_latents = graph.cut(noise, 0, model.missing) if model.missing else ""
        for_synth = graph.cut(noise, model.missing) if model.config.noise_ratios else ""
    z = restore(model, graph, z, for_latents)
    decoder, weights, samples = (
        model.architecture.decoder,
        model.weights.of("decoder"),
        z.frames * model.config.ratio,
    )
    if isinstance(decoder, HarmonicDecoderLayer):
        bands, tones = harmonic(decoder, weights, graph, z, for_synth)
        y = synthesise(model, graph, bands)
        y = graph.op("Add", y, graph.shape(tones, -1, 1, samples))
    else:
        y = synthesise(model, graph, generate(decoder, weights, graph, z, for_synth))
    graph.result("y", y, model.config.channels, samples)
