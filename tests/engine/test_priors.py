"""The compiled prior draws the same latents as the torch one, from the same seeds and after a reset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_model

from perform.core import params
from perform.engine.compiled_model import CompiledModel
from perform.rave.config import PriorConfig
from perform.rave.model_files import load
from perform.voice.voice import Voice, render

PRIOR = PriorConfig(latents=4, resolution=8, width=8, skip=16, kernel=3, layers=4, cycle=2)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("prior") / "dreaming.safetensors", prior=PRIOR)


def test_a_compiled_prior_draws_the_same_as_the_torch_prior(path: Path) -> None:
    model, prior = CompiledModel(path), load(path).prior
    assert model.has_prior
    assert prior is not None
    stream, state = model.stream(), prior.init_state(1)
    for seed, temperature in enumerate([1.0] * 20 + [0.3] * 20 + [2.0] * 20):
        noise = np.random.default_rng(seed).random(8).astype(np.float32)
        with torch.inference_mode():
            wanted, state = prior.step(torch.from_numpy(noise)[None], state, torch.tensor(temperature))
        drawn = stream.prior(temperature, seed)
        assert drawn == pytest.approx(wanted[0].numpy(), abs=1e-3)


def play(
    model: CompiledModel, voice: Voice, table: params.Table, frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """(frames, latents) and (n, 2)."""
    z, sound = [], []
    for _ in range(frames):
        sound.append(render(model, [voice], [table])[0])
        z.append(voice.z)
    return np.array(z), np.concatenate(sound)


def test_a_deck_plays_its_models_prior(path: Path) -> None:
    model, table = CompiledModel(path), params.defaults()
    params.set_value(table, "deck/1/source", params.SOURCES.index("prior"))
    voice = Voice(model, 1, 48000, table)
    z, sound = play(model, voice, table, 60)
    assert z.std(0).min() > 0.1
    assert np.abs(sound).max() > 1e-4
    params.trigger(table, "deck/1/reset")
    again, same = play(model, voice, table, 60)
    assert np.array_equal(again, z) and np.array_equal(same, sound), "a reset begins again"
    params.set_value(table, "deck/1/seed", 7)
    assert not np.array_equal(play(model, voice, table, 60)[0], z), "another seed, another music"
    params.set_value(table, "deck/1/freeze", 1)
    still, _ = play(model, voice, table, 5)
    assert (still == still[0]).all()
    params.set_value(table, "deck/1/freeze", 0)
    params.set_value(table, "deck/1/speed", 0.5)
    slow, _ = play(model, voice, table, 60)
    assert np.abs(np.diff(slow, axis=0)).mean() < 0.7 * np.abs(np.diff(z, axis=0)).mean()


def test_a_model_without_a_prior_gives_zeros(tmp_path: Path) -> None:
    model, table = CompiledModel(tiny_model(tmp_path / "plain.safetensors")), params.defaults()
    assert not model.has_prior
    params.set_value(table, "deck/1/source", params.SOURCES.index("prior"))
    z, _ = play(model, Voice(model, 1, 48000, table), table, 5)
    assert not z.any()
