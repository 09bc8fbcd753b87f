"""Measures a voice: pitch, buzz at the frame rate, effect of its latents, levels, noise, spectrum."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from perform.rave.fundamental import Fundamental
from perform.rave.latent_effect import measured_latents
from perform.rave.model import RAVE
from perform.train.losses import FLOOR, mel_bands, spectra

WIDTH_HZ = 4.5  # on either side of a multiple of the frame rate
FROZEN = 48  # loud moments that are held: a note lies on the grid or not, so few of them say little
WINDOW, SETTLING = 16384, 8192  # samples of each that are measured, after some that are left out
LOUDEST_PART = 4  # a frame is loud if it is in the loudest quarter


@dataclass(frozen=True)
class VoiceFigures:
    """Figures of a voice for one unseen sound."""

    pitch: float
    """Share of the input's pitched frames whose pitch the output follows within 50 cents."""
    grid_in: float
    """Share of the input's power within WIDTH_HZ of multiples of the frame rate."""
    grid_out: float
    """The same for the output."""
    grid_frozen: float
    """The same for the output while the latents of loud moments are held."""
    effects: list[float]
    """How far each latent moves the sound, dB (perform.rave.latent_effect)."""
    home_db: float
    """How much louder the model is at bias 0 than its loop, dB."""
    noise_dbfs: float | None
    """Level of what the noise synthesiser adds; None: there is none."""
    log_mel_db: float
    """Mean difference of the mel bands of input and output."""


@torch.inference_mode()
def measured_figures(model: RAVE, x: Tensor, known: Mapping[str, Any] | None = None) -> VoiceFigures:
    """Measure a model with a loop on a sound (1, channels, whole frames). [slow]

    known : `latent_home` and `latent_effect`, if they have been measured before
    """
    latents: Mapping[str, Any] = known or measured_latents(model)
    z, _ = model.encode(x, model.encoder_state(1))
    y = decoded(model, z)
    loop = model.gesture.T[None]
    home = torch.tensor(latents["latent_home"])[None, :, None].expand_as(loop)
    noise = level_db(y - decoded(model, z, silent=True)) if model.config.noise_ratios else None
    return VoiceFigures(
        pitch=pitch_share(model, x, y),
        grid_in=grid(x, model),
        grid_out=grid(y, model),
        grid_frozen=frozen_grid(model, x, z),
        effects=latents["latent_effect"],
        home_db=level_db(decoded(model, home)) - level_db(decoded(model, loop)),
        noise_dbfs=noise,
        log_mel_db=log_mel_db(x[..., : x.shape[2] - model.delay], y[..., model.delay :], model),
    )


@torch.inference_mode()
def followed_share(model: RAVE, x: Tensor) -> float:
    """Share of the pitched frames of a melody (1, channels, whole frames) that the model follows."""
    z, _ = model.encode(x, model.encoder_state(1))
    return pitch_share(model, x, decoded(model, z))


def decoded(model: RAVE, z: Tensor, *, silent: bool = False) -> Tensor:
    """Latents (1, latents, n) to sound; silent: without the noise branch."""
    noise = torch.randn(1, model.noise, z.shape[2], generator=torch.Generator().manual_seed(0))
    noise[:, : model.missing] = 0
    y, _ = model.decode(z, 0 * noise if silent else noise, model.decoder_state(1))
    return y


def pitch_share(model: RAVE, x: Tensor, y: Tensor) -> float:
    """Share of the input's pitched frames that the output follows, at the best delay up to four frames."""
    layer = Fundamental(model.config.sample_rate, model.ratio)
    (a, _), (b, _) = (layer(one.mean(1, keepdim=True), layer.init_state(1)) for one in (x, y))
    best = 0.0
    for late in range(5):
        before, after = a[0, :, : a.shape[2] - late], b[0, :, late:]
        pitched = (before[2] < 0.1) & (before[1] > -2)
        right = (before[0] - after[0]).abs() < 50 / 1200
        best = max(best, float(right[pitched].float().mean()))
    return best


def grid(x: Tensor, model: RAVE) -> float:
    """Share of the power that lies near multiples of the frame rate."""
    wave = x.flatten().double().numpy()
    size, rate = WINDOW, model.config.sample_rate
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[:: size // 2]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(size)))).sum(axis=0)
    hz = np.arange(len(power)) * rate / size
    frame_hz = rate / model.ratio
    near = np.abs(hz - np.round(hz / frame_hz) * frame_hz) <= WIDTH_HZ
    heard = (hz > 60) & (hz < 12000)
    return float(power[near & heard].sum() / power[heard].sum())


def frozen_grid(model: RAVE, x: Tensor, z: Tensor) -> float:
    """Mean share on the frame rate while the latents of loud moments are held.

    The moments are spread over the loudest quarter of the sound, so they have many pitches and colours.
    """
    power = x.square().mean(1).reshape(z.shape[2], -1).mean(1)
    loud = torch.argsort(power, descending=True)[: z.shape[2] // LOUDEST_PART]
    moments = loud[torch.linspace(0, len(loud) - 1, FROZEN).long()]
    frames = (WINDOW + SETTLING) // model.ratio
    held = z[0, :, moments].T[:, :, None].expand(-1, -1, frames)  # (FROZEN, latents, frames)
    noise = torch.randn(FROZEN, model.noise, frames, generator=torch.Generator().manual_seed(0))
    noise[:, : model.missing] = 0
    y, _ = model.decode(held, noise, model.decoder_state(FROZEN))
    return float(np.mean([grid(one[..., SETTLING:], model) for one in y]))


def log_mel_db(x: Tensor, y: Tensor, model: RAVE) -> float:
    """Mean difference of 64 mel bands of two sounds (1, channels, n), down to -80 dBFS.

    The powers are averaged over eight frames, 0.12 s: else two noises of one colour would differ by 6 dB.
    """
    size = 2048
    bands = mel_bands(size, model.config.sample_rate, x.device)
    levels = []
    for sound in (x, y):
        power = torch.view_as_real(spectra(sound.mean(1), size)).square().sum(-1) @ bands  # (1, frames, MELS)
        mean = torch.nn.functional.avg_pool1d(power.transpose(1, 2), 8, 4)
        levels.append(10 * torch.log10(mean + FLOOR**2))
    return float((levels[0] - levels[1]).abs().mean())


def level_db(x: Tensor) -> float:
    """RMS in dBFS."""
    return 10 * math.log10(float(x.square().mean()) + 1e-12)
