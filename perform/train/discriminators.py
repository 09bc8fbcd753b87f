"""Discriminators, which learn to tell a model's sound from the corpus, and the losses of phase 2.

There are three kinds: multi-period (HiFi-GAN, arXiv 2010.05646), multi-scale (MelGAN, arXiv 1910.06711) and
multi-resolution STFT (EnCodec, arXiv 2210.13438, appendix A.2). Their sizes are those of RAVE's public
configurations. Each returns the output of every layer. The last one is its verdict, high for real sound.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, leaky_relu, pad
from torch.nn.utils.parametrizations import weight_norm

PERIODS = (2, 3, 5, 7, 11)
SCALES = 3
SPECTRA = (2048, 1024, 512)
SPECTRUM_CHANNELS = 32

Features = list[list[Tensor]]
"""For each discriminator, the outputs of its layers, the verdict last."""


class Discriminator(nn.Module):
    """Layers with leaky ReLUs between them, and a verdict."""

    layers: nn.ModuleList
    verdict: nn.Module

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the outputs of the layers, the verdict last."""
        outputs = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
            x = leaky_relu(x, 0.2)
        return [*outputs, self.verdict(x)]


class ScaleDiscriminator(Discriminator):
    """Four strided convolutions, each with twice as many channels as the one before, and a verdict."""

    def __init__(self, channels: int, capacity: int, kernel: int, stride: int) -> None:
        super().__init__()
        widths = [channels, *(capacity * 2**layer for layer in range(4))]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv1d(a, b, kernel, stride, kernel // 2)) for a, b in pairwise(widths)
        )
        self.verdict = nn.Conv1d(widths[-1], 1, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of sound (B, channels, n)."""
        return self.features(x)


class PeriodDiscriminator(ScaleDiscriminator):
    """Convolutions over every `period`-th sample of the sound."""

    def __init__(self, channels: int, capacity: int, period: int) -> None:
        super().__init__(channels, capacity, 5, 4)
        self.period = period

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of sound (B, channels, n)."""
        x = pad(x, (0, -x.shape[-1] % self.period))
        folded = x.reshape(*x.shape[:2], -1, self.period).permute(
            0, 3, 1, 2
        )  # (B, period, channels, n / period)
        return super().forward(folded.flatten(0, 1))


class SpectrumDiscriminator(Discriminator):
    """Two-dimensional convolutions over an STFT, whose real and imaginary parts are channels."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.size, wide = size, SPECTRUM_CHANNELS
        self.register_buffer("window", torch.hann_window(size) / size**0.5, persistent=False)
        self.window: Tensor
        shapes = [
            (2 * channels, (3, 9), 1, 1),
            *((wide, (3, 9), 2, 2**i) for i in range(3)),
            (wide, (3, 3), 1, 1),
        ]
        self.layers = nn.ModuleList(
            weight_norm(
                nn.Conv2d(
                    inputs,
                    wide,
                    kernel,
                    (1, stride),
                    ((kernel[0] // 2) * dilation, kernel[1] // 2),
                    (dilation, 1),
                )
            )
            for inputs, kernel, stride, dilation in shapes
        )
        self.verdict = nn.Conv2d(wide, 1, 3, padding=1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of sound (B, channels, n)."""
        with torch.autocast(x.device.type, enabled=False):
            frames = x.float().unfold(-1, self.size, self.size // 4)  # (B, channels, frames, size)
            spectrum = torch.view_as_real(torch.fft.rfft(frames * self.window))
        x = spectrum.permute(0, 1, 4, 2, 3).flatten(1, 2)  # (B, channels x 2, frames, bins)
        return self.features(x)


class Discriminators(nn.Module):
    """All discriminators of the `kinds` (plan.DISCRIMINATORS); `capacity` is the first layer's channels."""

    def __init__(self, channels: int, capacity: int, kinds: tuple[str, ...]) -> None:
        super().__init__()
        periods = PERIODS if "period" in kinds else ()
        scales = SCALES if "scale" in kinds else 0
        spectra = SPECTRA if "spectrum" in kinds else ()
        self.periods = nn.ModuleList(PeriodDiscriminator(channels, capacity, period) for period in periods)
        self.scales = nn.ModuleList(ScaleDiscriminator(channels, capacity, 15, 4) for _ in range(scales))
        self.spectra = nn.ModuleList(SpectrumDiscriminator(channels, size) for size in spectra)

    def forward(self, x: Tensor) -> Features:
        """Return the features of each discriminator for sound (B, channels, n)."""
        features = [discriminator(x) for discriminator in (*self.periods, *self.spectra)]
        for discriminator in self.scales:
            features.append(discriminator(x))
            x = avg_pool1d(x, 2)
        return features


def discriminator_loss(both: Features) -> Tensor:
    """Return the hinge loss of the discriminators; each batch is half real sound, then half the model's."""
    loss = both[0][-1].new_zeros((), dtype=torch.float32)
    for features in both:
        real, fake = features[-1].float().chunk(2)
        loss = loss + torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()
    return loss


def generator_loss(fake: Features) -> Tensor:
    """Return the adversarial loss of the model: minus the mean verdict, summed over discriminators."""
    return -torch.stack([features[-1].float().mean() for features in fake]).sum()


def feature_distance(real: Features, fake: Features) -> Tensor:
    """Return the feature matching loss: the mean relative difference of all layers but the first."""
    total = fake[0][-1].new_zeros((), dtype=torch.float32)
    for fake_layers, real_layers in zip(fake, real, strict=True):
        for a, b in zip(fake_layers[1:], real_layers[1:], strict=True):
            difference = (a.float() - b.float()).abs().mean() / b.float().abs().mean().clamp(min=1e-5)
            total = total + difference / (len(fake_layers) - 1)
    return total / len(fake)
