"""A pitched model in a graph: as `perform.rave.fundamental`, `harmonics` and `harmonic_decoder`.

The held pitch and the phase depend on the frame before, so these parts are written once for each frame.
"""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto

from perform.rave import kernels
from perform.rave.graph.builder import LAST, Graph, Name, Signal
from perform.rave.graph.generator import filtered_noise, mod_sigmoid, noise_amplitudes
from perform.rave.graph.layer_graphs import emit
from perform.rave.pitched_layers import (
    A3,
    HIGHEST,
    KNOTS,
    LOUDEST,
    QUIET,
    SILENCE,
    STEP_DB,
    THRESHOLD,
    TINY,
    WIDTH,
    ZERO_DB,
    FundamentalLayer,
    HarmonicDecoderLayer,
    HarmonicsLayer,
    PitchedEncoderLayer,
)
from perform.rave.stored_model import Weights


def pitched(
    net: PitchedEncoderLayer, weights: Weights, graph: Graph, bands: Signal, samples: Signal
) -> Signal:
    """Bands, and the samples of each frame in a row, to the encoder's output."""
    timbre = emit(net.timbre, weights.of("timbre"), graph, bands)
    measured = _measure(net.fundamental, graph, samples)
    joined = graph.op("Concat", *measured, timbre.name, axis=1)
    return timbre._replace(name=joined, channels=timbre.channels + len(measured))


def _measure(layer: FundamentalLayer, graph: Graph, x: Signal) -> tuple[Name, Name, Name]:
    """Pitch, loudness and noise, (B * frames, 1) each."""
    slow = graph.op("ReduceMean", graph.shape(x.name, -1, layer.hop, layer.every), axes=[2], keepdims=0)
    rows, taps = Signal(graph.shape(slow, -1, 1), x.frames * layer.hop, 1), layer.size + layer.smooth - 1
    frames = graph.windows(rows, layer.memory, taps, layer.hop).name  # (B * frames, taps)
    backwards = [graph.constant([value]) for value in (-1, -LAST, 1, -1)]  # the newest sample first
    frames = graph.op("Slice", frames, *backwards)
    recent = graph.cut(frames, 0, 2 * layer.hop)
    recent = graph.op("Mul", recent, recent)
    parts = [graph.cut(frames, i, i + layer.size) for i in range(layer.smooth)]
    soft = graph.op("Mul", graph.op("Sum", *parts), graph.constant(1 / layer.smooth))
    squares = graph.op("Mul", soft, soft)
    power = graph.op("ReduceMean", recent, axes=[1], keepdims=1)
    pitch, rest = _period(layer, graph, _dips(layer, graph, soft, squares))

    loud = graph.op("Greater", power, graph.constant(QUIET))
    voiced = graph.op("And", loud, graph.op("Less", rest, graph.constant(THRESHOLD)))
    level = _log(graph, graph.op("Add", power, graph.constant(SILENCE)), 10 / math.log(10))
    loudness = graph.op("Sub", level, graph.constant(ZERO_DB))
    loudness = graph.op("Div", loudness, graph.constant(STEP_DB))
    noise = graph.op("Clip", rest, graph.constant(0.0), graph.constant(1.0))
    return (
        _held(graph, pitch, voiced, x.frames),
        loudness,
        graph.op("Where", loud, noise, graph.constant(1.0)),
    )


def _dips(layer: FundamentalLayer, graph: Graph, frames: Name, squares: Name) -> Name:
    """As `Fundamental.dips`; the correlation is a product with a matrix of shifted copies of the frame."""
    lags, size = layer.longest + 1, layer.size
    copies = graph.op("Expand", graph.shape(frames, -1, 1, size), graph.constant([1, layer.longest + 2, 1]))
    copies = graph.shape(copies, -1, (layer.longest + 2) * size)  # row i, cut one longer, begins i later
    shifted = graph.shape(graph.cut(copies, 0, lags * (size + 1)), -1, lags, size + 1)
    shifted = graph.cut(shifted, 0, layer.window, axis=2)  # (rows, lags, window)
    here = graph.shape(graph.cut(frames, 0, layer.window), -1, layer.window, 1)
    alike = graph.shape(graph.op("MatMul", shifted, here), -1, lags)
    energy = graph.op("CumSum", squares, graph.constant(1))
    energy = graph.op("Pad", energy, graph.constant([0, 1, 0, 0]))  # (rows, size + 1)
    lagged = graph.op("Sub", graph.cut(energy, layer.window), graph.cut(energy, 0, lags))
    d = graph.op("Add", lagged, graph.cut(lagged, 0, 1))
    d = graph.op("Sub", d, graph.op("Mul", alike, graph.constant(2.0)))
    d = graph.op("Max", graph.cut(d, 1), graph.constant(0.0))
    total = graph.op("CumSum", d, graph.constant(1))
    top = graph.op(
        "Add",
        graph.op("Mul", d, graph.constant(np.arange(1, layer.longest + 1, dtype=np.float32))),
        graph.constant(TINY),
    )
    return graph.op("Div", top, graph.op("Add", total, graph.constant(TINY)))


def _period(layer: FundamentalLayer, graph: Graph, d: Name) -> tuple[Name, Name]:
    """As `Fundamental.period`: (rows, 1) each."""
    first, last = layer.shortest - 1, layer.longest - 1
    left, middle, right = (graph.cut(d, first + i, last + i) for i in (-1, 0, 1))
    lower = graph.op("And", graph.op("Less", middle, left), graph.op("LessOrEqual", middle, right))
    lower = graph.op("And", lower, graph.op("Less", middle, graph.constant(THRESHOLD)))
    dip = graph.op("Cast", lower, to=TensorProto.FLOAT)
    found = graph.op("Greater", graph.op("ReduceMax", dip, axes=[1], keepdims=1), graph.constant(0.0))
    at = graph.op(
        "Where",
        found,
        graph.op("ArgMax", dip, axis=1, keepdims=1),
        graph.op("ArgMin", middle, axis=1, keepdims=1),
    )
    low, bottom, high = (graph.op("GatherElements", x, at, axis=1) for x in (left, middle, right))
    bend = graph.op("Sub", graph.op("Add", low, high), graph.op("Mul", bottom, graph.constant(2.0)))
    bend = graph.op("Max", bend, graph.constant(1e-9))
    shift = graph.op("Div", graph.op("Mul", graph.op("Sub", low, high), graph.constant(0.5)), bend)
    shift = graph.op("Clip", shift, graph.constant(-0.5), graph.constant(0.5))
    period = graph.op("Add", graph.op("Cast", at, to=TensorProto.FLOAT), shift)
    period = graph.op("Add", period, graph.constant(float(layer.shortest)))
    octaves = _log(graph, graph.op("Div", graph.constant(layer.rate / A3), period), 1 / math.log(2))
    return octaves, bottom


def _held(graph: Graph, pitch: Name, voiced: Name, frames: int) -> Name:
    """The pitch where there is one, else the last: (B * frames, 1)."""
    kept = graph.memory(1)
    pitches, flags = graph.shape(pitch, -1, frames), graph.shape(voiced, -1, frames)
    flags = graph.op("Cast", flags, to=TensorProto.FLOAT)
    held = [kept]
    for i in range(frames):
        flag = graph.op("Greater", graph.cut(flags, i, i + 1), graph.constant(0.5))
        held.append(graph.op("Where", flag, graph.cut(pitches, i, i + 1), held[-1]))
    graph.keep(kept, held[-1])
    return graph.shape(graph.op("Concat", *held[1:], axis=1), -1, 1) if frames > 1 else held[-1]


def harmonic(
    decoder: HarmonicDecoderLayer, weights: Weights, graph: Graph, z: Signal, noise: Name
) -> tuple[Signal, Name]:
    """Latents to noise in bands, and the samples of the harmonics, (B, frames * ratio)."""
    y = emit(decoder.net, weights.of("net"), graph, z)
    loudness = graph.op("Min", graph.cut(z.name, 1, 2), graph.constant(LOUDEST))
    level = graph.op("Mul", loudness, graph.constant(STEP_DB))
    level = graph.op("Add", level, graph.constant(ZERO_DB))
    gain = graph.op("Exp", graph.op("Mul", level, graph.constant(math.log(10) / 20)))  # (rows, 1)
    voiced = graph.op("Sub", graph.constant(1.0), graph.cut(z.name, 2, 3))
    voiced = graph.op("Clip", voiced, graph.constant(0.0), graph.constant(1.0))
    amplitudes = mod_sigmoid(graph, graph.cut(y.name, 0, decoder.tones))
    amplitudes = graph.op("Mul", amplitudes, graph.op("Mul", gain, voiced))
    samples = _tones(decoder.tone, graph, graph.cut(z.name, 0, 1), amplitudes, z.frames)

    synth = decoder.noise
    loud = graph.op("Mul", noise_amplitudes(graph, graph.cut(y.name, decoder.tones)), gain)
    filtered = filtered_noise(synth, graph, loud, noise, decoder.each)
    return Signal(filtered, z.frames * decoder.each * synth.frame, synth.bands), samples


def _tones(layer: HarmonicsLayer, graph: Graph, pitch: Name, amplitudes: Name, frames: int) -> Name:
    """As `Harmonics.forward`: (B, frames * ratio)."""
    count, width = layer.count, KNOTS * layer.count
    tables = kernels.oscillator(layer.sample_rate, layer.ratio, count, KNOTS)
    memory = graph.memory(3 + count)
    before = _hz(graph, graph.cut(memory, 0, 1))
    parts = [graph.op("Cast", graph.cut(memory, i, i + 1), to=TensorProto.DOUBLE) for i in (1, 2)]
    phase = graph.op("Add", *parts)
    last = graph.cut(memory, 3)
    pitches, rows = graph.shape(pitch, -1, frames), graph.shape(amplitudes, -1, frames * width)
    out = []
    for i in range(frames):
        hz = _hz(graph, graph.cut(pitches, i, i + 1))
        steady = graph.op("Mul", before, graph.constant(tables.steady))
        rising = graph.op("Mul", graph.op("Sub", hz, before), graph.constant(tables.rising))
        cycles = graph.op("Add", steady, rising)  # (B, ratio)
        turn = _wrapped(graph, graph.cut(cycles, layer.ratio - 1))
        cycles = _wrapped(graph, graph.op("Add", cycles, phase))
        cycles = graph.shape(graph.op("Cast", cycles, to=TensorProto.FLOAT), -1, 1, layer.ratio)
        tones = graph.op("Sin", graph.op("Mul", graph.constant(2 * math.pi * tables.number), cycles))

        now = graph.cut(rows, i * width, (i + 1) * width)
        knots = graph.shape(graph.op("Concat", last, now, axis=1), -1, KNOTS + 1, count)
        top = graph.op("Cast", graph.op("Max", before, hz), to=TensorProto.FLOAT)
        top = graph.op("Mul", top, graph.constant(tables.number[:, 0] / layer.sample_rate))
        audible = graph.op("Sub", graph.constant(HIGHEST), top)
        audible = graph.op("Div", audible, graph.constant(WIDTH))
        audible = graph.op("Clip", audible, graph.constant(0.0), graph.constant(1.0))
        knots = graph.op("Mul", knots, graph.shape(audible, -1, 1, count))
        y = graph.op("Mul", graph.op("MatMul", knots, tones), graph.constant(tables.near))
        out.append(graph.op("ReduceSum", y, graph.constant([1]), keepdims=0))

        phase = _wrapped(graph, graph.op("Add", phase, turn))
        before, last = hz, graph.cut(now, width - count)
        # two floats keep a phase between calls; also between the frames of a call, for the same bits
        short = graph.op("Cast", phase, to=TensorProto.FLOAT)
        rest = graph.op("Sub", phase, graph.op("Cast", short, to=TensorProto.DOUBLE))
        rest = graph.op("Cast", rest, to=TensorProto.FLOAT)
        phase = graph.op("Add", *(graph.op("Cast", part, to=TensorProto.DOUBLE) for part in (short, rest)))
    ends = graph.cut(pitches, frames - 1), short, rest, last
    graph.keep(memory, graph.op("Concat", *ends, axis=1))
    return graph.op("Concat", *out, axis=1) if frames > 1 else out[0]


def _hz(graph: Graph, pitch: Name) -> Name:
    """Octaves above A3 to Hz, in double precision."""
    wide = graph.op("Cast", pitch, to=TensorProto.DOUBLE)
    factor = graph.op("Pow", graph.constant(np.array(2.0)), wide)
    return graph.op("Mul", factor, graph.constant(np.array(A3)))


def _wrapped(graph: Graph, cycles: Name) -> Name:
    """The fraction of a number of cycles, 0..1."""
    return graph.op("Sub", cycles, graph.op("Floor", cycles))


def _log(graph: Graph, x: Name, factor: float) -> Name:
    """A logarithm: log10 or log2 by its factor."""
    return graph.op("Mul", graph.op("Log", x), graph.constant(factor))
