"""A deck on the stage, whose host processes only report what the test says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rig import until
from stage_rig import SilentChild

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE_METER, lanes_of
from perform.core.messages.host_messages import HostReady, StartHost
from perform.core.params import MODULE_DEFAULT, SLOTS
from perform.stage.deck import Deck
from perform.stage.host_pool import HostPool


def test_a_model_whose_host_died_while_it_loaded_begins_with_its_own_values(
    arena: Arena, tiny_models: Path
) -> None:
    hosts = HostPool(SilentChild, print, StartHost("", "", 48000.0, False))  # type: ignore[arg-type]
    deck = Deck(1, arena, hosts, print)
    for name, value in (("attribute/1", 5.0), ("home", 0.0)):  # of the model before
        params.set_value(arena.table, f"deck/1/{name}", value)
    deck.load("choir")
    hosts.handle_death(hosts._hosts[-1].child)
    deck.tick()
    path = str(hosts._hosts[-1].model.path)
    report = HostReady(1.0, "", path, (), (), has_prior=False, has_encoder=True)
    hosts.handle_report(hosts._hosts[-1].child, report)

    def settled() -> bool:
        deck.tick()
        for lane in lanes_of(1):
            arena.rings[lane].write(np.zeros((1024, 2), np.float32))
            arena.lane_meters(lane)[LANE_METER["frames"]] = 1
        return deck.settled

    until(settled, 10, "choir plays")
    assert deck.model
    assert deck.model.stem == "choir"
    assert [arena.table[SLOTS[f"deck/1/{name}"]] for name in ("attribute/1", "home")] == [MODULE_DEFAULT, 1.0]
