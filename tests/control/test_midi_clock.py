"""MIDI clock in: tempo and beat despite jitter, start, stop, continue, song position; a real one on JACK."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.control.midi_clock import DriverTime, MidiClock
from perform.control.tempo_watch import TempoWatch
from perform.core import params
from perform.core.arena import Arena
from perform.core.frame_time import FrameTime
from perform.core.tempo_meters import CLOCK, NO_TEMPO, PLACED_CLOCK, TAPPED, MeasuredTempo, TempoMeters
from perform.stage.beat_keeper import BeatKeeper
from tests.control.conftest import Control, Jack, eventually

TICK, START, CONTINUE, STOP = ([status] for status in (0xF8, 0xFA, 0xFB, 0xFC))


def ticks(
    clock: MidiClock,
    count: int,
    bpm: float = 120.0,
    *,
    begin: float = 0.0,
    jitter: float = 0.0,
    seed: int = 0,
) -> list[MeasuredTempo]:
    pulse, dice = 60.0 / bpm / 24, np.random.default_rng(seed)
    made = (clock.receive(TICK, begin + i * pulse + dice.normal(0, jitter)) for i in range(count))
    return [measured for measured in made if measured]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("bpm", [60.0, 120.0, 174.3])
def test_tempo_and_beat_despite_a_millisecond_of_jitter(bpm: float, seed: int) -> None:
    clock = MidiClock()
    clock.receive(START, 0.0)
    made = ticks(clock, 24 * 16, bpm, jitter=0.001, seed=seed)
    for measured in made[-24:]:
        assert measured.kind == PLACED_CLOCK
        assert measured.bpm == pytest.approx(bpm, abs=0.1 * bpm / 120)
        assert (measured.seconds - measured.beat * 60 / bpm) == pytest.approx(0, abs=0.0006)


def test_another_tempo_is_followed_within_two_beats() -> None:
    clock = MidiClock()
    ticks(clock, 240, 120.0, jitter=0.001)
    made = ticks(clock, 48, 140.0, begin=240 / 48 + 60 / 140 / 24, jitter=0.001)
    assert made[-1].bpm == pytest.approx(140, abs=1.0)
    assert made[-1].kind == CLOCK  # it never was started


def test_start_stop_position_and_continue() -> None:
    clock = MidiClock()
    assert ticks(clock, 48)[-1].kind == CLOCK
    clock.receive(START, 1.0)
    measured = ticks(clock, 49, begin=1.0)[-1]
    assert (measured.kind, measured.beat, measured.seconds) == (
        PLACED_CLOCK,
        47 / 24,
        pytest.approx(1 + 47 / 48),
    )
    clock.receive(STOP, 2.0)
    ticks(clock, 24, begin=2.0 + 1 / 48)
    clock.receive([0xF2, 16, 1], 2.5)  # 144 sixteenths: beat 36
    clock.receive(CONTINUE, 2.5)
    made = ticks(clock, 48, begin=2.5 + 1 / 48)
    beat = made[-1].beat - (made[-1].seconds - (2.5 + 1 / 48)) * 2
    assert beat == pytest.approx(36)
    clock.receive(STOP, 3.5)
    clock.receive(CONTINUE, 3.5)
    assert ticks(clock, 12, begin=3.5 + 1 / 48)[-1].beat == pytest.approx(38.5, abs=0.3)


@settings(max_examples=50, derandomize=True)
@given(st.lists(st.tuples(st.binary(max_size=4), st.floats(0, 2)), max_size=60))
def test_no_bytes_and_no_times_harm(messages: list[tuple[bytes, float]]) -> None:
    clock, times, now = MidiClock(), DriverTime(), 0.0
    for data, delta in messages:
        now += delta
        if data:
            clock.receive(list(data), times.at(delta, now))
        clock.receive(TICK, times.at(0.0, now))
        clock.is_lost(now)


def test_the_drivers_deltas_time_messages_that_are_read_late() -> None:
    dice, times, errors = np.random.default_rng(0), DriverTime(), []
    for i in range(400):
        sent, gap = 100 + 0.02 * i, 0.02 if i else 0.0
        errors.append(times.at(gap, sent + dice.uniform(0, 0.015)) - sent)
        if i == 200:  # a message that the driver did not deliver took this time with it
            times.at(0.0, sent + 0.3)
    assert max(map(abs, errors[50:200])) < 0.003
    assert max(map(abs, errors[300:])) < 0.003


def test_the_first_clock_leads_until_it_stops(arena: Arena) -> None:
    watch, meters = TempoWatch(arena), TempoMeters(arena.meters)

    def play(port: str, bpm: float, begin: float) -> float:
        pulse = 60 / bpm / 24
        for i in range(49):
            watch.receive(port, TICK, pulse if i else 0.0, begin + i * pulse)
            watch.tick(begin + i * pulse)
        return begin + 48 * pulse

    end = play("Box", 120.0, 10.0)
    assert meters.read() == MeasuredTempo(CLOCK, pytest.approx(end - 1 / 48), 47 / 24, pytest.approx(120))  # type: ignore[arg-type]
    play("Drums", 90.0, 10.0)
    assert meters.read().bpm == pytest.approx(120)  # type: ignore[union-attr]
    watch.tick(end + 1.0)
    assert meters.read().kind == NO_TEMPO  # type: ignore[union-attr]
    play("Drums", 90.0, 30.0)
    assert meters.read().bpm == pytest.approx(90)  # type: ignore[union-attr]
    for message in ([0xB0, 1, 2], [0xF0, 1, 0xF7], [0xFE], []):
        assert not watch.receive("Box", message, 0.0, 31.0), "it is for others"


def test_the_beat_follows_the_clock_only_when_it_shall_and_holds_the_tempo_when_it_stops(
    arena: Arena,
) -> None:
    beats, meters = BeatKeeper(arena), TempoMeters(arena.meters)
    placed = MeasuredTempo(PLACED_CLOCK, 0.0, 32.25, 133.337)
    meters.write(placed)
    beats.tick()
    assert arena.beat_line.bpm == 120.0
    params.set_value(arena.table, "clock/in", 1)
    meters.write(placed._replace(seconds=1.0))
    assert beats.tick() == {params.slot("tempo")}
    assert arena.table[params.slot("tempo")] == arena.beat_line.bpm == 133.34
    frame = FrameTime(arena).sounding_at(1.0)
    assert arena.beat_line.beat_at(frame) == pytest.approx(32.25)
    params.set_value(arena.table, "tempo", 90)
    beats.begin_song()  # another song, with another tempo
    beats.tick()
    assert arena.beat_line.bpm == 133.34
    assert arena.beat_line.beat_at(frame) == pytest.approx(32.25)
    before = arena.beat_line
    meters.write(placed._replace(seconds=2.0, beat=32.2502, bpm=133.35))  # 0.1 ms and 0.01 bpm away
    beats.tick()
    assert arena.beat_line == before
    meters.write(MeasuredTempo(NO_TEMPO, 0.0, 0.0, 0.0))
    beats.tick()
    assert arena.beat_line == before
    meters.write(MeasuredTempo(TAPPED, 0.0, 0.0, 80.0))
    beats.tick()
    assert arena.beat_line.bpm == 133.34, "taps do not fight with a clock"
    params.set_value(arena.table, "tempo", 90)
    beats.tick()
    assert arena.beat_line.bpm == 90


def test_a_real_clock_from_another_process(jack: Jack, control: Callable[..., Control]) -> None:
    process, script = control(), Path(__file__).with_name("clock_sender.py")
    process.report("MidiPortsChanged", open=[], error="")
    command = [sys.executable, str(script), "Drum Box", "120", "1"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=jack.env
    ) as sender:
        assert sender.stdin
        assert sender.stdout
        try:
            assert sender.stdout.readline() == "ready\n"
            process.report("MidiPortsChanged", open=["Drum Box"], error="")
            sender.stdin.write("\n")
            sender.stdin.flush()
            began, meters = float(sender.stdout.readline()), TempoMeters(process.arena.meters)

            made: dict[float, MeasuredTempo] = {}

            def steady() -> bool:
                """For two beats within 0.1 bpm, and late by less than two of the server's periods."""
                if (measured := meters.read()) and measured.kind == PLACED_CLOCK:
                    made[measured.beat] = measured
                last = list(made.values())[-8:]
                phases = [m.seconds - began - m.beat / 2 for m in last]
                near = all(abs(m.bpm - 120) < 0.1 for m in last) and all(abs(p) < 0.043 for p in phases)
                return near and len(made) > 24

            eventually(steady, "120 bpm", 40)
        finally:
            sender.kill()
    eventually(lambda: meters.read() == MeasuredTempo(NO_TEMPO, 0, 0, 0), "a lost clock")
