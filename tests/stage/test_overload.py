"""One deck too many: the log says so, and the last deck is unloaded so that the others keep playing."""

from __future__ import annotations

from pathlib import Path

import pytest
from rig import playing, until
from tiny import tiny_model

from perform.core.arena_layout import EMPTY, FAILED, LIVE
from perform.core.params import SLOTS
from perform.stage.commands import Load


@pytest.mark.alone
def test_the_last_deck_is_unloaded(runtime: Path, tmp_path: Path, tiny_models: Path) -> None:
    # a frame lasts 0.17 ms
    heavy = tiny_model(tmp_path / "heavy.safetensors", sample_rate=768_000, capacity=192)
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        instrument.arena.table[SLOTS["focus"]] = 2
        instrument.client.ask(Load(3, str(heavy)))
        until(lambda: instrument.meter("deck/3/state") == FAILED, 30, f"deck 3 gone; {instrument.log()}")
        assert "of its render time; load it again" in instrument.client.status().decks[2].error
        assert "deck 3 uses" in instrument.log()
        assert [instrument.meter(f"deck/{d}/state") for d in (1, 2, 4)] == [LIVE, LIVE, EMPTY]
        frames = instrument.meter("deck/1/frames")
        until(lambda: instrument.meter("deck/1/frames") > frames + 200, 10, "deck 1 plays on")
        instrument.end()
