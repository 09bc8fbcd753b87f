"""Bundled voices play equally loud on a new deck, and songs of earlier versions keep their levels."""

from __future__ import annotations

import pytest

from perform.core.loudness import LOUDNESS_LUFS
from perform.engine.compiled_model import CompiledModel
from perform.library import places
from perform.library.cards import read_card, trim_db
from perform.library.corpus_latents import read_corpus
from perform.offline import calibration
from perform.offline.calibration import loudness_lufs

MODELS = sorted(path.stem for path in places.bundled("models").glob("*.safetensors"))

#: of the first voices, before they were calibrated; they never change
EARLIER = {
    "bells": -0.629999999999999,
    "cello": 6.77,
    "choir": -5.239999999999998,
    "flutes": 3.5500000000000007,
    "reeds": 3.0500000000000007,
    "storm": 3.129999999999999,
}


@pytest.mark.parametrize("name", MODELS)
def test_each_bundled_voice_is_within_a_loudness_unit_of_the_others(name: str, shared_cache: None) -> None:
    """Measured as `models calibrate` does; `python models/recipes/calibrate.py NAME` writes it."""
    path = places.bundled("models") / f"{name}.safetensors"
    model = CompiledModel(path)
    loudness = loudness_lufs(calibration._played(model, read_corpus(path)), model.card.sample_rate)
    assert loudness is not None
    assert loudness + trim_db(model.card) == pytest.approx(LOUDNESS_LUFS, abs=0.5)
    assert len(model.card.latent_words) == model.card.latents


@pytest.mark.parametrize("name", EARLIER)
def test_a_song_of_an_earlier_version_keeps_the_level_of_a_bundled_voice(name: str) -> None:
    """To the last bit, so that renders of such sets stay the same."""
    card = read_card(places.bundled("models") / f"{name}.safetensors")
    assert trim_db(card, calibrated=False) == EARLIER[name]
