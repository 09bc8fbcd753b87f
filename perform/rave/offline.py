"""Runs a model offline, as upstream trains it: a whole signal at once, zeros around it, without delay.

An export that was not made for streaming works like this. With centred padding the result differs from a
stream, whose convolutions wait for the samples on their right.
"""

from __future__ import annotations

from functools import singledispatch

from torch import Tensor
from torch.nn.functional import conv1d, conv_transpose1d, leaky_relu, pad

from perform.rave.blocks import AdaIN, Delay, NoiseSynth, Residual, Snake
from perform.rave.decoder import Decoder, V1Decoder
from perform.rave.model import RAVE
from perform.rave.model_layers import UnknownLayer, padding
from perform.rave.stream import (
    Chain,
    Conv1d,
    ConvTranspose1d,
    LeakyReLU,
    ResidualUnit,
    Streaming,
)


def encode(model: RAVE, x: Tensor) -> Tensor:
    """Samples (B, channels, n * ratio) to the encoder's output (B, width, n), for RAVE.embed."""
    batch, mode, x = len(x), model.config.padding, x.reshape(-1, 1, x.shape[-1])
    if model.resampler:
        kernel = model.resampler.down_kernel
        x = conv1d(pad(x, padding(mode, kernel.shape[-1])), kernel, stride=model.resampler.ratio)
    kernel = model.pqmf.analysis_kernel
    bands = model.pqmf.flip_odd_bands(
        conv1d(pad(x, padding(mode, kernel.shape[-1])), kernel, stride=model.pqmf.bands)
    )
    return run_whole(model.encoder.net, bands.reshape(batch, -1, bands.shape[-1]))


def decode(model: RAVE, z: Tensor, noise: Tensor) -> Tensor:
    """Latents (B, latents, n) and noise (B, noise, n) to samples (B, channels, n * ratio)."""
    mode, decoder = model.config.padding, model.decoder
    if not isinstance(decoder, Decoder | V1Decoder):
        raise UnknownLayer(decoder, "the output for a whole signal")
    x = run_whole(decoder.net, model.restore(z, noise[:, : model.missing]))
    outputs = [run_whole(branch, x) for branch in decoder.branches()]
    bands = decoder.mix(outputs or [x], model.uniform(noise[:, model.missing :]))
    if model.config.decoder_ratios:  # they are samples
        y = bands.reshape(-1, 1, bands.shape[-1])
    else:
        kernel = model.pqmf.synthesis_kernel
        bands = model.pqmf.flip_odd_bands(bands.reshape(-1, model.config.bands, bands.shape[-1]))
        y = _interleaved(conv1d(pad(bands, padding(mode, kernel.shape[-1])), kernel))
    if model.resampler:
        kernel = model.resampler.up_kernel
        y = _interleaved(conv1d(pad(y, padding(mode, kernel.shape[-1])), kernel))
    return y.reshape(len(z), model.config.channels, -1)


@singledispatch
def run_whole(layer: Streaming, x: Tensor) -> Tensor:
    """The layer's output for a whole signal (B, channels, n)."""
    raise UnknownLayer(layer, "the output for a whole signal")


@run_whole.register
def _(layer: LeakyReLU | Snake | AdaIN, x: Tensor) -> Tensor:
    y: Tensor = layer(x, [])[0]  # these have no memory: streamed and offline are the same
    return y


@run_whole.register
def _(layer: Chain, x: Tensor) -> Tensor:
    for part in layer:
        x = run_whole(part, x)
    return x


@run_whole.register
def _(layer: Conv1d, x: Tensor) -> Tensor:
    return layer.valid(pad(x, layer.padding))


@run_whole.register
def _(layer: ConvTranspose1d, x: Tensor) -> Tensor:
    return conv_transpose1d(x, layer.weight, layer.bias, layer.ratio, padding=layer.ratio // 2)


@run_whole.register
def _(layer: Delay, x: Tensor) -> Tensor:
    return x


@run_whole.register
def _(layer: ResidualUnit, x: Tensor) -> Tensor:
    y = run_whole(layer.dilated, leaky_relu(x, 0.2))
    return x + run_whole(layer.pointwise, leaky_relu(y, 0.2))


@run_whole.register
def _(layer: Residual, x: Tensor) -> Tensor:
    return x + run_whole(layer.body, x)


@run_whole.register
def _(layer: NoiseSynth, x: Tensor) -> Tensor:
    return layer.amplitudes(run_whole(layer.net, x))


def _interleaved(x: Tensor) -> Tensor:
    """Phases (B, phases, n) to samples (B, 1, n * phases)."""
    return x.transpose(1, 2).reshape(len(x), 1, -1)
