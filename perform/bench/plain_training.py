"""The plain upstream recipe's training step: what `perform train` is measured against.

The same model, batch and losses as the paper (arXiv 2111.05011) and the public configurations describe them,
put together from torch's own parts in the obvious way: a `torch.stft` for each signal and size, autograd
through all of it, the same sizes for bands, folded sounds as pictures for the period discriminators, and
each step of phase 2 computing both sides' losses.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, leaky_relu, pad
from torch.nn.utils.parametrizations import weight_norm

from perform.rave.model import RAVE
from perform.train.bottleneck_training import divergence
from perform.train.discriminators import PERIODS, SCALES
from perform.train.losses import FULL_SCALES
from perform.train.trainer import convolutions

EPSILON = 1e-7


def distance(x: Tensor, y: Tensor, scales: tuple[int, ...]) -> Tensor:
    """Sum over sizes of relative squared and mean logarithmic differences, of signals (B, n)."""
    total = x.new_zeros(())
    for size in scales:
        window = torch.hann_window(size, device=x.device)
        a, b = (torch.stft(s, size, size // 4, window=window, return_complex=True).abs() for s in (x, y))
        total = total + (a - b).square().mean() / a.square().mean()
        total = total + ((a + EPSILON).log() - (b + EPSILON).log()).abs().mean()
    return total


class PlainNet(nn.Module):
    """A critic: four strided convolutions and a verdict."""

    def __init__(self, channels: int, capacity: int, picture: bool) -> None:
        super().__init__()
        kind: Callable[..., nn.Module] = nn.Conv2d if picture else nn.Conv1d
        kernel, stride, padding = ((5, 1), (4, 1), (2, 0)) if picture else (15, 4, 7)
        layers, inputs = [], channels
        for layer in range(4):
            outputs = capacity * 2**layer
            layers.append(weight_norm(kind(inputs, outputs, kernel, stride=stride, padding=padding)))
            inputs = outputs
        self.layers, self.verdict = nn.ModuleList(layers), kind(inputs, 1, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, channels, n) or (B, channels, n / period, period)"""
        heard = []
        for layer in self.layers:
            x = layer(x)
            heard.append(x)
            x = leaky_relu(x, 0.2)
        return [*heard, self.verdict(x)]


class PlainRecipe:
    """Trains step by step: phase 1 ("1"), or the discriminators ("critics") or "model" of phase 2."""

    def __init__(self, model: RAVE) -> None:
        self.model = copy.deepcopy(model)
        for layer in convolutions(self.model):
            weight_norm(layer)
        channels, capacity = model.config.channels, model.config.capacity
        self.periods = nn.ModuleList(PlainNet(channels, capacity, True) for _ in PERIODS)
        self.scales = nn.ModuleList(PlainNet(channels, capacity, False) for _ in range(SCALES))
        critics = [*self.periods.parameters(), *self.scales.parameters()]
        self.learning = torch.optim.Adam(self.model.parameters(), 1e-4, (0.5, 0.9))
        self.hearing = torch.optim.Adam(critics, 1e-4, (0.5, 0.9))

    def advance(self, kind: str, x: Tensor) -> None:
        """One step with a batch (B, channels, n * ratio)."""
        model, batch, sounds = self.model, len(x), len(x) * self.model.config.channels
        x_bands, _ = model.analyse(x, model.pqmf.analysis_state(sounds))
        mean, std, _ = model.posterior(x_bands, model.encoder.init_state(batch))
        z, penalty = mean + std * torch.randn_like(mean), divergence(mean, std)
        if kind != "1":
            z = z.detach()
        noise = 2 * torch.rand_like(x_bands) - 1 if model.config.noise_ratios else None
        y_bands, _ = model.decoder(z, model.decoder.init_state(batch), noise)
        y, _ = model.synthesise(y_bands, model.pqmf.synthesis_state(sounds))
        late = model.delay
        later = (late - model.pqmf.delay) // model.pqmf.bands
        x_bands, y_bands = x_bands[..., : x_bands.shape[-1] - later], y_bands[..., later:]
        x, y = x[..., :-late], y[..., late:]
        sizes = tuple(size for size in FULL_SCALES if size < 2 * x_bands.shape[-1])
        loss = distance(x_bands.flatten(0, 1), y_bands.flatten(0, 1), sizes)
        loss = loss + distance(x.flatten(0, 1), y.flatten(0, 1), FULL_SCALES)
        if kind == "1":
            self._descend(loss + 0.1 * penalty, self.learning)
            return
        hearing, persuading, features = self._judge(torch.cat([x, y]))
        if kind == "critics":
            self._descend(hearing, self.hearing)
        else:
            self._descend(loss + persuading + 20 * features, self.learning)

    def _judge(self, xy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        heard = []
        for net, period in zip(self.periods, PERIODS, strict=True):
            folded = pad(xy, (0, -xy.shape[-1] % period))
            heard.append(net(folded.reshape(*xy.shape[:2], -1, period)))
        for net in self.scales:
            heard.append(net(xy))
            xy = avg_pool1d(xy, 2)
        hearing, persuading, features = (xy.new_zeros(()) for _ in range(3))
        for layers in heard:
            real, fake = layers[-1].chunk(2)
            hearing = hearing + (torch.relu(1 - real) + torch.relu(1 + fake)).mean()
            persuading = persuading - fake.mean()
            for layer in layers[1:]:
                a, b = layer.chunk(2)
                features = features + (a - b).abs().mean() / a.abs().mean() / (len(layers) - 1) / len(heard)
        return hearing, persuading, features

    def _descend(self, loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
