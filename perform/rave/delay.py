"""The delay of a model: the sum over its layers, and a measurement with an impulse.

With centred padding, upstream's default, every convolution of a stream waits for half its window, and these
delays add up. An imported causal model may respond later than the sum, if it was trained so; therefore the
card of an import has the measured delay. Our models are trained to respond after the sum, and their cards
have both.

Where one model encodes and another decodes, the encoder's part of the delay matters. A frame of latents
stands for its middle: there the encoder's part ends and the decoder's begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perform.rave.blocks import AdaIN, Delay, Residual, Snake
from perform.rave.decoder import Generator
from perform.rave.encoder import PitchedEncoder, Spectrum
from perform.rave.harmonics import Harmonics
from perform.rave.model_layers import UnknownLayer
from perform.rave.stream import (
    Chain,
    Conv1d,
    ConvTranspose1d,
    LeakyReLU,
    ResidualUnit,
    Streaming,
)

if TYPE_CHECKING:
    from perform.rave.model import RAVE


def latency(model: RAVE) -> int:
    """Delay of decode(encode(x)) in samples, by the sum of the layers."""
    config, resampler = model.config, model.resampler
    delay = 0.0  # in samples at the rate of the next layer
    if config.padding != "newest":
        delay = delay_after(model.decoder, delay_after(model.encoder.net, delay))
    if config.decoder_ratios:  # it makes samples: only the analysis of the filter bank delays
        samples = delay + round(model.pqmf.delay / 2)
    else:
        samples = delay * config.bands + model.pqmf.delay
    if resampler:
        samples = (samples + resampler.up_delay) * resampler.ratio + resampler.down_delay
    return round(samples)


def encoder_latency(model: RAVE) -> int:
    """The encoder's part of `latency`, up to the middle of the latents' frame, in samples."""
    config, resampler = model.config, model.resampler
    delay = model.pqmf.delay / 2
    if config.padding != "newest":
        frame = model.ratio // config.resampling  # in samples at the bank's rate
        delay += delay_after(model.encoder.net, 0.0) * frame
    if resampler:
        delay = delay * resampler.ratio + resampler.down_delay
    return round(delay + model.ratio / 2)


def delay_after(layer: Streaming, delay: float) -> float:
    """Delay of a layer's output in output samples, if its input is delayed by `delay` input samples."""
    match layer:
        case Generator():
            for part in (layer.net, *layer.branches()[:1]):  # its branches are aligned
                delay = delay_after(part, delay)
            return delay
        case Chain():
            for part in layer:
                delay = delay_after(part, delay)
            return delay
        case Conv1d():
            return (delay + layer.delay) / layer.stride
        case ConvTranspose1d():
            return delay * layer.ratio + layer.ratio // 2
        case ResidualUnit():
            return delay + layer.delay
        case Residual():
            return delay + layer.straight.samples
        case Delay():
            return delay + layer.samples
        case Spectrum():
            return delay / layer.hop
        case PitchedEncoder():
            return delay_after(layer.timbre, delay)
        case Harmonics():
            return delay * layer.ratio / layer.bands
        case LeakyReLU() | Snake() | AdaIN():  # they work sample by sample, without delay
            return delay
    raise UnknownLayer(layer, "the delay")


@torch.inference_mode()
def measure(model: RAVE) -> int | None:
    """Samples from an impulse to the middle of its response; None without a finite response.

    Averaged over impulses at several places of a frame, because the latents have the resolution of a frame.
    """
    z, places = _impulse_latents(model)
    noise = z.new_zeros(len(z), model.noise, z.shape[-1])
    y, _ = model.decode(z, noise, model.decoder_state(len(z)))
    energy = (y[:-1] - y[-1:]).double().square().sum(1)  # (trials, samples)
    heard = _responded(energy)
    if not heard.any():
        return None
    reached = energy.cumsum(-1) >= energy.sum(-1, keepdim=True) / 2
    middle = reached.float().argmax(-1)
    return max(round(float((middle - places)[heard].double().mean())), 0)


@torch.inference_mode()
def measure_encoder(model: RAVE) -> int | None:
    """Samples from an impulse to the mean middle of the latent frames that it changes.

    None if it changes none: the codes of a discrete model may stay the same.
    """
    z, places = _impulse_latents(model)
    energy = (z[:-1] - z[-1:]).double().square().sum(1)  # (trials, frames)
    heard = _responded(energy)
    if not heard.any():
        return None
    middles = (torch.arange(energy.shape[-1]).double() + 0.5) * model.ratio
    return round(float(((energy @ middles) / energy.sum(-1) - places)[heard].mean()))


def _responded(energy: Tensor) -> Tensor:
    """Which trials (trials, n) have a finite response."""
    total = energy.sum(-1)
    return total.isfinite() & (total > 0)


def _impulse_latents(model: RAVE) -> tuple[Tensor, Tensor]:
    """Latents (trials + 1, latents, frames) of impulses, the last row of silence; the impulses' places."""
    ratio, trials = model.ratio, 4
    frames = 2 * -(-model.delay // ratio) + 20
    x = torch.zeros(trials, model.config.channels, frames * ratio)
    places = 4 * ratio + torch.arange(trials) * ratio // trials
    x[torch.arange(trials), :, places] = 1.0
    sounds = torch.cat([x, torch.zeros_like(x[:1])])
    z, _ = model.encode(sounds, model.encoder_state(len(sounds)))
    return z, places
