"""An insert on the stage, whose host processes only report what the test says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rig import until
from stage_rig import SilentChild

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE_METER, insert_lane
from perform.core.messages.host_messages import HostFailed, HostReady, StartHost, VoiceDropped
from perform.core.params import MODULE_DEFAULT, SLOTS
from perform.stage.host_pool import HostPool
from perform.stage.insert_slot import InsertSlot

LANE, ADDRESS = insert_lane(1), "deck/1/insert/attribute/1"


class SlotRig:
    """The insert of deck 1, with a module whose first attribute is 5."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.hosts = HostPool(SilentChild, print, StartHost("", "", 48000.0, False))  # type: ignore[arg-type]
        self.insert = InsertSlot(1, arena, self.hosts, print)
        self.insert.load("bells")
        self.ready()
        until(self.plays, 10, "bells play")
        params.set_value(arena.table, ADDRESS, 5)

    def ready(self) -> None:
        """The newest host is ready."""
        host = self.hosts._hosts[-1]
        path = str(host.model.path)
        report = HostReady(1.0, "", path, (), (), has_prior=False, has_encoder=True, takes_sound=True)
        self.hosts.handle_report(host.child, report)

    def plays(self) -> bool:
        """Advance it: a voice ends when it is to, and renders as soon as it gets sound."""
        self.insert.tick()
        for host in self.hosts._hosts:
            self.hosts.handle_report(host.child, VoiceDropped(LANE))
        self.arena.lane_meters(LANE)[LANE_METER["frames"]] = 1
        self.arena.inserted[1].write(np.zeros((1024, 2), np.float32))
        return self.insert.plays

    @property
    def value(self) -> float:
        return float(self.arena.table[SLOTS[ADDRESS]])


@pytest.fixture
def rig(arena: Arena, tiny_models: Path) -> SlotRig:
    return SlotRig(arena)


def test_values_of_a_module_that_never_played_are_not_used_later(rig: SlotRig) -> None:
    rig.insert.load("choir")
    rig.hosts.handle_report(rig.hosts._hosts[-1].child, HostFailed("no room"))
    until(rig.plays, 10, "bells play on")
    assert rig.insert.error == "no room"
    rig.arena.set_meter("burst", 1024)  # bells begin again, with a longer delay
    rig.insert.tick()
    assert not rig.insert.plays
    until(rig.plays, 10, "bells play again")
    assert rig.value == 5


def test_a_module_whose_host_died_while_it_loaded_begins_with_its_own_values(rig: SlotRig) -> None:
    rig.insert.load("choir")
    rig.hosts.handle_death(rig.hosts._hosts[-1].child)
    rig.insert.tick()
    rig.ready()
    until(rig.plays, 10, "choir plays")
    assert rig.insert.model
    assert rig.insert.model.stem == "choir"
    assert rig.value == MODULE_DEFAULT
