"""The energy distance learns noise as noise, where the spectral distance drives it out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from perform.core.errors import WrongUse
from perform.rave.config import PRESETS
from perform.train.energy_distance import energy_distance
from perform.train.losses import BAND_SCALES, FULL_SCALES, spectral_distance
from perform.train.plan import TrainingPlan, check

from .test_training import RecordingListener, plan, train


def bands(x: Tensor) -> Tensor:
    """Signals (B, 1, n) as 16 rows: stand-ins for bands of a filter bank."""
    return x.reshape(len(x), -1, 16).transpose(1, 2)


def energy(x: Tensor, y: Tensor, other: Tensor) -> Tensor:
    return energy_distance(x, y, other, (bands(x), bands(y), bands(other)))


def test_without_noise_it_is_the_spectral_distance() -> None:
    torch.manual_seed(0)
    x, y = 0.1 * torch.randn(2, 3, 1, 8192)
    plain = spectral_distance(x[:, 0], y[:, 0], FULL_SCALES)
    plain = plain + spectral_distance(bands(x).flatten(0, 1), bands(y).flatten(0, 1), BAND_SCALES)
    assert float(energy(x, y, y)) == pytest.approx(float(plain), rel=1e-5)


def test_its_gradient_is_that_of_a_small_step() -> None:
    torch.manual_seed(1)
    x, y, other = 0.1 * torch.randn(3, 2, 1, 8192)
    values = [sound.clone().requires_grad_() for sound in (y, other)]
    slopes = torch.autograd.grad(3 * energy(x, *values), values)
    for place, slope in enumerate(slopes):
        steps = [sound.clone() for sound in (y, other)]
        move = 1e-3 * slope / slope.abs().max()
        found = []
        for sign in (1, -1):
            steps[place] = (y, other)[place] + sign * move
            found.append(float(3 * energy(x, *steps)))
        assert found[0] - found[1] == pytest.approx(float(2 * (slope * move).sum()), rel=0.1)


def test_a_noise_is_nearest_to_a_noise_of_its_own_level_and_not_to_a_buzz() -> None:
    torch.manual_seed(2)
    x, y, other = 0.1 * torch.randn(3, 4, 1, 32768)
    buzz = 0.1 * torch.randn(1, 1, 512).tile(4, 1, 64)
    right = float(energy(x, y, other))
    assert right < 0.8 * float(energy(x, 0.5 * y, 0.5 * other))
    assert right < 0.8 * float(energy(x, 2 * y, 2 * other))
    assert right < 0.6 * float(energy(x, buzz, buzz))
    plain, buzzing = (float(spectral_distance(x[:, 0], each[:, 0], FULL_SCALES)) for each in (y, buzz))
    assert plain > 0.8 * buzzing, "the spectral distance hardly tells them apart"


def test_a_config_without_noise_is_refused() -> None:
    for name in ("live", "live_pitch"):
        wrong = TrainingPlan((Path("x"),), Path("y"), "y", config=PRESETS[name], loss="energy")
        with pytest.raises(WrongUse, match="needs a noise synthesiser"):
            check(wrong, 4096)


def test_more_taps_than_a_frame_of_noise_can_hold_are_refused() -> None:
    """A response longer than its frame is cut at its silent beginning: no noise would be left."""
    fits = replace(PRESETS["live"], noise_ratios=(4, 2), noise_taps=5, noise_hidden=4)
    check(TrainingPlan((Path("x"),), Path("y"), "y", config=fits, loss="energy"), 4096)
    with pytest.raises(WrongUse, match="at most 5 noise_taps"):
        check(
            TrainingPlan((Path("x"),), Path("y"), "y", config=replace(fits, noise_taps=6), loss="energy"),
            4096,
        )


def test_a_training_keeps_its_noise_awake(corpus_folder: Path, tmp_path: Path) -> None:
    config = replace(PRESETS["live"], sample_rate=16000, capacity=2, ratios=(4, 2), dilations=((1,), (1,)))
    config = replace(config, noise_ratios=(4, 2), noise_taps=4, noise_hidden=4)
    levels = {}
    for loss in ("energy", "distance"):
        output = tmp_path / f"{loss}.safetensors"
        model = train(plan(corpus_folder, output, config, loss=loss, steps=8), RecordingListener())
        z, noise = torch.zeros(1, model.latents, 40), torch.randn(1, model.noise, 40)
        noise[:, : model.missing] = 0
        with torch.inference_mode():
            y, silent = (model.decode(z, each, model.decoder_state(1))[0] for each in (noise, 0 * noise))
        levels[loss] = 10 * math.log10(float((y - silent).square().mean()) + 1e-12)
    assert levels["energy"] > -60, levels
    assert levels["distance"] < -75, "as it begins"
