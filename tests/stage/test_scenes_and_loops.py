"""Scenes and loops on a real stage: stored, recalled, morphed, recorded, stopped by the player."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from rig import playing, until
from stage_rig import SET, go, value

from perform.control.osc_packets import OscCall, write_packets
from perform.core import params
from perform.core.errors import PerformError
from perform.library import sets
from perform.stage import commands


def test_scenes_are_stored_recalled_and_morphed(runtime: Path, tour: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as osc:
        osc.bind(("127.0.0.1", 0))
        free = osc.getsockname()
    with playing(runtime, "--device", "null", "--osc", f"{free[1]}", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        ask, table = instrument.client.ask, instrument.arena.table
        until(lambda: instrument.client.status().osc == f"127.0.0.1:{free[1]}", 30, instrument.log())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as osc:
            osc.sendto(next(write_packets([OscCall("/deck/2/pan", (0.25,))])), free)
        until(lambda: value(instrument, "deck/2/pan") == 0.25, 5, "a value by OSC")
        params.set_value(table, "deck/2/pan", 0)
        ask(commands.StoreScene(1, "calm"))
        params.set_value(table, "deck/1/z/0/bias", 3.0)
        params.set_value(table, "deck/1/source", 0)
        ask(commands.Exclude("deck/2/gain"))
        params.set_value(table, "deck/2/gain", -9.0)
        ask(commands.StoreScene(2, "wild", 0.5))
        ask(commands.RecallScene(1))
        until(lambda: value(instrument, "deck/1/z/0/bias") == 1.0, 5, "the calm scene")
        assert value(instrument, "deck/1/source") == params.SOURCES.index("loop")
        assert value(instrument, "deck/2/gain") == -9.0
        params.set_value(table, "scene/a", 1)
        params.set_value(table, "scene/b", 2)
        params.set_value(table, "scene/morph", 0.75)
        until(lambda: abs(value(instrument, "deck/1/z/0/bias") - 2.5) < 1e-6, 5, "the morph")
        assert value(instrument, "deck/1/source") == 0
        params.set_value(table, "scene/recall", 2)
        until(lambda: value(instrument, "deck/1/z/0/bias") == 3.0, 5, "the wild scene, by number")
        stored = [(scene.name, scene.glide) for scene in instrument.client.status().scenes]
        assert stored == [("calm", "0 s"), ("wild", "0.5 s")]
        with pytest.raises(PerformError, match="empty"):
            ask(commands.RecallScene(7))
        params.set_value(table, "scene/recall", 7)
        until(lambda: "scene 7 is empty" in instrument.log(), 5, "a pad of an empty scene says so")
        params.set_value(table, "quantise", 2)
        params.set_value(table, "tempo", 20)  # a bar is 12 s
        params.trigger(table, "clock/start")
        line = lambda: instrument.arena.beat_line  # noqa: E731
        # before beat 0, where the start may lie for a moment, a change waits for beat 0
        until(lambda: 0 <= line().beat_at(instrument.meter("frames")) < 0.5, 5, "beat 1")
        assert ask(commands.ToggleLoop("deck/1/gain")).value == "waits"
        ask(commands.RecallScene(1))
        assert instrument.client.status().pending == ("loop deck/1/gain", "scene 1")
        ask(commands.Arm(3))
        ask(commands.Go())
        until(lambda: "go" in instrument.client.status().pending, 20, "models that are ready")
        assert (instrument.client.status().scene, instrument.client.status().songs.now) == (2, 1)
        ask(commands.RecallScene(1))
        until(lambda: instrument.client.status().scene == 1, 5, "the second press")
        ask(commands.Go())
        until(lambda: instrument.client.status().songs.now == 3, 5, "the second press")
        assert instrument.client.status().pending == ()
        instrument.end()


def test_a_gesture_loops_until_the_player_moves_the_parameter(runtime: Path, tour: str) -> None:
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        ask, table, address = instrument.client.ask, instrument.arena.table, "deck/1/z/1/bias"
        assert ask(commands.ToggleLoop(address)).value == "recording"
        for step in range(20):
            params.set_value(table, address, step / 10)
            frames = instrument.meter("frames")
            until(lambda f=frames: instrument.meter("frames") > f + 960, 5, "20 ms")
        assert ask(commands.ToggleLoop(address)).value == "looping"
        seen: set[float] = set()

        def goes_round() -> bool:
            seen.add(value(instrument, address))
            return len(seen) > 30 and min(seen) < 0.3 and max(seen) > 1.7

        until(goes_round, 10, "the gesture again")
        params.set_value(table, address, -2.0)
        until(lambda: instrument.client.status().loops[0].state == "stopped", 5, "a hand")
        assert value(instrument, address) == -2.0
        assert ask(commands.Undo()).value == f"loop of {address} recorded"
        assert instrument.client.status().loops == ()
        ask(commands.Undo(redo=True))
        go(instrument, 2)
        assert instrument.client.status().loops == ()
        go(instrument, 1)
        assert [loop.state for loop in instrument.client.status().loops] == ["looping"]
        ask(commands.ForgetLoop(address))
        assert ask(commands.Undo()).value == f"loop of {address} forgotten"
        assert [loop.address for loop in instrument.client.status().loops] == [address]
        instrument.end()
    kept = sets.available()
    (unsaved,) = (path for name, path in kept.items() if name.startswith("tour-unsaved"))
    (gesture,) = sets.read_set(unsaved).songs[0].loops
    assert gesture.points[0] == (0.0, 0.0)
    assert gesture.points[-1][1] == 1.9


def test_a_loop_plays_on_a_deck_that_keeps_its_model(runtime: Path, tour: str) -> None:
    address = "deck/1/z/0/bias"  # the song before has another number there: all else glides to it
    points = "[[0.0, 2.0], [0.25, 3.0], [0.5, 2.0]]"
    loop = f'[[songs.loops]]\naddress = "{address}"\nseconds = 0.5\npoints = {points}\n'
    Path(tour).write_text(SET.replace('[[songs]]\nname = "three"', f'{loop}[[songs]]\nname = "three"'))
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        go(instrument, 2)
        until(lambda: 2.7 < value(instrument, address) <= 3.0, 5, "its way up")
        until(lambda: 2.0 <= value(instrument, address) < 2.3, 5, "and down again")
        assert [loop.state for loop in instrument.client.status().loops] == ["looping"]
        instrument.end()
