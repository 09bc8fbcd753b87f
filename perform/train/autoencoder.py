"""The autoencoder in training: from sound to its reconstruction, aligned in time, and a latent penalty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from perform.rave.decoder import Decoder, V1Decoder
from perform.rave.model import RAVE
from perform.train.bottleneck_training import QuantizerTraining, pass_bottleneck
from perform.train.energy_distance import energy_distance
from perform.train.losses import averaged_distance, distance

AVERAGED_WEIGHT = 3.0
"""Weight of the averaged distance; see docs/training-speed.md for what it brings."""
NOISE_FIRST = 0.5
"""Share of phase 1 in which the waves of a decoder wait for the noise, with the energy distance."""


@dataclass(frozen=True)
class AutoencoderPass:
    """Input x and output y (B, channels, n), their bands, the penalty, and the encoder's output.

    averaged_at : sample rate at which the averaged distance is added; 0: it is not
    other       : another output and its bands, with different noise, for the energy distance
    """

    x: Tensor
    y: Tensor
    x_bands: Tensor
    y_bands: Tensor
    penalty: Tensor
    embedding: Tensor
    averaged_at: int = 0
    other: tuple[Tensor, Tensor] | None = None

    def distance(self) -> Tensor:
        """Spectral or energy distance of output and input; perhaps the averaged one too."""
        if self.other is not None:
            y, bands = self.other
            apart = energy_distance(self.x, self.y, y, (self.x_bands, self.y_bands, bands))
        else:
            apart = distance(self.x, self.y, self.x_bands, self.y_bands)
        if self.averaged_at:
            apart = apart + AVERAGED_WEIGHT * averaged_distance(self.x, self.y, self.averaged_at)
        return apart


class Autoencoder(nn.Module):
    """A model in training.

    It is trained as it is played: as a stream from the first sample on. The input is delayed by the model's
    delay before it is compared with the output.

    energy : whether each batch is decoded with two noises, for the energy distance
    """

    def __init__(self, model: RAVE, seed: int, energy: bool = False) -> None:
        super().__init__()
        self.model, self.energy = model, energy
        self.quantizers = QuantizerTraining(model.codebooks, seed) if hasattr(model, "codebooks") else None
        self.noise_first = False
        """Whether the decoder's waves stay as they are, so that the noise learns level and colour first."""
        self.frozen = False
        """Whether the encoder's weights stay as they are (phase 2)."""

    def freeze(self) -> None:
        """Keep the encoder's weights as they are from now on."""
        self.frozen, self.noise_first = True, False
        self.model.encoder.requires_grad_(False)

    def forward(self, x: Tensor, latent_noise: Tensor, noise: Tensor | None) -> tuple[Tensor, ...]:
        """Return the fields of AutoencoderPass for a batch (B, channels, n * ratio), not yet aligned.

        latent_noise : (B, latent_noise_rows, n), standard normal
        noise        : (B, channels x bands, band samples), uniform in -1..1
        """
        model, sounds = self.model, len(x) * self.model.config.channels
        with torch.no_grad(), in_float32(x.device):
            x_bands, _ = model.analyse(x, model.pqmf.analysis_state(sounds))
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            embedding, _ = model.encoder(x_bands, model.encoder.init_state(len(x)))
            z, penalty = self._bottleneck(embedding, latent_noise)
        state, decoder = model.decoder.init_state(len(x)), model.decoder
        if self.energy and noise is not None and isinstance(decoder, Decoder | V1Decoder):
            outputs, _ = decoder.outputs(z, state)
            if self.noise_first:  # no gradient, but still a part of the graph, as several processes need it
                outputs[0] = outputs[0].detach() + 0 * outputs[0]
            bands = [decoder.mix(outputs, noise), decoder.mix(outputs, noise.flip(-1))]
        else:
            bands = [decoder(z, state, noise)[0]]
        with in_float32(x.device):
            bands = [each.float() for each in bands]
            made = [model.synthesise(each, model.pqmf.synthesis_state(sounds))[0] for each in bands]
        other = (made[1], bands[1]) if len(made) > 1 else ()
        return x, made[0], x_bands, bands[0], penalty, embedding.detach().float(), *other

    def _bottleneck(self, embedding: Tensor, latent_noise: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(embedding.device.type, enabled=False):
            embedding = embedding.float()
            if self.quantizers:
                z, penalty = self.quantizers(self.model.codebooks, embedding)
                return torch.cat([z, latent_noise], 1), penalty
            return pass_bottleneck(self.model.config, embedding, latent_noise)

    def aligned(self, parts: tuple[Tensor, ...]) -> AutoencoderPass:
        """Align input and output of a result of `forward` in time."""
        x, y, x_bands, y_bands, penalty, embedding, *other = parts
        delay, bank, config = self.model.delay, self.model.pqmf, self.model.config
        if config.decoder == "harmonic" or config.decoder_ratios:  # the decoder gives samples
            whole = (x.shape[-1] - delay) // bank.block * bank.block
            x, y = x[..., :whole], y[..., delay:][..., :whole]
            with in_float32(x.device):
                bands = [bank.analyse(sound.float(), bank.analysis_state(len(sound)))[0] for sound in (x, y)]
            averaged_at = config.sample_rate if config.decoder == "harmonic" else 0
            return AutoencoderPass(x, y, bands[0], bands[1], penalty, embedding, averaged_at)
        band_delay = (delay - bank.delay) // bank.bands  # band samples
        x_bands, y_bands = x_bands[..., : x_bands.shape[-1] - band_delay], y_bands[..., band_delay:]
        second = (other[0][..., delay:], other[1][..., band_delay:]) if other else None
        x, y, averaged_at = x[..., :-delay], y[..., delay:], config.sample_rate if second else 0
        return AutoencoderPass(x, y, x_bands, y_bands, penalty, embedding, averaged_at, second)


@contextmanager
def in_float32(device: torch.device) -> Iterator[None]:
    """Compute in float32. In TF32 or bfloat16 the filter bank would add hiss at -60 dB."""
    with ExitStack() as stack:
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if device.type == "cuda":
            flags = torch.backends.cudnn
            stack.enter_context(
                flags.flags(enabled=flags.enabled, benchmark=flags.benchmark, allow_tf32=False)
            )
        yield


def shortest_crop(model: RAVE) -> int:
    """Return the shortest crop that the model can be trained with, in samples."""
    return -(-max(4096, 2 * model.delay) // model.ratio) * model.ratio


def default_crop(model: RAVE) -> int:
    """Return the default crop, in samples: two thirds of a second, more for a model with a long delay."""
    usual = 32_768 if model.config.padding == "newest" else 65_536
    usual = max(usual, -(-4 * model.delay // 16_384) * 16_384)
    return -(-usual // model.ratio) * model.ratio
