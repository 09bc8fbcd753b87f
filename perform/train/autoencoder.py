"""The autoencoder in training: sound in, sound out, aligned in time, and a penalty on the latents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from perform.rave.model import RAVE
from perform.train.bottleneck_training import QuantizerTraining, pass_bottleneck
from perform.train.losses import distance


@dataclass(frozen=True)
class AutoencoderPass:
    """Input x and output y (B, channels, n), their bands, the penalty, and the encoder's output."""

    x: Tensor
    y: Tensor
    x_bands: Tensor
    y_bands: Tensor
    penalty: Tensor
    embedding: Tensor

    def distance(self) -> Tensor:
        """Spectral distance of the output from the input, full band and multiband."""
        return distance(self.x, self.y, self.x_bands, self.y_bands)


class Autoencoder(nn.Module):
    """A model in training.

    Training runs the stream itself, from its first sample on, whatever the padding. The input is delayed by
    the model's delay before output and input are compared. So what is trained is what is played.
    """

    def __init__(self, model: RAVE, seed: int) -> None:
        super().__init__()
        self.model = model
        self.quantizers = QuantizerTraining(model.codebooks, seed) if hasattr(model, "codebooks") else None
        self.frozen = False
        """Whether the encoder is fixed (phase 2)."""

    def freeze(self) -> None:
        """Fix the encoder's weights from now on."""
        self.frozen = True
        self.model.encoder.requires_grad_(False)

    def forward(self, x: Tensor, dice: Tensor, noise: Tensor | None) -> tuple[Tensor, ...]:
        """A batch (B, channels, n * ratio) to the fields of AutoencoderPass, not yet aligned.

        dice : (B, dice_rows, n), normal;  noise : (B, channels x bands, band samples), uniform in -1..1
        """
        model, sounds = self.model, len(x) * self.model.config.channels
        with torch.no_grad(), in_float32(x.device):
            x_bands, _ = model.analyse(x, model.pqmf.analysis_state(sounds))
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            embedding, _ = model.encoder(x_bands, model.encoder.init_state(len(x)))
            z, penalty = self._bottleneck(embedding, dice)
        y_bands, _ = model.decoder(z, model.decoder.init_state(len(x)), noise)
        with in_float32(x.device):
            y_bands = y_bands.float()
            y, _ = model.synthesise(y_bands, model.pqmf.synthesis_state(sounds))
        return x, y, x_bands, y_bands, penalty, embedding.detach().float()

    def _bottleneck(self, embedding: Tensor, dice: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(embedding.device.type, enabled=False):
            embedding = embedding.float()
            if self.quantizers:
                z, penalty = self.quantizers(self.model.codebooks, embedding)
                return torch.cat([z, dice], 1), penalty
            return pass_bottleneck(self.model.config, embedding, dice)

    def aligned(self, parts: tuple[Tensor, ...]) -> AutoencoderPass:
        """The result of `forward` with input and output aligned in time."""
        x, y, x_bands, y_bands, penalty, embedding = parts
        late, bank = self.model.delay, self.model.pqmf
        later = (late - bank.delay) // bank.bands  # delay in band samples
        x_bands, y_bands = x_bands[..., : x_bands.shape[-1] - later], y_bands[..., later:]
        return AutoencoderPass(x[..., :-late], y[..., late:], x_bands, y_bands, penalty, embedding)


@contextmanager
def in_float32(device: torch.device) -> Iterator[None]:
    """Compute the filter bank in float32: TF32 and bfloat16 would leave hiss at -60 dB."""
    with ExitStack() as stack:
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if device.type == "cuda":
            flags = torch.backends.cudnn
            stack.enter_context(
                flags.flags(enabled=flags.enabled, benchmark=flags.benchmark, allow_tf32=False)
            )
        yield


def least_crop(model: RAVE) -> int:
    """Samples of the shortest crop that can be trained with."""
    return -(-max(4096, 2 * model.delay) // model.ratio) * model.ratio


def usual_crop(model: RAVE) -> int:
    """Samples of a crop by default: two thirds of a second, more for a model with a long delay."""
    usual = 32_768 if model.config.padding == "newest" else 65_536
    usual = max(usual, -(-4 * model.delay // 16_384) * 16_384)
    return -(-usual // model.ratio) * model.ratio
