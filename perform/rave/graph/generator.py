"""The two generators and the noise synthesiser in a graph; as `perform.rave.decoder` and `NoiseSynth`."""

from __future__ import annotations

from perform.rave import kernels
from perform.rave.graph.builder import Graph, Name, Signal
from perform.rave.graph.layer_graphs import emit
from perform.rave.model_layers import DecoderLayer, NoiseSynthLayer, V1DecoderLayer
from perform.rave.stored_model import Weights


def generate(
    decoder: DecoderLayer | V1DecoderLayer, weights: Weights, graph: Graph, x: Signal, noise: Name
) -> Signal:
    """Latents to bands.

    noise : (B * x.frames, a frame's samples band by band) standard normal, where there is a synthesiser
    """

    def added(y: Signal) -> Signal:
        """With the noise, if there is any."""
        if decoder.noise is None:
            return y
        return graph.map("Add", y, _noise(decoder.noise, weights.of("noise"), graph, x, noise, frames))

    frames, x = x.frames, emit(decoder.net, weights.of("net"), graph, x)
    if isinstance(decoder, V1DecoderLayer):
        wave = graph.map("Tanh", emit(decoder.wave, weights.of("wave"), graph, x))
        loudness = mod_sigmoid(graph, emit(decoder.loudness, weights.of("loudness"), graph, x).name)
        return added(graph.map("Mul", wave, loudness))
    y = x if decoder.wave is None else emit(decoder.wave, weights.of("wave"), graph, x)
    wave, amplitude = graph.halves(y)
    return graph.map("Tanh", added(graph.map("Div", wave, _one_and_exp(graph, amplitude.name))))


def _noise(
    synth: NoiseSynthLayer, weights: Weights, graph: Graph, x: Signal, noise: Name, frames: int
) -> Name:
    """The noise synthesiser: normal noise of `frames` latent frames to filtered noise (rows, bands)."""
    each = x.frames // frames // synth.frame  # filter frames in a latent frame
    amplitudes = noise_amplitudes(graph, emit(synth.net, weights.of("net"), graph, x).name)
    return filtered_noise(synth, graph, amplitudes, noise, each)


def noise_amplitudes(graph: Graph, x: Name) -> Name:
    """The net's output to the amplitudes of the filters; as `NoiseSynth.amplitudes`."""
    return mod_sigmoid(graph, graph.op("Sub", x, graph.constant(5.0)))


def filtered_noise(synth: NoiseSynthLayer, graph: Graph, amplitudes: Name, noise: Name, each: int) -> Name:
    """Normal noise (rows, a frame's samples band by band) to filtered noise (band samples, bands).

    amplitudes : in the order (filter frame, band, tap);  each : filter frames in a latent frame
    """
    bands, taps, frame = synth.bands, synth.taps, synth.frame
    amplitudes = graph.shape(amplitudes, -1, 1, taps)  # (B * filter frames * bands, 1, taps)
    uniform = graph.op("Erf", graph.op("Mul", noise, graph.constant(0.5**0.5)))
    uniform = graph.shape(uniform, -1, bands, each, frame)
    uniform = graph.op("Transpose", uniform, perm=[0, 2, 1, 3])  # (B * frames, filter frames, bands, time)
    parts = graph.op("MatMul", uniform, graph.constant(kernels.noise_filters(taps, frame)))
    parts = graph.shape(parts, -1, taps, frame)
    y = graph.shape(graph.op("MatMul", amplitudes, parts), -1, bands, frame)
    y = graph.op("Transpose", y, perm=[0, 2, 1])  # (B * filter frames, bands, time) -> (.., time, bands)
    return graph.shape(y, -1, bands)


def mod_sigmoid(graph: Graph, x: Name) -> Name:
    """2 sigmoid(x)^2.3 + 1e-7, the power as logarithm and exponential, which are fast."""
    y = graph.op("Mul", graph.op("Log", _one_and_exp(graph, x)), graph.constant(-2.3))
    y = graph.op("Mul", graph.op("Exp", y), graph.constant(2.0))
    return graph.op("Add", y, graph.constant(1e-7))


def _one_and_exp(graph: Graph, x: Name) -> Name:
    """1 + e^-x, the divisor of a sigmoid. ONNX Runtime's sigmoid errs by 2 % at -12, which can be heard."""
    return graph.op("Add", graph.op("Exp", graph.op("Neg", x)), graph.constant(1.0))
