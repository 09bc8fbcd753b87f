"""Measures each latent of a model: its range over the corpus, its home, and how far it moves the sound.

The effect of a latent is the RMS difference, in dB, between mean mel spectra of the sound with the latent
held at three places of its range: the largest of the three differences, averaged over some stretches of the
model's loop and over the hand (all other latents at home). The decoder's noise is the same each time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from perform.rave.latent_home import home_latents
from perform.rave.model import RAVE

STRETCHES = 4  #: of the loop; the hand is one more
STRETCH_S = 0.5  #: seconds of each
BANDS = 64  #: mel bands from LOWEST_HZ to HIGHEST_HZ or half the sample rate
LOWEST_HZ, HIGHEST_HZ = 30.0, 16000.0
FLOOR_DB = -80.0  #: of a band, below full scale: what is softer counts as silent
WINDOW, HOP = 2048, 512  #: samples
UNKNOWN = 4.0  #: sigma on either side, the range of a latent whose corpus is not known


def measured_latents(model: RAVE, z: Tensor | None = None) -> dict[str, list[float]]:
    """Return the card's entries about ranges, home and effects. [slow]

    z : (frames, latents) of the corpus; None: those of the model's loop, unless no corpus made it
    """
    entries: dict[str, list[float]] = {}
    if z is None and model.card["corpus"]:
        z = model.gesture
    low, high = (torch.full((model.latents,), side * UNKNOWN) for side in (-1, 1))
    if z is not None:
        low, high = torch.quantile(z, 0.01, 0), torch.quantile(z, 0.99, 0)
        if model.card:  # the loop is a part of the corpus, and may leave out its rare ends
            low = torch.minimum(low, torch.tensor(model.card["latent_p05"]))
            high = torch.maximum(high, torch.tensor(model.card["latent_p95"]))
        home = home_latents(model)
        entries = {"latent_p01": _rounded(low, 4), "latent_p99": _rounded(high, 4), "latent_home": home}
    effects = latent_effects(
        model,
        low.clamp(-UNKNOWN, UNKNOWN),
        high.clamp(-UNKNOWN, UNKNOWN),
        torch.tensor(entries.get("latent_home", [0.0] * model.latents)),
    )
    return entries | {"latent_effect": _rounded(effects, 2)}


@torch.inference_mode()
def latent_effects(model: RAVE, low: Tensor, high: Tensor, home: Tensor) -> Tensor:
    """Return how far each latent moves the sound between low and high (latents,) sigma: (latents,) dB.

    home : (latents,) of the hand
    """
    base = _stretches(model, home)  # (B, frames, latents)
    batch, frames, latents = base.shape
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(batch, model.noise, frames, generator=generator)
    bands = _mel_bands(model.config.sample_rate)
    effects = []
    for latent in range(latents):
        spectra = []
        for place in (0.0, 0.5, 1.0):
            z = base.clone()
            z[:, :, latent] = torch.lerp(low[latent], high[latent], place)
            y, _ = model.decode(z.transpose(1, 2), noise, model.decoder_state(batch))
            spectra.append(_mean_spectrum(y.mean(1), bands))
        apart = [_apart(spectra[a], spectra[b]) for a, b in ((0, 1), (1, 2), (0, 2))]
        effects.append(torch.stack(apart).amax(0).mean())
    return torch.stack(effects)


def _stretches(model: RAVE, home: Tensor) -> Tensor:
    """Stretches of the model's loop, and the hand: (STRETCHES + 1, frames, latents)."""
    rate, gesture = model.config.sample_rate, model.gesture
    frames = max(math.ceil(STRETCH_S * rate / model.ratio), math.ceil(2 * WINDOW / model.ratio))
    starts = torch.linspace(0, max(len(gesture) - frames, 0), STRETCHES).long()
    at = (starts[:, None] + torch.arange(frames)) % len(gesture)
    return torch.cat([gesture[at], home.expand(1, frames, -1)])


def _mel_bands(rate: int) -> Tensor:
    """Triangular bands, (BANDS, WINDOW / 2 + 1)."""
    hertz = torch.linspace(0, rate / 2, WINDOW // 2 + 1)
    first, last = (2595 * math.log10(1 + one / 700) for one in (LOWEST_HZ, min(HIGHEST_HZ, rate / 2)))
    edges = 700 * (10 ** (torch.linspace(first, last, BANDS + 2) / 2595) - 1)
    low, middle, high = (edges[i : i + BANDS, None] for i in range(3))
    rising, falling = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
    return torch.minimum(rising, falling).clamp(min=0)


def _mean_spectrum(y: Tensor, bands: Tensor) -> Tensor:
    """The mean power of sound (B, n) in each band, dB: (B, BANDS)."""
    window = torch.hann_window(WINDOW)
    power = torch.stft(y, WINDOW, HOP, window=window, return_complex=True).abs().square().mean(-1)
    full_scale = float(window.square().sum()) * WINDOW / 2
    return 10 * torch.log10(power @ bands.T / full_scale + 10 ** (FLOOR_DB / 10))


def _apart(a: Tensor, b: Tensor) -> Tensor:
    """RMS over the bands of the difference: (B, BANDS) -> (B,)."""
    return (a - b).square().mean(-1).sqrt()


def _rounded(values: Tensor, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]
