"""Changes that wait for the beat or bar, and loops that are whole beats long."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LIVE
from perform.library.song import LoopGesture
from perform.stage.beat_keeper import BeatKeeper
from perform.stage.loops import Loops
from perform.stage.quantise import Quantise

BEAT = 24000  #: frames at 120 bpm


def play(arena: Arena, quantise: Quantise, frames: int) -> None:
    """Let time pass; `tick` every 240 frames, 5 ms."""
    for _ in range(frames // 240):
        arena.history.write(np.zeros((240, 2), np.float32))
        quantise.tick()


@pytest.fixture
def quantise(arena: Arena) -> Quantise:
    BeatKeeper(arena)
    return Quantise(arena)


@pytest.mark.parametrize(("mode", "due"), [("off", 4800), ("beat", BEAT), ("bar", 3 * BEAT)])
def test_a_change_waits_for_the_beat_or_the_bar(
    arena: Arena, quantise: Quantise, mode: str, due: int
) -> None:
    params.set_value(arena.table, "quantise", ("off", "beat", "bar").index(mode))
    params.set_value(arena.table, "clock/bar", 3)
    play(arena, quantise, 4800)
    done: list[int] = []
    at_once = quantise.change("scene", "scene 3", lambda _: done.append(arena.history.written))
    assert at_once == (mode == "off")
    assert quantise.pending == (() if at_once else ("scene 3",))
    assert quantise.wait == pytest.approx((due - 4800) / 48000, abs=0.01) or at_once
    play(arena, quantise, 4 * BEAT)
    assert done == [due]
    assert quantise.pending == ()


def test_a_second_request_acts_at_once_and_another_one_replaces_the_first(
    arena: Arena, quantise: Quantise
) -> None:
    params.set_value(arena.table, "quantise", 2)
    done: list[str] = []
    assert not quantise.change("scene", "scene 3", lambda _: done.append("3"))
    assert not quantise.change("loop", "loop x", lambda _: done.append("x"))
    assert quantise.change("loop", "loop x", lambda _: done.append("x"))
    assert done == ["x"]
    assert not quantise.change("scene", "scene 4", lambda _: done.append("4"))
    assert quantise.pending == ("scene 4",)
    play(arena, quantise, 5 * BEAT)
    assert done == ["x", "4"]


def test_a_scene_is_early_by_the_latency_of_the_decks(arena: Arena, quantise: Quantise) -> None:
    params.set_value(arena.table, "quantise", 1)
    arena.set_meter("deck/2/state", LIVE)
    arena.set_meter("deck/2/latency", 0.1 + 256 / 48000)
    done: list[int] = []
    quantise.change("scene", "scene 3", lambda _: done.append(arena.history.written), early=True)
    play(arena, quantise, 2 * BEAT)
    assert done == [BEAT - 4800]


def test_a_change_does_not_wait_for_a_beat_of_the_song_before(arena: Arena) -> None:
    beats, quantise, done = BeatKeeper(arena), Quantise(arena), []
    params.set_value(arena.table, "quantise", 2)
    play(arena, quantise, 10 * BEAT)
    quantise.change("loop", "loop x", lambda _: done.append(arena.history.written))  # due at beat 12
    params.trigger(arena.table, "clock/start")
    beats.tick()
    play(arena, quantise, 5 * BEAT)
    assert done == [14 * BEAT]


def test_go_asks_until_the_beat_is_reached(arena: Arena, quantise: Quantise) -> None:
    assert quantise.reached("go", "go")
    params.set_value(arena.table, "quantise", 1)
    assert not quantise.reached("go", "go")
    play(arena, quantise, BEAT - 240)
    assert not quantise.reached("go", "go")
    assert quantise.pending == ("go",)
    play(arena, quantise, 240)
    assert quantise.reached("go", "go")
    quantise.drop("go")
    assert quantise.pending == ()


@pytest.mark.parametrize("late", [0.0, 0.011])
def test_a_quantised_loop_is_whole_beats_long_however_late_the_stage_ticks(late: float) -> None:
    """The loop begins and ends at the beats themselves: `toggle` gets their times."""
    table, address = params.defaults(), "deck/1/z/0/bias"
    loops = Loops(table, lambda now: 2.0 * now)
    loops.toggle(address, 10.0)
    for tick in itertools.count():
        now = 10.0 + late + 0.015 * tick
        if now > 11.0 + late:
            break
        table[params.slot(address)] = np.sin(now)
        loops.tick(now)
    loops.toggle(address, 11.0)
    (gesture,) = loops.gestures()
    assert (gesture.seconds, gesture.beats) == (1.0, 2.0)
    assert gesture.points[-1][0] <= 1.0


def test_a_loop_of_beats_follows_the_tempo_and_one_of_seconds_does_not() -> None:
    table, bpm, ramp = params.defaults(), 120.0, [(0.0, -1.0), (1.0, 1.0)]
    loops = Loops(table, lambda now: now * bpm / 60.0)
    follows, stays = "deck/1/z/0/bias", "deck/1/z/1/bias"
    loops.replace([LoopGesture(follows, 1.0, ramp, 2.0), LoopGesture(stays, 1.0, ramp)], 0.0)
    for bpm in (120.0, 60.0, 240.0):
        for now in np.arange(0.0, 4.0, 0.1):
            loops.tick(now)
            for address, turns in ((follows, now * bpm / 120.0), (stays, now)):
                wanted = 2.0 * (turns % 1.0) - 1.0
                assert abs((table[params.slot(address)] - wanted + 1.0) % 2.0 - 1.0) < 1e-6


def test_a_loop_that_began_or_ended_between_beats_has_no_beats() -> None:
    for begin, end in ((0.3, 1.0), (0.0, 0.8), (0.3, 0.8)):
        loops = Loops(params.defaults(), lambda now: 2.0 * now)
        loops.toggle("deck/1/gain", begin)
        loops.toggle("deck/1/gain", end)
        assert [gesture.beats for gesture in loops.gestures()] == [None]
