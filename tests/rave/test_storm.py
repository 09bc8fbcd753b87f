"""The bundled storm: noise without a buzz, as loud as its input, and alive under every knob."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from perform.library.cards import read_card
from perform.rave.model import RAVE
from perform.rave.model_files import load
from perform.train.finishing import fixed_noise

PATH = Path(__file__).parents[2] / "models" / "storm.safetensors"
RATE = 48000


@pytest.fixture(scope="module")
def storm() -> RAVE:
    return load(PATH)


def render(model: RAVE, z: Tensor, temperature: float = 1.0) -> Tensor:
    """Frames (frames, latents) to samples (n,)."""
    noise = temperature * fixed_noise(model, 1, len(z))
    noise[:, : model.missing] = 0
    return model.decode(z.T[None], noise, model.decoder_state(1))[0][0, 0]


def grid_share(y: Tensor, model: RAVE) -> float:
    """Share of the power of samples (n,) within 4.5 Hz of multiples of the frame rate."""
    power = torch.stft(y, 16384, window=torch.hann_window(16384), return_complex=True).abs().square().mean(1)
    hertz, step = torch.linspace(0, RATE / 2, 8193), RATE / model.ratio
    near = (hertz - (hertz / step).round() * step).abs() <= 4.5
    heard = (hertz > 60) & (hertz < 12000)
    return float(power[near & heard].sum() / power[heard].sum())


def level_db(y: Tensor) -> float:
    return float(10 * torch.log10(y.square().mean() + 1e-12))


def test_its_noise_is_no_buzz_moving_or_frozen(storm: RAVE) -> None:
    chance = grid_share(torch.randn(8 * RATE, generator=torch.Generator().manual_seed(0)), storm)
    moving = render(storm, storm.gesture[: 8 * RATE // storm.ratio])
    home = torch.tensor(read_card(PATH).latent_home)
    frozen = render(storm, home.repeat(8 * RATE // storm.ratio, 1))
    assert 0.15 < chance < 0.25
    assert abs(grid_share(moving, storm) - chance) < 0.05
    assert abs(grid_share(frozen, storm) - chance) < 0.05
    buzz = frozen[RATE : RATE + storm.ratio].repeat(200)
    assert grid_share(buzz, storm) > 0.9, "the measure finds a buzz"


def test_it_is_heard_at_rest_and_its_noise_too(storm: RAVE) -> None:
    card = read_card(PATH)
    loop = level_db(render(storm, storm.gesture))
    home = torch.tensor(card.latent_home)
    assert abs(level_db(render(storm, home.repeat(200, 1))) - loop) < 6
    assert level_db(render(storm, storm.gesture) - render(storm, storm.gesture, temperature=0.0)) > -50
    assert min(card.latent_effect) >= 2 and card.licence == "CC0-1.0"
    assert loop == pytest.approx(card.loudness_db, abs=0.3)


def test_it_is_as_loud_as_its_input(storm: RAVE) -> None:
    """White noise that swells and fades, 20 dB and back."""
    time = torch.arange(6 * RATE // storm.ratio * storm.ratio) / RATE
    swell = 10 ** (-1.5 + 0.5 * torch.sin(2 * torch.pi * 0.5 * time))
    x = swell * torch.randn(len(time), generator=torch.Generator().manual_seed(0))
    z, _ = storm.encode(x[None, None], storm.encoder_state(1))
    y = render(storm, z[0].T)
    given, made = (
        s[: len(s) // 4800 * 4800].reshape(-1, 4800).square().mean(1).sqrt().numpy() for s in (x, y)
    )
    assert np.corrcoef(given, made)[0, 1] > 0.8
