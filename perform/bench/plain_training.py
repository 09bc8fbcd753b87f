"""The plain recipe of RAVE, with which the training steps of `perform train` are compared.

Model, batch and losses are those of the paper (arXiv 2111.05011) and of the public configurations, written in
plain torch: `torch.stft` for each signal and size, autograd for everything, two-dimensional convolutions in
the period discriminators. Each step of phase 2 computes the losses of model and discriminators.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, pad
from torch.nn.utils.parametrizations import weight_norm

from perform.rave.model import RAVE
from perform.train.bottleneck_training import divergence
from perform.train.discriminators import PERIODS, SCALES, Discriminator
from perform.train.losses import FULL_SCALES
from perform.train.weight_norm import add_weight_norm

EPSILON = 1e-7


def distance(x: Tensor, y: Tensor, scales: tuple[int, ...]) -> Tensor:
    """Return the sum over sizes of relative squared and mean logarithmic differences of signals (B, n)."""
    total = x.new_zeros(())
    for size in scales:
        window = torch.hann_window(size, device=x.device)
        a, b = (torch.stft(s, size, size // 4, window=window, return_complex=True).abs() for s in (x, y))
        total = total + (a - b).square().mean() / a.square().mean()
        total = total + ((a + EPSILON).log() - (b + EPSILON).log()).abs().mean()
    return total


class PlainDiscriminator(Discriminator):
    """A discriminator: four strided convolutions and a verdict."""

    def __init__(self, channels: int, capacity: int, folded: bool) -> None:
        super().__init__()
        kind: Callable[..., nn.Module] = nn.Conv2d if folded else nn.Conv1d
        kernel, stride, padding = ((5, 1), (4, 1), (2, 0)) if folded else (15, 4, 7)
        layers, inputs = [], channels
        for layer in range(4):
            outputs = capacity * 2**layer
            layers.append(weight_norm(kind(inputs, outputs, kernel, stride=stride, padding=padding)))
            inputs = outputs
        self.layers, self.verdict = nn.ModuleList(layers), kind(inputs, 1, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the outputs of all layers for (B, channels, n) or (B, channels, n / period, period)."""
        return self.features(x)


class PlainRecipe:
    """Trains by steps: "1" is phase 1; "critics" and "model" train discriminators and model in phase 2."""

    def __init__(self, model: RAVE) -> None:
        self.model = copy.deepcopy(model)
        add_weight_norm(self.model)
        channels, capacity = model.config.channels, model.config.capacity
        self.periods = nn.ModuleList(PlainDiscriminator(channels, capacity, True) for _ in PERIODS)
        self.scales = nn.ModuleList(PlainDiscriminator(channels, capacity, False) for _ in range(SCALES))
        discriminators = [*self.periods.parameters(), *self.scales.parameters()]
        self.optimiser = torch.optim.Adam(self.model.parameters(), 1e-4, (0.5, 0.9))
        self.discriminator_optimiser = torch.optim.Adam(discriminators, 1e-4, (0.5, 0.9))

    def advance(self, kind: str, x: Tensor) -> None:
        """Do one step with a batch (B, channels, n * ratio)."""
        model, batch, sounds = self.model, len(x), len(x) * self.model.config.channels
        x_bands, _ = model.analyse(x, model.pqmf.analysis_state(sounds))
        mean, std, _ = model.posterior(x_bands, model.encoder.init_state(batch))
        z, penalty = mean + std * torch.randn_like(mean), divergence(mean, std)
        if kind != "1":
            z = z.detach()
        noise = 2 * torch.rand_like(x_bands) - 1 if model.config.noise_ratios else None
        y_bands, _ = model.decoder(z, model.decoder.init_state(batch), noise)
        y, _ = model.synthesise(y_bands, model.pqmf.synthesis_state(sounds))
        delay = model.delay
        band_delay = (delay - model.pqmf.delay) // model.pqmf.bands
        x_bands, y_bands = x_bands[..., : x_bands.shape[-1] - band_delay], y_bands[..., band_delay:]
        x, y = x[..., :-delay], y[..., delay:]
        sizes = tuple(size for size in FULL_SCALES if size < 2 * x_bands.shape[-1])
        loss = distance(x_bands.flatten(0, 1), y_bands.flatten(0, 1), sizes)
        loss = loss + distance(x.flatten(0, 1), y.flatten(0, 1), FULL_SCALES)
        if kind == "1":
            self._descend(loss + 0.1 * penalty, self.optimiser)
            return
        discriminator_loss, generator_loss, feature_loss = self._adversarial_losses(torch.cat([x, y]))
        if kind == "critics":
            self._descend(discriminator_loss, self.discriminator_optimiser)
        else:
            self._descend(loss + generator_loss + 20 * feature_loss, self.optimiser)

    def _adversarial_losses(self, xy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        outputs = []
        for net, period in zip(self.periods, PERIODS, strict=True):
            folded = pad(xy, (0, -xy.shape[-1] % period))
            outputs.append(net(folded.reshape(*xy.shape[:2], -1, period)))
        for net in self.scales:
            outputs.append(net(xy))
            xy = avg_pool1d(xy, 2)
        discriminator_loss, generator_loss, feature_loss = (xy.new_zeros(()) for _ in range(3))
        for layers in outputs:
            real, fake = layers[-1].chunk(2)
            discriminator_loss = discriminator_loss + (torch.relu(1 - real) + torch.relu(1 + fake)).mean()
            generator_loss = generator_loss - fake.mean()
            for layer in layers[1:]:
                a, b = layer.chunk(2)
                difference = (a - b).abs().mean() / a.abs().mean()
                feature_loss = feature_loss + difference / (len(layers) - 1) / len(outputs)
        return discriminator_loss, generator_loss, feature_loss

    def _descend(self, loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
