"""A deck on the stage, whose host processes only report what the test says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rig import until
from stage_rig import SilentChild

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, LANE_METER, NEXT, lanes_of
from perform.core.loudness import LOUDNESS_LUFS
from perform.core.messages.host_messages import HostReady, StartHost
from perform.core.params import MODULE_DEFAULT, SLOTS
from perform.library.cards import change_card, read_card
from perform.stage.deck import Deck
from perform.stage.deck_lane import DeckLane
from perform.stage.host_pool import HostPool
from perform.stage.model_host import HostedModel, HostProcess


def playing_deck(arena: Arena, model: str) -> Deck:
    """A deck whose host is ready as soon as it starts."""
    hosts = HostPool(SilentChild, print, StartHost("", "", 48000.0, False))  # type: ignore[arg-type]
    deck = Deck(1, arena, hosts, print)
    deck.load(model)
    settle(deck, arena, hosts)
    return deck


def settle(deck: Deck, arena: Arena, hosts: HostPool) -> None:
    """Let the newest host be ready and render ahead, until the deck's model plays."""
    path = str(hosts._hosts[-1].model.path)
    report = HostReady(1.0, "", path, (), (), has_prior=False, has_encoder=True)
    hosts.handle_report(hosts._hosts[-1].child, report)

    def settled() -> bool:
        deck.tick()
        for lane in lanes_of(1):
            arena.rings[lane].write(np.zeros((1024, 2), np.float32))
            arena.lane_meters(lane)[LANE_METER["frames"]] = 1
        return deck.settled

    until(settled, 10, "the model plays")


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
    settle(deck, arena, hosts)
    assert deck.model
    assert deck.model.stem == "choir"
    assert [arena.table[SLOTS[f"deck/1/{name}"]] for name in ("attribute/1", "home")] == [MODULE_DEFAULT, 1.0]


def test_the_level_of_a_calibrated_model_follows_its_switch_also_into_a_song_of_an_earlier_version(
    arena: Arena, tiny_models: Path
) -> None:
    """In the next song the deck keeps its model, and the level changes together with everything else."""
    path = tiny_models / "choir.safetensors"
    change_card(path, {"loudness_lufs": -25.0, "trim_earlier": 4.5})
    deck = playing_deck(arena, "choir")
    switch, (lane, _) = SLOTS["deck/1/calibrated"], lanes_of(1)
    assert arena.table[switch] == 1, "a model that was just loaded is calibrated"
    assert arena.lanes[lane, LANE["trim"]] == LOUDNESS_LUFS + 25.0
    deck.prepare(path)
    with arena.batch():
        arena.table[switch] = 0
        deck.play_next(0.0, 0.0)
    assert arena.lanes[lane, LANE["trim"]] == 4.5
    arena.table[switch] = 1
    deck.tick()
    assert arena.lanes[lane, LANE["trim"]] == LOUDNESS_LUFS + 25.0


def test_an_armed_song_is_prepared_at_its_own_level(arena: Arena, tiny_models: Path) -> None:
    path = tiny_models / "choir.safetensors"
    change_card(path, {"loudness_lufs": -25.0, "trim_earlier": 4.5})
    host = HostProcess(HostedModel(path, read_card(path)), SilentChild(), idle=True)  # type: ignore[call-arg,arg-type]
    lane = DeckLane(arena, 0, 1)
    arena.table[SLOTS["deck/1/calibrated"]], arena.next[SLOTS["deck/1/calibrated"]] = 1, 0
    lane.fill(host, NEXT, {}, 0)
    assert arena.lanes[0, LANE["trim"]] == 4.5
