"""Samples to bands and back in a graph: each filter is one matrix product, over blocks of a few outputs."""

from __future__ import annotations

import math

import numpy as np

from perform.rave import kernels
from perform.rave.graph.builder import Graph, Name, Signal
from perform.rave.kernels import Array
from perform.rave.model_layers import FilterBank, ResamplerLayer
from perform.rave.stored_model import StoredModel, Weights

BANDS_BLOCK = 4  #: band samples in a row; longer rows are gathered faster, but multiply more zeros
SAMPLES_BLOCK = 32  #: the same for the resampler, whose rows have one channel


def analyse(model: StoredModel, graph: Graph, x: Name, frames: int) -> Signal:
    """Samples (B, channels, frames * ratio) to bands; as `RAVE.analyse`."""
    channels = model.config.channels
    samples = Signal(graph.shape(x, -1, 1), frames * model.config.ratio, 1, channels)
    resampler, bank = model.architecture.resampler, model.architecture.bank
    if resampler:
        samples = _down(resampler, model.weights.of("resampler"), graph, samples)
    bands = _analyse(bank, _bank_kernels(model)[0], graph, samples)
    if channels == 1:
        return bands
    y = graph.shape(bands.name, -1, channels, bands.frames, bands.channels)
    y = graph.op(
        "Transpose", y, perm=[0, 2, 1, 3]
    )  # (B, channels, time, bands) -> (B, time, channels, bands)
    return Signal(graph.shape(y, -1, channels * bands.channels), bands.frames, channels * bands.channels)


def synthesise(model: StoredModel, graph: Graph, bands: Signal) -> Name:
    """Bands to samples (B, channels, n); as `RAVE.synthesise`."""
    channels, width = model.config.channels, model.config.bands
    if model.config.decoder_ratios:
        return _without_bank(model, graph, bands)
    if channels > 1:
        y = graph.shape(bands.name, -1, bands.frames, channels, width)
        y = graph.op(
            "Transpose", y, perm=[0, 2, 1, 3]
        )  # (B, time, channels, bands) -> (B, channels, time, bands)
        bands = Signal(graph.shape(y, -1, width), bands.frames, width, channels)
    samples = _synthesise(_bank_kernels(model)[1], graph, bands)
    if model.architecture.resampler:
        samples = _up(model.weights.of("resampler"), graph, samples)
    return graph.shape(samples.name, -1, channels, samples.frames)


def _without_bank(model: StoredModel, graph: Graph, x: Signal) -> Name:
    """Samples that a decoder made, (B * n, channels), to (B, channels, n) at the model's sample rate."""
    channels = model.config.channels
    y = graph.op("Transpose", graph.shape(x.name, -1, x.frames, channels), perm=[0, 2, 1])
    samples = Signal(graph.shape(y, -1, 1), x.frames, 1, channels)
    if model.architecture.resampler:
        samples = _up(model.weights.of("resampler"), graph, samples)
    return graph.shape(samples.name, -1, channels, samples.frames)


def _bank_kernels(model: StoredModel) -> tuple[Array, Array]:
    """The kernels of analysis and synthesis: the model's own, or designed."""
    bank, weights = model.architecture.bank, model.weights.of("pqmf")
    if bank.taps:
        return weights["analysis_kernel"], weights["synthesis_kernel"]
    return kernels.filter_bank(bank.bands, bank.attenuation)


def _analyse(bank: FilterBank, kernel: Array, graph: Graph, x: Signal) -> Signal:
    steps = x.frames // bank.bands
    block = math.gcd(BANDS_BLOCK, steps)
    kernel = kernel.transpose(2, 1, 0)  # (taps, 1, bands)
    weight = blocked(kernel, block, bank.bands, bank.memory + bank.bands - len(kernel))
    weight *= np.tile(kernels.odd_bands(bank.bands).T, (block // 2, 1))
    return graph.regroup(_filter(graph, graph.regroup(x, steps // block), weight), steps)


def _synthesise(kernel: Array, graph: Graph, x: Signal) -> Signal:
    bands = x.channels
    block = math.gcd(BANDS_BLOCK, x.frames)
    kernel = kernel.transpose(2, 1, 0)  # (taps, bands, phases)
    weight = blocked(kernel, block, 1)
    weight *= np.tile(kernels.odd_bands(bands).T, (len(weight) // 2, 1))[:, :, None, None]
    return graph.regroup(_filter(graph, graph.regroup(x, x.frames // block), weight), x.frames * bands)


def _down(resampler: ResamplerLayer, weights: Weights, graph: Graph, x: Signal) -> Signal:
    steps = x.frames // resampler.ratio
    block = math.gcd(SAMPLES_BLOCK, steps)
    kernel = weights["down_kernel"].transpose(2, 1, 0)  # (taps, 1, 1)
    weight = blocked(kernel, block, resampler.ratio, resampler.ratio - 1 + resampler.align)
    return graph.regroup(_filter(graph, graph.regroup(x, steps // block), weight), steps)


def _up(weights: Weights, graph: Graph, x: Signal) -> Signal:
    block = math.gcd(SAMPLES_BLOCK, x.frames)
    kernel = weights["up_kernel"].transpose(2, 1, 0)  # (taps, 1, phases)
    rows = graph.regroup(x, x.frames // block)
    return graph.regroup(_filter(graph, rows, blocked(kernel, block, 1)), x.frames * kernel.shape[2])


def blocked(kernel: Array, block: int, stride: int, delay: int = 0) -> Array:
    """A filter's weights for `block` outputs at once: (time, inputs, block, outputs), time in whole blocks.

    kernel : (taps, inputs, outputs), the newest tap last; each output sees `stride` inputs more than the last
    delay  : inputs between the end of an output's window and the newest input of its stride
    """
    taps, inputs, outputs = kernel.shape
    step = block * stride
    time = step * (1 + max(math.ceil((taps + delay - stride) / step), 0))
    weight = np.zeros((time, inputs, block, outputs), np.float32)
    for i in range(block):
        end = time - step + (i + 1) * stride - delay
        weight[end - taps : end, :, i] = kernel
    return weight


def _filter(graph: Graph, rows: Signal, weight: Array) -> Signal:
    """Each block from itself and as many before it as the weights reach over."""
    weight = weight.reshape(weight.shape[0] * weight.shape[1], -1)
    taps = len(weight) // rows.channels
    return graph.dense(graph.windows(rows, taps - 1, taps), weight)
