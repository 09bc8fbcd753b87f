"""Figures of a model's latents: measured, written beside the model, and read as a part of its card."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from perform.cli import main
from perform.core import mel_spectrum
from perform.core.errors import WrongUse
from perform.core.loudness import loudness_db
from perform.library import places
from perform.library.card_changes import changes_path
from perform.library.cards import change_card, knob_ranges, read_card
from perform.rave import latent_effect
from perform.rave.latent_effect import latent_effects, measured_latents
from perform.rave.model_files import load

BUNDLED = ("bells", "cello", "choir", "flutes", "kit", "reeds", "singers", "storm", "strike", "tabla")


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Measure one short stretch and the hand, on one core."""
    monkeypatch.setattr(latent_effect, "STRETCHES", 1)
    monkeypatch.setattr(latent_effect, "STRETCH_S", 0.1)
    monkeypatch.setattr(mel_spectrum, "BANDS", 16)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_measure_leaves_the_model_file_as_it_is(tiny_models: Path, briefly: None) -> None:
    path = tiny_models / "bells.safetensors"
    before = path.read_bytes()
    assert read_card(path).latent_effect == []
    done = CliRunner().invoke(main, ["models", "measure", "bells", "--json"])
    assert done.exit_code == 0, done.output
    card = read_card(path)
    assert path.read_bytes() == before
    (shown,) = json.loads(done.stdout)
    assert shown["latent_effect"] == card.latent_effect and len(card.latent_effect) == card.latents
    path.write_bytes((tiny_models / "choir.safetensors").read_bytes())
    assert read_card(path).latent_effect == [], "the figures are those of another model"


@pytest.mark.parametrize("text", [b"", b"{}", b'{"card": 1}', b"\xff\xff", b'{"card": "", "more": 1}'])
def test_damaged_figures_are_no_figures(tiny_models: Path, text: bytes) -> None:
    path = tiny_models / "bells.safetensors"
    changes_path(path).write_bytes(text)
    assert read_card(path).latent_p01 == []
    assert knob_ranges(read_card(path), home=False) == []
    change_card(path, {"latent_p01": [-1.0], "latent_p99": [1.0]})
    assert read_card(path).latent_p01 == [], "a figure for each latent, or none"


def test_a_knob_covers_the_corpus_with_zero_and_a_tenth_more(tiny_models: Path) -> None:
    path = tiny_models / "bells.safetensors"
    count = read_card(path).latents
    low, high = [-1.0, 0.5, 0.0, -2.0][:count], [1.0, 2.0, 0.0, -1.0][:count]
    change_card(path, {"latent_p01": low, "latent_p99": high})
    wanted = [(-1.2, 1.2), (-0.2, 2.2), (-4.0, 4.0), (-2.2, 0.2)][:count]
    assert knob_ranges(read_card(path), home=False) == [pytest.approx(one) for one in wanted]


def test_the_effect_is_that_of_the_decoder(tiny_models: Path, briefly: None) -> None:
    """A latent over no range moves nothing; over a longer way it moves more."""
    model = load(tiny_models / "bells.safetensors")
    low, high = torch.full((model.latents,), -0.5), torch.full((model.latents,), 0.5)
    low[0] = high[0] = 0.0
    near = latent_effects(model, low, high, torch.zeros(model.latents))
    assert near[0] == 0 and (near[1:] > 0).all()
    far = latent_effects(model, 8 * low, 8 * high, torch.zeros(model.latents))
    assert (far[1:] > near[1:]).all()


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_models_have_figures(name: str) -> None:
    card = read_card(places.bundled("models") / f"{name}.safetensors")
    assert len(card.latent_effect) == card.latents
    for (low, high), p05, p95 in zip(
        knob_ranges(card, home=False), card.latent_p05, card.latent_p95, strict=True
    ):
        assert low < p05 < p95 < high, "no latent is cut off"
    first = card.labels.index("loudness") if card.labels else 0
    assert card.latent_effect[first] > 10


@pytest.mark.parametrize("name", BUNDLED)
def test_the_figures_of_a_bundled_model_are_those_that_measure_finds(name: str) -> None:
    path = places.bundled("models") / f"{name}.safetensors"
    model = load(path)
    card, found = read_card(path), measured_latents(model)
    assert found["latent_p01"] == pytest.approx(card.latent_p01, abs=1e-3)
    assert found["latent_effect"] == pytest.approx(card.latent_effect, abs=0.1)
    assert found["latent_home"] == pytest.approx(card.latent_home, abs=1e-3)
    frames = model.config.sample_rate // model.ratio
    held = torch.tensor(card.latent_home)[None, :, None].expand(-1, -1, frames)
    noise = torch.randn(1, model.noise, frames, generator=torch.Generator().manual_seed(1))
    y, _ = model.decode(held, noise, model.decoder_state(1))
    level = loudness_db(y[..., y.shape[-1] // 2 :].numpy())
    assert level == pytest.approx(card.loudness_db, abs=6), "a new deck is about as loud as the loop"


def test_a_module_is_not_measured(own_places: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perform.library.cards.is_module", lambda path: True)
    done = CliRunner().invoke(main, ["models", "measure", "bells"])
    assert isinstance(done.exception, SystemExit | WrongUse)
    assert "only the latents of a RAVE can be measured" in done.stderr
