"""Measurements of an import that have no answer: the card says unknown, and the model plays at 0 dB trim."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from family import built
from tiny import spoil

from perform.cli import main
from perform.core.loudness import LOUDNESS_DB, loudness_db
from perform.foreign import model_check, rebuilding
from perform.library.cards import Card, read_card, trim_db
from perform.rave import delay
from perform.rave.archive import Archive
from perform.rave.model import RAVE
from perform.rave.model_files import load

TEXTS = {"name": "m", "description": "", "licence": "CC0"}


def imported(model: RAVE, path: Path) -> Card:
    """Write the model file of a rebuilt export."""
    archive = cast("Archive", SimpleNamespace(path=path, sha256="0" * 64))
    return rebuilding.write(model, model.shape, archive, path, TEXTS)


def test_a_discrete_model_whose_codes_never_change_is_imported(tmp_path: Path) -> None:
    model = built("discrete")
    model.codebooks.entries[:, 1:] = model.codebooks.entries[:, :1] + 1e6  # the first is always the nearest
    model.codebooks.entries[:, 0] = 0
    assert delay.measure_encoder(model) is None and delay.measure(model) is None
    card = imported(model, tmp_path / "m.safetensors")
    assert card == read_card(tmp_path / "m.safetensors")
    assert (card.delay, card.delay_known, card.delay_encode) == (0, False, None)
    load(tmp_path / "m.safetensors")


def test_a_silent_model_is_imported_and_not_amplified(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model = built("v2_small")
    for weight in model.decoder.parameters():
        weight.zero_()
    card = imported(model, path)
    assert not card.loudness_known and card.loudness_db == LOUDNESS_DB and trim_db(card) == 0
    assert not card.delay_known and card.delay == 0
    load(path)
    spoil(path, "card", {"delay_known": True, "loudness_known": True, "loudness_db": -100.0})
    assert trim_db(read_card(path)) == 0, "the card of an earlier version"
    spoil(path, "card", {"loudness_known": False, "loudness_db": LOUDNESS_DB, "delay_known": False})
    shown = CliRunner().invoke(main, ["models", "info", str(path)]).output
    assert "loudness_db  unknown" in shown and "delay_ms     unknown" in shown
    assert model_check.check(path)["loudness_db"] is None


def test_a_model_whose_sound_is_not_finite_has_no_delay() -> None:
    model = built("v2_small")
    for weight in model.decoder.parameters():
        weight.fill_(1e30)
    assert delay.measure(model) is None
    with torch.no_grad():
        next(model.encoder.parameters()).fill_(torch.nan)
    assert delay.measure_encoder(model) is None


@pytest.mark.parametrize("name", ["v2_small", "v1", "spherical", "live_128"])
def test_a_model_that_answers_keeps_its_measurements(name: str, tmp_path: Path) -> None:
    model = built(name)
    card = imported(model, tmp_path / "m.safetensors")
    assert card.delay_known and card.delay == delay.measure(model) and card.delay_encode is not None


@pytest.mark.parametrize(
    ("sound", "wanted"),
    [
        (np.ones(9), 0.0),
        (np.full((2, 3), 0.1), -20.0),
        (np.zeros(9), None),
        (np.full(9, 1e-4), None),
        (np.zeros(0), None),
        (np.array([np.nan, 1]), None),
        (np.array([np.inf]), None),
    ],
)
def test_loudness(sound: np.ndarray, wanted: float | None) -> None:
    assert loudness_db(sound) == wanted


def test_a_card_of_an_earlier_version_has_a_known_loudness() -> None:
    fields = {f.name for f in msgspec.structs.fields(Card) if f.required}
    assert "loudness_known" not in fields
