"""One deck too many: the last deck is unloaded so that the others keep playing, and returns when it can."""

from __future__ import annotations

import os
import signal
import threading
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
        until(lambda: instrument.meter("deck/3/state") == FAILED, 90, f"deck 3 gone; {instrument.log()}")
        error, log = instrument.client.status().decks[2].error, instrument.log()
        states = [instrument.meter(f"deck/{d}/state") for d in (1, 2, 4)]
        if states[0] == LIVE:
            frames = instrument.meter("deck/1/frames")
            until(lambda: instrument.meter("deck/1/frames") > frames + 200, 10, "deck 1 plays on")
            until(lambda: instrument.meter("deck/1/frames") > frames + 800, 20, "more than CALM_S of it")
            assert instrument.meter("deck/3/state") == FAILED, "no room for it, however calm the others are"
        instrument.end()
    assert "of its render time; it plays again once there is room" in error
    assert "deck 3 uses" in log
    assert states == [LIVE, LIVE, EMPTY]


@pytest.mark.alone
def test_a_deck_returns_after_a_moment_of_overload(runtime: Path, tiny_models: Path) -> None:
    """Another program takes the processor: here signals stop the host of deck 1 most of the time."""
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        host = int(instrument.meter("deck/1/pid"))
        calm = threading.Event()

        def disturb() -> None:
            while not calm.wait(0.0002):  # shorter than a frame takes, so that each is held up
                os.kill(host, signal.SIGSTOP)
                calm.wait(0.02)
                os.kill(host, signal.SIGCONT)

        other = threading.Thread(target=disturb)
        other.start()
        try:
            until(lambda: instrument.meter("deck/2/state") == FAILED, 60, f"deck 2 gone; {instrument.log()}")
        finally:
            calm.set()
            other.join()
        until(lambda: instrument.meter("deck/2/state") == LIVE, 120, f"deck 2 back; {instrument.log()}")
        until(lambda: instrument.meter("deck/2/peak/l") > 1e-3, 10, "its sound")
        assert "deck 2: there is room again: choir returns" in instrument.log()
        assert instrument.client.status().decks[1].error == ""
        instrument.end()
