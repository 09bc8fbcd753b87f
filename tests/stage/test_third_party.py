"""Exports and third-party modules on a real stage: a module that fails affects only its own deck."""

from __future__ import annotations

from pathlib import Path

import pytest
from modules import Bare, Synth, export
from peers.environment import export as genuine
from rig import playing, until

from perform.core import params
from perform.core.arena_layout import FAILED, LIVE
from perform.foreign import consent
from perform.foreign.scan.archive_scan import repack
from perform.rave.archive import read
from perform.stage.commands import Load

pytestmark = [
    pytest.mark.usefixtures("tiny_models"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def with_consent(path: Path) -> str:
    """Give the player's consent to a module; returns its path."""
    consent.give(repack(read(path)), path.stem)
    return str(path)


def test_a_module_plays_in_its_sandbox(runtime: Path, tmp_path: Path) -> None:
    path = with_consent(export(Synth(), tmp_path / "synth.ts"))
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        instrument.client.ask(Load(deck=3, model=path))
        params.set_value(instrument.arena.table, "deck/3/z/1/bias", 0.5)
        instrument.wait_live(3)
        before = instrument.meter("deck/3/frames")
        until(lambda: instrument.meter("deck/3/frames") > before + 200, 30, "it plays on")
        assert instrument.meter("deck/3/peak/l") > 1e-3
        deck = instrument.client.status().decks[2]
        assert (deck.model, deck.latents, deck.ratio, deck.error) == ("synth", 2, 512, "")
        pid = int(instrument.meter("deck/3/pid"))
        limits = Path(f"/proc/{pid}/limits")
        if limits.exists():
            assert "Max open files            0                    0" in limits.read_text()
        instrument.end()


def test_a_module_without_consent_or_with_a_wrong_output_fails_alone(runtime: Path, tmp_path: Path) -> None:
    synth = export(Synth(), tmp_path / "synth.ts")
    shape = with_consent(export(Bare("shape"), tmp_path / "shape.ts"))
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        for deck, model, says in ((3, str(synth), "not agreed to"), (4, shape, "gave (1, 1, 255)")):
            instrument.client.ask(Load(deck=deck, model=model))
            until(lambda deck=deck: instrument.meter(f"deck/{deck}/state") == FAILED, 60, "it is refused")
            assert says in instrument.client.status().decks[deck - 1].error
        assert instrument.meter("deck/1/state") == instrument.meter("deck/2/state") == LIVE
        instrument.end()


def test_an_export_is_converted_and_plays(runtime: Path) -> None:
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        instrument.client.ask(Load(deck=3, model=str(genuine("v2_small"))))
        instrument.wait_live(3)
        deck = instrument.client.status().decks[2]
        assert (deck.latents, deck.ratio, deck.sample_rate) == (4, 512, 44100)
        instrument.end()
