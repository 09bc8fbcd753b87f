"""The filter bank in a graph: both ways are one matrix product over blocks of a few band samples."""

from __future__ import annotations

import math

import numpy as np

from perform.rave.graph.builder import Array, Graph, Signal
from perform.rave.graph.layers import array
from perform.rave.pqmf import PQMF

BLOCK = 4  #: band samples a row: fewer, longer rows are gathered faster; more would multiply by more zeros


def analyse(bank: PQMF, graph: Graph, x: Signal) -> Signal:
    """Samples, one channel, to bands; as `PQMF.analyse`."""
    steps = x.frames // bank.bands
    block = math.gcd(BLOCK, steps)
    kernel = array(bank.analysis_kernel).transpose(2, 1, 0)  # (taps, 1, bands)
    weight = blocked(kernel, block, bank.bands)  # (time, 1, block, bands)
    weight *= np.tile(array(bank.turn).T, (block // 2, 1))
    rows = graph.regroup(x, steps // block)
    return graph.regroup(_filter(graph, rows, weight), steps)


def synthesise(bank: PQMF, graph: Graph, x: Signal) -> Signal:
    """Bands to samples, one channel; as `PQMF.synthesise`."""
    block = math.gcd(BLOCK, x.frames)
    kernel = array(bank.synthesis_kernel).transpose(2, 1, 0)  # (taps, bands, phases)
    weight = blocked(kernel, block, 1)  # (time, bands, block, phases)
    weight *= np.tile(array(bank.turn).T, (len(weight) // 2, 1))[:, :, None, None]
    rows = graph.regroup(x, x.frames // block)
    return graph.regroup(_filter(graph, rows, weight), x.frames * bank.bands)


def blocked(kernel: Array, block: int, stride: int) -> Array:
    """A filter's weights for `block` outputs at once: (time, inputs, block, outputs), time in whole blocks.

    kernel : (taps, inputs, outputs), the newest tap last; each output sees `stride` inputs more than the last
    """
    taps, inputs, outputs = kernel.shape
    step = block * stride
    time = step * (1 + math.ceil((taps - stride) / step))
    weight = np.zeros((time, inputs, block, outputs), np.float32)
    for i in range(block):
        end = time - step + (i + 1) * stride
        weight[end - taps : end, :, i] = kernel
    return weight


def _filter(graph: Graph, rows: Signal, weight: Array) -> Signal:
    """Each block from itself and as many before it as the weights reach over."""
    weight = weight.reshape(weight.shape[0] * weight.shape[1], -1)
    taps = len(weight) // rows.channels
    return graph.dense(graph.windows(rows, taps - 1, taps), weight)
