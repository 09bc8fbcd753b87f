"""A pitched model is trained, written, and plays; and two noises of one colour are close in its loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from perform.engine.compiled_model import CompiledModel
from perform.rave.config import PRESETS
from perform.rave.model_files import load
from perform.train.losses import averaged_distance, distance

from .test_training import RecordingListener, plan, train


def test_a_pitched_model_is_trained_and_plays(corpus_folder: Path, tmp_path: Path) -> None:
    config = replace(
        PRESETS["live_pitch"], sample_rate=16000, capacity=2, ratios=(4, 2), dilations=((1,), (1,))
    )
    output = tmp_path / "pitched.safetensors"
    train(
        plan(corpus_folder, output, config, latents=None, fidelity=1.0, steps=8, adversarial=4),
        RecordingListener(),
    )
    model = load(output)
    assert model.card["distance"] < model.card["distance_untrained"]
    assert model.card["latents"] == 8
    assert model.labels[:3] == ["pitch", "loudness", "noise"]
    playable = CompiledModel(output)
    z, noise = torch.zeros(1, 8).numpy(), torch.randn(1, playable.noise).numpy()
    assert playable.render([playable.stream()], z, noise).any()
    assert playable.encoder.silence.tolist()[2] == 1.0


def test_two_noises_are_alike_in_the_averaged_distance() -> None:
    torch.manual_seed(0)
    x, other = 0.1 * torch.randn(2, 1, 1, 32768)
    same, softer = (float(averaged_distance(x, y, 48000)) for y in (other, 0.5 * other))
    assert same < 0.5 and softer > 2 * same
    silence = torch.zeros(1, 1, 2048)
    assert float(distance(x, other, silence, silence)) > 3, "no noise is near another in the distance"


def test_the_averaged_distance_has_a_gradient_and_is_zero_for_the_same_sound() -> None:
    x = 0.1 * torch.randn(2, 1, 8192)
    y = (0.5 * x).requires_grad_()
    assert float(averaged_distance(x, x, 16000)) == 0
    found = averaged_distance(x, y, 16000)
    found.backward()
    assert y.grad is not None and torch.isfinite(y.grad).all()
    assert float((y.grad * x).sum()) < 0, "louder is nearer"
    assert float(found) == pytest.approx(2 * 2 * 0.693, rel=0.1)
