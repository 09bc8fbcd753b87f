"""The predicted load of a song."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stage_rig import SilentChild

from perform.core.arena import Arena
from perform.core.arena_layout import LANE_METER, METER_SLOTS, lanes_of
from perform.core.messages.host_messages import HostReady, StartHost
from perform.stage import model_loads
from perform.stage.host_pool import HostPool
from perform.stage.model_loads import ModelLoads
from perform.stage.rack import Rack


def load(rack: Rack, deck: int, model: str) -> Path:
    """A deck loads a model, whose host measures 2 ms for a frame."""
    rack.decks[deck].load(model)
    host = rack.hosts._hosts[-1]
    ready = HostReady(2.0, "", str(host.model.path), (), (), has_prior=False, has_encoder=True)
    rack.hosts.handle_report(host.child, ready)
    return host.model.path


def test_a_song_needs_what_its_models_were_measured_to_need(arena: Arena, tiny_models: Path) -> None:
    rack = Rack.empty(arena, HostPool(SilentChild, print, StartHost("", "", 48000.0, False)), print)  # type: ignore[arg-type]
    loads = ModelLoads(cores=2)
    bells, choir = load(rack, 1, "bells"), load(rack, 2, "choir")
    card = rack.hosts._hosts[0].model.card
    measured = 0.002 * card.sample_rate / card.ratio
    loads.observe(rack)
    assert loads.predict([bells]) == pytest.approx(measured)
    assert loads.predict([bells, bells, None]) == pytest.approx(measured * 4 / 3), "one batch, a third more"
    assert loads.predict([bells, choir]) == pytest.approx(measured), "each on its own core"
    assert ModelLoads(cores=1).predict([]) == 0.0
    assert loads.predict([bells, Path("other.safetensors")]) == 0.0, "a model that was never loaded"
    assert loads.predict([bells], [choir]) == pytest.approx(measured), "an insert, on the other core"
    assert loads.predict([bells], [choir, choir]) == pytest.approx(2 * measured), "inserts share no batch"
    assert loads.predict([bells], [bells]) == pytest.approx(2 * measured), "both in one host process"
    assert loads.predict([bells], [None, Path("other.ts")]) == 0.0
    few = ModelLoads(cores=1)
    few.observe(rack)
    assert few.predict([bells, choir]) == pytest.approx(2 * measured), "one core for both"
    assert few.predict([bells], [choir]) == pytest.approx(2 * measured)


def test_a_model_that_has_played_needs_what_it_needed(
    arena: Arena, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_loads, "EVERY_S", 0.0)
    rack = Rack.empty(arena, HostPool(SilentChild, print, StartHost("", "", 48000.0, False)), print)  # type: ignore[arg-type]
    loads = ModelLoads(cores=4)
    bells = load(rack, 1, "bells")
    arena.meters[METER_SLOTS["deck/1/load"]] = 0.9  # of another model, which plays while bells loads
    loads.observe(rack)
    card = rack.hosts._hosts[0].model.card
    assert loads.predict([bells]) == pytest.approx(0.002 * card.sample_rate / card.ratio), "its own"
    rack.decks[1].tick()
    for lane in lanes_of(1):  # its voice has rendered ahead
        arena.rings[lane].write(np.zeros((1024, arena.rings[lane].past(0).shape[1]), np.float32))
        arena.lane_meters(lane)[LANE_METER["frames"]] = 4
    rack.decks[1].tick()
    assert rack.decks[1].model == bells and rack.decks[1].settled
    arena.meters[METER_SLOTS["deck/1/load"]] = 0.7
    loads.observe(rack)
    assert loads.predict([bells]) == pytest.approx(0.7)
    rack.decks[1].unload()
    arena.meters[METER_SLOTS["deck/1/load"]] = 0.0
    loads.observe(rack)
    assert loads.predict([bells]) == pytest.approx(0.7), "it is remembered"
