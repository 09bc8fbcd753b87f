"""The bundled models load, match their cards, and make varied sound."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from perform.rave.config import PRESETS
from perform.rave.model import RAVE
from perform.rave.model_files import load
from perform.train.finishing import fixed_noise
from perform.train.losses import FULL_SCALES, spectral_distance

MODELS = Path(__file__).parents[2] / "models"
NAMES = ("bells", "choir")


def render(model: RAVE, z: torch.Tensor) -> torch.Tensor:
    """Frames (frames, latents) to samples (n,)."""
    return model.decode(z.T[None], fixed_noise(model, 1, len(z)), model.decoder_state(1))[0][0, 0]


def centroid(y: torch.Tensor) -> float:
    power = torch.stft(y, 2048, window=torch.hann_window(2048), return_complex=True).abs().square().mean(1)
    frequency = torch.linspace(0, 24000, 1025)
    return float((power * frequency).sum() / power.sum())


def envelope(y: torch.Tensor) -> NDArray[np.float32]:
    """RMS of every tenth of a second."""
    level: NDArray[np.float32] = y[: len(y) // 4800 * 4800].reshape(-1, 4800).square().mean(1).sqrt().numpy()
    return level


@pytest.fixture(scope="module", params=NAMES)
def bundled(request: pytest.FixtureRequest) -> RAVE:
    return load(MODELS / f"{request.param}.safetensors")


def test_each_model_matches_its_card(bundled: RAVE) -> None:
    card, live = bundled.card, PRESETS["live"]
    assert bundled.ratio == live.ratio
    assert bundled.config == live
    assert bundled.config.padding == live.padding
    assert card["distance"] <= 0.2 * card["distance_untrained"]
    assert card["distance_spectral"] < card["distance_untrained"]
    assert card["hours"] > 0
    assert card["delay"] == bundled.delay
    assert card["licence"] == "CC0-1.0"
    assert card["parameters"] == sum(p.numel() for p in bundled.parameters())
    assert len(card["latent_std"]) == bundled.latents
    assert (MODELS.parent / card["recipe"]).is_file()
    y = render(bundled, bundled.gesture)
    assert 10 * torch.log10(y.square().mean()) == pytest.approx(card["loudness_db"], abs=0.1)


def test_the_gesture_plays_without_dc_or_clipping(bundled: RAVE) -> None:
    y = render(bundled, bundled.gesture)
    assert len(y) / 48000 == pytest.approx(20, abs=0.1)
    level = envelope(y)
    assert level.max() > 10 * level.min(), "it has a shape in time"
    assert abs(float(y.mean())) < 0.01 * float(y.square().mean().sqrt())
    assert y.abs().max() < 2


def test_input_shapes_the_output(bundled: RAVE) -> None:
    """Encoding the gesture's sound and decoding it again gives similar sound."""
    x = render(bundled, bundled.gesture)
    z, _ = bundled.encode(x[None, None], bundled.encoder_state(1))
    y = render(bundled, z[0].T)
    heard, given = envelope(y[bundled.delay :]), envelope(x[: -bundled.delay])
    assert np.corrcoef(given, heard)[0, 1] > 0.8


@pytest.mark.parametrize("latent", [0, 1])
@pytest.mark.parametrize("move", [2.0, -2.0])
def test_moving_a_latent_changes_the_sound(bundled: RAVE, latent: int, move: float) -> None:
    moved = bundled.gesture.clone()
    moved[:, latent] += move
    before, after = render(bundled, bundled.gesture), render(bundled, moved)
    assert spectral_distance(before[None], after[None], FULL_SCALES) > 0.5


def test_each_model_has_a_different_timbre() -> None:
    models = [load(MODELS / f"{name}.safetensors") for name in NAMES]
    middles = sorted(centroid(render(model, model.gesture)) for model in models)
    assert all(above > 1.1 * below for below, above in itertools.pairwise(middles)), middles
