"""Tap tempo, and a control process that hears the taps."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.control.tap_tempo import TapTempo
from perform.core import params
from perform.core.arena import Arena
from perform.core.frame_time import FrameTime
from perform.core.tempo_meters import TAPPED, MeasuredTempo, TempoMeters
from perform.stage.beat_keeper import BeatKeeper
from tests.control.conftest import Control, eventually


def tapped(times: list[float]) -> TapTempo:
    taps = TapTempo()
    for at in times:
        taps.tap(at)
    return taps


@settings(max_examples=50, derandomize=True)
@given(st.floats(20.5, 260), st.integers(0, 2**31))
def test_eight_taps_with_ten_milliseconds_of_jitter_give_the_tempo(bpm: float, seed: int) -> None:
    dice, period = np.random.default_rng(seed), 60.0 / bpm
    taps = tapped([100 + i * period + dice.uniform(-1, 1) * min(0.01, period / 20) for i in range(9)])
    assert taps.bpm == pytest.approx(bpm, rel=0.02 / (8 * period) + 1e-6)
    assert taps.beat == pytest.approx(100 + 8 * period, abs=0.02)


def test_a_pause_or_another_tempo_begins_anew() -> None:
    assert not TapTempo().tap(1.0)
    assert tapped([0, 0.5, 1.0, 1.5, 9.0, 9.25]).bpm == pytest.approx(240)
    assert tapped([0, 0.5, 1.0, 1.5, 2.5, 3.5]).bpm == pytest.approx(60)
    bounce = tapped([0, 0.5, 0.52, 1.0])  # a switch that bounces
    assert bounce.bpm == pytest.approx(120)


def test_the_beat_follows_taps_without_losing_its_count(arena: Arena) -> None:
    beats, meters = BeatKeeper(arena), TempoMeters(arena.meters)
    arena.history.write(np.zeros((48000, 2), np.float32))  # beat 2 at 120 bpm
    arena.history.write(np.zeros((4000, 2), np.float32))
    meters.write(MeasuredTempo(TAPPED, 0.0, 0.0, 90.04))
    assert beats.tick() == {params.slot("tempo")}
    assert arena.table[params.slot("tempo")] == 90.0
    assert arena.beat_line.beat_at(FrameTime(arena).sounding_at(0.0)) == pytest.approx(2)
    assert beats.tick() == set()
    params.set_value(arena.table, "clock/offset", 100)
    meters.write(MeasuredTempo(TAPPED, 0.0, 0.0, 90.0))
    beats.tick()
    assert arena.beat_line.bpm == 90.0


def test_the_control_process_hears_taps_from_anywhere(control: Callable[..., Control]) -> None:
    process = control()
    eventually(lambda: process.arena.meter("heartbeat/control") > 1, "the first beats")
    meters, times = TempoMeters(process.arena.meters), list[float]()
    for _ in range(8):
        params.trigger(process.arena.table, "clock/tap")
        times.append(time.monotonic())
        time.sleep(0.3)
    wanted = 60.0 * 7 / (times[-1] - times[0])
    eventually(lambda: meters.read() and abs(meters.read().bpm - wanted) < 2.0, f"{wanted} bpm")  # type: ignore[union-attr]
    measured = meters.read()
    assert measured
    assert measured.kind == TAPPED
    assert measured.seconds == pytest.approx(times[-1], abs=0.05)
