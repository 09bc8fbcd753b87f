"""The bundled pitched voices: in tune, alive under every knob, heard at rest, and they follow a melody."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from perform.library.cards import read_card
from perform.rave.fundamental import Fundamental
from perform.rave.model import RAVE
from perform.rave.model_files import load
from perform.train.voice_figures import grid

MODELS = Path(__file__).parents[2] / "models"
LOWEST = {"cello": -16, "flutes": -2, "kit": -2, "reeds": -16, "singers": -12, "strike": -16, "tabla": -16}
"""Each voice's lowest note in this test, semitones above A3: F2 or G3."""
TUNES = tuple(name for name in LOWEST if name != "kit")
"""The voices that hold a note: a drum kit's are short and noisy."""


@pytest.fixture(scope="module", params=LOWEST)
def voice(request: pytest.FixtureRequest) -> RAVE:
    return load(MODELS / f"{request.param}.safetensors")


def lowest(voice: RAVE) -> int:
    return LOWEST[voice.card["name"].lower()]


def measured(model: RAVE, x: Tensor) -> Tensor:
    """Pitch, loudness and noise of sounds (B, 1, n), (B, 3, frames)."""
    layer = Fundamental(model.config.sample_rate, model.ratio)
    return layer(x, layer.init_state(len(x)))[0]


def decoded(model: RAVE, z: Tensor, temperature: float = 1.0) -> Tensor:
    noise = torch.randn(len(z), model.noise, z.shape[2], generator=torch.Generator().manual_seed(0))
    return model.decode(z, temperature * noise, model.decoder_state(len(z)))[0]


def level_db(x: Tensor) -> float:
    return float(10 * torch.log10(x.square().mean() + 1e-12))


@pytest.mark.parametrize("voice", TUNES, indirect=True)
def test_every_note_is_in_tune_and_sounds_at_rest(voice: RAVE) -> None:
    notes = (lowest(voice) + torch.tensor([0, 4, 11, 16, 23, 28, 35])) / 12
    z = torch.tensor(voice.card["latent_home"])[None, :, None].repeat(len(notes), 1, 60)
    z[:, 0] = notes[:, None]
    y = decoded(voice, z)
    pitch, _, noise = measured(voice, y)[:, :, 40:].unbind(1)
    cents = 1200 * (pitch.median(1)[0] - notes)
    assert cents.abs().max() < 5, cents
    assert (noise < 0.2).all(), "tones, no noise"
    loop = level_db(decoded(voice, voice.gesture[:600].T[None]))
    assert abs(level_db(y[3, :, y.shape[2] // 2 :]) - loop) < 6


def test_it_follows_a_melody_that_it_has_never_heard(voice: RAVE) -> None:
    """A bright tone of ten harmonics, notes of a third of a second, with vibrato."""
    rate, notes = 48000, np.array([-9, -5, -2, 3, 7, 5, 2, -4, -12, 0, 10, 12])
    time = np.arange(16384 * len(notes)) / rate
    notes = notes + (12 if lowest(voice) > -12 else 0)
    semitones = np.repeat(notes, 16384) + 0.2 * np.sin(2 * np.pi * 5 * time)
    phase = 2 * np.pi * np.cumsum(220 * 2 ** (semitones / 12)) / rate
    x = torch.from_numpy(0.1 * sum(np.sin(k * phase) / k for k in range(1, 11))).float()[None, None]
    z, _ = voice.encode(x, voice.encoder_state(1))
    before, after = measured(voice, x)[0], measured(voice, decoded(voice, z))[0]
    pitched = (before[2] < 0.1)[:-3]
    shares = [
        float(
            ((before[0, :-3] - after[0, late : len(after[0]) - 3 + late]).abs() < 50 / 1200)[pitched]
            .float()
            .mean()
        )
        for late in range(4)
    ]
    assert max(shares) > 0.9, shares


def test_every_knob_is_heard_and_bow_or_breath_too(voice: RAVE) -> None:
    path = MODELS / f"{voice.card['name'].lower()}.safetensors"
    card = read_card(path)
    assert min(card.latent_effect) >= 2 and card.labels[:3] == ["pitch", "loudness", "noise"]
    z = voice.gesture[:600].T[None]
    assert level_db(decoded(voice, z) - decoded(voice, z, temperature=0.0)) > -50
    assert path.stat().st_size < 20_000_000


def test_a_held_note_is_no_buzz_at_the_frame_rate(voice: RAVE) -> None:
    """The notes are 0.38 of the frame rate away from its multiples, and so are few of their harmonics."""
    frame_hz = voice.config.sample_rate / voice.ratio
    notes = torch.log2(frame_hz * (torch.tensor([2.0, 3.0, 5.0]) + 0.38) / 220)
    z = torch.tensor(voice.card["latent_home"])[None, :, None].repeat(len(notes), 1, int(frame_hz))
    z[:, 0] = notes[:, None]
    sounds = decoded(voice, z)[:, 0, voice.config.sample_rate // 4 :]
    assert all(grid(sound, voice) < 0.2 for sound in sounds)
    buzz = sounds[0, : voice.ratio].repeat(100)
    assert grid(buzz, voice) > 0.9, "the measure finds a buzz"


def test_a_rest_is_silent(voice: RAVE) -> None:
    z = voice.gesture[:300].T[None].clone()
    z[:, 1] -= 6
    assert level_db(decoded(voice, z)) < -85
