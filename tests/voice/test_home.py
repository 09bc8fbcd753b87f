"""Where bias 0 is: at the model's home where the deck's `home` is on, else at zero."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_model

from perform.core import params
from perform.engine.compiled_model import CompiledModel
from perform.library.cards import change_card, corpus_range, knob_ranges, read_card
from perform.voice.voice import Voice, render

HOME = [0.5, -1.0, 0.25, 2.0]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tiny_model(tmp_path_factory.mktemp("models") / "tiny.safetensors")
    change_card(path, {"latent_p01": [-2.0] * 4, "latent_p99": [3.0] * 4, "latent_home": HOME})
    return path


@pytest.fixture
def table() -> params.Table:
    made = params.defaults()
    params.set_value(made, "deck/1/home", 1)
    return made


def played(model: Path, table: params.Table, frames: int = 12) -> np.ndarray:
    """The latents of each frame, (frames, latents)."""
    opened = CompiledModel(model)
    voice, z = Voice(opened, 1, 48000, table), []
    for _ in range(frames):
        render(opened, [voice], [table])
        z.append(voice.z)
    return np.array(z)


def test_at_bias_0_the_hand_plays_the_home(model: Path, table: params.Table) -> None:
    assert np.allclose(played(model, table), HOME)
    params.set_value(table, "deck/1/z/1/bias", 0.5)
    assert np.allclose(played(model, table)[-1], np.add(HOME, [0, 0.5, 0, 0]))


def test_a_deck_of_before_plays_as_before(model: Path) -> None:
    assert not played(model, params.defaults()).any()


def test_the_loop_is_where_it_is_and_its_amount_counts_from_the_home(
    model: Path, table: params.Table
) -> None:
    params.set_value(table, "deck/1/source", params.SOURCES.index("loop"))
    gesture = CompiledModel(model).gesture[:12]
    assert np.allclose(played(model, table), gesture, atol=1e-6)
    params.set_value(table, "deck/1/z/0/scale", 0.5)
    params.set_value(table, "deck/1/z/1/mute", 1)
    z = played(model, table)
    assert np.allclose(z[:, 0], HOME[0] + 0.5 * (gesture[:, 0] - HOME[0]), atol=1e-6)
    assert np.allclose(z[:, 1], HOME[1]), "without the source"
    params.set_value(table, "deck/1/wet", 0)
    assert np.allclose(played(model, table), HOME)


def test_a_change_of_the_home_glides(model: Path, table: params.Table) -> None:
    opened = CompiledModel(model)
    voice, z = Voice(opened, 1, 48000, table), []
    for frame in range(40):
        params.set_value(table, "deck/1/home", frame < 5)
        render(opened, [voice], [table])
        z.append(voice.z)
    assert np.abs(np.diff(z, axis=0)).max() < 0.15, "no step"
    assert np.allclose(z[0], HOME) and not z[-1].any()


def test_the_knobs_reach_the_corpus_from_the_home(model: Path) -> None:
    card = read_card(model)
    assert knob_ranges(card, home=False)[1] == pytest.approx((-2.5, 3.5))
    assert knob_ranges(card, home=True)[1] == pytest.approx((-1.5, 4.5))
    assert corpus_range(card, home=True)[0] == pytest.approx([-1.6 - one for one in HOME])
    assert corpus_range(card, home=False)[0] == card.latent_p05
