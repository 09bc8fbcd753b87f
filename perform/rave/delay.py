"""How late a model's sound comes: from the arithmetic of its layers, and by listening to an impulse.

With centred padding, upstream's default, a stream waits at every convolution for half its window, and the
waits add up. The arithmetic gives what streaming adds to the model as it was trained. A causal model that
others trained may well answer later than that (it learnt when to answer), so an import's card has what an
impulse shows; ours are trained to answer as late as the sum, and their cards have both.

Where one model hears and another speaks it matters which part of a delay is the encoder's. A frame of latents
stands for its middle, so an encoder's part ends there and a decoder's begins: it may have begun before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perform.rave.blocks import AdaIN, Delay, Residual, Snake
from perform.rave.decoder import Generator
from perform.rave.encoder import Spectrum
from perform.rave.stream import (
    Chain,
    Conv1d,
    ConvTranspose1d,
    LeakyReLU,
    ResidualUnit,
    Streaming,
    UnknownLayer,
)

if TYPE_CHECKING:
    from perform.rave.model import RAVE


def latency(model: RAVE) -> int:
    """Samples by which decoding an encoding is late, by arithmetic."""
    config, resampler = model.config, model.resampler
    late = 0.0  # in samples at the rate of the layer in hand
    if config.padding != "newest":
        late = late_after(model.decoder, late_after(model.encoder.net, late))
    samples = late * config.bands + model.pqmf.delay
    if resampler:
        samples = (samples + resampler.up_late) * resampler.ratio + resampler.late
    return round(samples)


def encoder_latency(model: RAVE) -> int:
    """Those of `latency`'s samples that have passed in the middle of the latents' frame, by arithmetic."""
    config, resampler = model.config, model.resampler
    late = model.pqmf.delay / 2
    if config.padding != "newest":
        frame = model.ratio // config.resampling  # in samples at the bank's rate
        late += late_after(model.encoder.net, 0.0) * frame
    if resampler:
        late = late * resampler.ratio + resampler.late
    return round(late + model.ratio / 2)


def late_after(layer: Streaming, late: float) -> float:
    """How late a layer's output is, in its own samples, if its input is `late` in its."""
    match layer:
        case Generator():
            for part in (layer.net, *layer.branches()[:1]):  # its branches are in step
                late = late_after(part, late)
            return late
        case Chain():
            for part in layer:
                late = late_after(part, late)
            return late
        case Conv1d():
            return (late + layer.late) / layer.stride
        case ConvTranspose1d():
            return late * layer.ratio + layer.ratio // 2
        case ResidualUnit():
            return late + layer.delay
        case Residual():
            return late + layer.straight.samples
        case Delay():
            return late + layer.samples
        case Spectrum():
            return late / layer.hop
        case LeakyReLU() | Snake() | AdaIN():  # sample by sample: they delay nothing
            return late
    raise UnknownLayer(layer, "the delay")


@torch.inference_mode()
def measure(model: RAVE) -> int:
    """Samples from an impulse to the middle of what it changes in the output; silence besides.

    Averaged over impulses at several places of a frame, as a model hears time in frames.
    """
    z, places = _struck(model)
    noise = z.new_zeros(len(z), model.noise, z.shape[-1])
    y, _ = model.decode(z, noise, model.decoder_state(len(z)))
    energy = (y[:-1] - y[-1:]).square().sum(1)  # (trials, samples)
    reached = energy.cumsum(-1) >= energy.sum(-1, keepdim=True) / 2
    middle = reached.float().argmax(-1)
    return round(float((middle - places).float().mean()))


@torch.inference_mode()
def measure_encoder(model: RAVE) -> int:
    """Samples from an impulse to the middle of the latents' frames that it changes, on average."""
    z, places = _struck(model)
    energy = (z[:-1] - z[-1:]).square().sum(1)  # (trials, frames)
    middles = (torch.arange(energy.shape[-1]) + 0.5) * model.ratio
    return round(float(((energy @ middles) / energy.sum(-1) - places).mean()))


def _struck(model: RAVE) -> tuple[Tensor, Tensor]:
    """Latents (trials + 1, latents, frames) of impulses, the last of silence; where each was, in samples."""
    ratio, trials = model.ratio, 4
    frames = 2 * -(-model.delay // ratio) + 20
    x = torch.zeros(trials, model.config.channels, frames * ratio)
    places = 4 * ratio + torch.arange(trials) * ratio // trials
    x[torch.arange(trials), :, places] = 1.0
    sounds = torch.cat([x, torch.zeros_like(x[:1])])
    z, _ = model.encode(sounds, model.encoder_state(len(sounds)))
    return z, places
