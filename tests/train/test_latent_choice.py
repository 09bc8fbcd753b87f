"""The latents of a trained model are ordered by effect, and those that do nothing are dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from perform.rave.config import PRESETS, Config
from perform.rave.model import RAVE
from perform.train import latent_choice
from perform.train.corpus import Corpus
from perform.train.finishing import encoded
from perform.train.latent_choice import choose_latents

PITCHED = replace(PRESETS["live_pitch"], sample_rate=16000, capacity=2, ratios=(4, 2), dilations=((1,), (1,)))


def reconstruction(model: RAVE, x: torch.Tensor) -> torch.Tensor:
    z, _ = model.encode(x, model.encoder_state(1))
    noise = torch.zeros(1, model.noise, z.shape[2])
    return model.decode(z, noise, model.decoder_state(1))[0]


@torch.no_grad()
def test_all_timbres_in_another_order_are_the_same_sound(corpus: Corpus) -> None:
    model, x = RAVE(PITCHED).eval(), torch.from_numpy(corpus.read(0, 128 * 64))[None]
    chosen = choose_latents(model, corpus, PITCHED.full_latents)
    assert chosen.config == model.config
    wanted, found = reconstruction(model, x), reconstruction(chosen, x)
    settled = 128 * 16  # the decoder begins with the mean timbre, not with zeros
    assert float((found - wanted)[..., settled:].abs().max()) < 1e-3 * float(wanted.abs().max())
    timbre = torch.cat(encoded(chosen, corpus))[:, 3:]
    assert torch.allclose(timbre.mean(0), torch.zeros(5), atol=1e-2)
    assert torch.allclose(torch.cov(timbre.T), torch.eye(5), atol=1e-2)


@torch.no_grad()
def test_timbres_that_do_little_are_dropped(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    model = RAVE(PITCHED).eval()
    effects = torch.tensor([9.0, 9.0, 0.0, 1.9, 6.0, 0.0, 3.0, 7.0])  # the measured ones stay
    monkeypatch.setattr(latent_choice, "_effects", lambda model, corpus: effects)
    chosen = choose_latents(model, corpus, None)
    assert chosen.config.full_latents == chosen.latents == 6
    assert chosen.labels == ["pitch", "loudness", "noise", "timbre 1", "timbre 2", "timbre 3"]
    every = choose_latents(model, corpus, 8)
    x = torch.from_numpy(corpus.read(0, 128 * 32))[None]
    kept, whole = (one.encode(x, one.encoder_state(1))[0] for one in (chosen, every))
    assert torch.allclose(kept, whole[:, :6], atol=1e-5), "in the order of their effects"


@torch.no_grad()
def test_latents_are_ordered_by_effect_and_not_by_variance(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = RAVE(Config(sample_rate=16000, capacity=2, ratios=(4, 2), dilations=((1,), (1,)), full_latents=6))
    model.fit_latents(torch.randn(100, 6), 4)
    before = model.eval().latent_pca.clone()
    monkeypatch.setattr(latent_choice, "_effects", lambda model, corpus: torch.tensor([1.0, 0.1, 3.0, 2.0]))
    chosen = choose_latents(model, corpus, None)
    assert chosen.latents == 3
    assert torch.equal(chosen.latent_pca, before[[2, 3, 0, 1, 4, 5]])
    assert choose_latents(model, corpus, 4).latents == 4
