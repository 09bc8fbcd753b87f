"""The bundled voices keep the limits by which they were accepted, on ten seconds of their own kind of sound.

`python models/recipes/acceptance.py --markdown` measures more, with sound that only the recipes can make.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch

from perform.library.cards import read_card
from perform.rave.model_files import load
from perform.train.voice_checks import checks
from perform.train.voice_figures import measured_figures

ROOT = Path(__file__).parents[2]
SHORT = 0.05  #: of the pitched frames: in ten seconds one wrong note counts six times as much
VOICES = ("cello", "flutes", "kit", "reeds", "singers", "storm", "strike", "tabla")


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_is_as_good_as_when_it_was_accepted(name: str) -> None:
    path = ROOT / "models" / f"{name}.safetensors"
    model, card = load(path), read_card(path)
    sound, rate = soundfile.read(ROOT / "docs" / "sounds" / f"{name}.ogg", dtype="float32", always_2d=True)
    assert rate == model.config.sample_rate
    x = torch.from_numpy(sound.mean(axis=1)[: len(sound) // model.ratio * model.ratio])[None, None]
    known = {"latent_home": card.latent_home, "latent_effect": card.latent_effect}
    figures = measured_figures(model, x, known)
    whole = replace(figures, pitch=figures.pitch + SHORT)
    assert [str(check) for check in checks(model, whole) if not check.fits] == []
