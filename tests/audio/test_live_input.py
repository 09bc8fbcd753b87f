"""The live input in the mixer: closed until opened, monitored with the right delay, guarded against howls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from perform.audio.mixer import Mixer
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, lanes_of

RATE, BLOCK = 48000, 256


def play(arena: Arena, sound: np.ndarray) -> np.ndarray:
    """(frames,) in, (frames,) of the left output."""
    mixer = Mixer(arena, RATE, opening=(1.0, 1.0))
    out = np.zeros((len(sound) // BLOCK * BLOCK, 2), np.float32)
    for at in range(0, len(out), BLOCK):
        came = np.repeat(sound[at : at + BLOCK, None], 2, 1).astype(np.float32)
        mixer.fill(out[at : at + BLOCK], came)
    return out[:, 0]


def noise(frames: int, level: float = 0.1) -> np.ndarray:
    return level * np.random.default_rng(0).standard_normal(frames)


def put(arena: Arena, **values: float) -> None:
    for name, value in values.items():
        params.set_value(arena.table, f"input/{name}", value)


def test_the_input_is_silent_until_it_is_opened(arena: Arena) -> None:
    put(arena, monitor=0)
    assert not play(arena, noise(RATE // 4)).any()
    assert not arena.input.read(0, RATE)[0].any()
    assert arena.meter("input/gate") == 0
    assert arena.meter("input/peak") > -15  # a player sees that something comes in
    put(arena, open=1)
    assert play(arena, noise(RATE // 4)).any()
    assert arena.meter("input/gate") == 1


def test_the_gate_opens_at_its_level_and_closes_below_it(arena: Arena) -> None:
    put(arena, open=1, gate=-40)
    mixer, seen, dice = Mixer(arena, RATE, opening=(1.0, 1.0)), [], np.random.default_rng(0)
    out = np.zeros((BLOCK, 2), np.float32)
    for peak_db in (-60, -43, -35, -43, -60):
        for _ in range(RATE // 4 // BLOCK):
            hiss = 10 ** (peak_db / 20) * dice.uniform(-1, 1, (BLOCK, 1))
            mixer.fill(out, np.repeat(hiss, 2, 1).astype(np.float32))
        seen.append(arena.meter("input/gate"))
    assert seen == [0, 0, 1, 1, 0]


@pytest.mark.parametrize("behind", [0, 1000, 5000])
def test_the_monitor_has_the_same_delay_as_a_deck_with_the_input(arena: Arena, behind: int) -> None:
    put(arena, open=1, gate=params.GATE_FLOOR_DB, monitor=-6)
    arena.lanes[3, LANE["behind"]] = behind
    sound = noise(RATE)
    out = play(arena, sound)
    late = behind + int(arena.meter("delay"))
    wanted = sound[RATE // 4 : RATE // 2] * params.gain(-6)
    error = out[RATE // 4 + late : RATE // 2 + late] - wanted
    assert np.sqrt((error**2).mean()) < 0.02 * np.sqrt((wanted**2).mean())  # the DC blocker's


def test_a_change_of_the_monitors_delay_makes_no_click(arena: Arena) -> None:
    put(arena, open=1, gate=params.GATE_FLOOR_DB, monitor=0)
    mixer, parts = Mixer(arena, RATE, opening=(1.0, 1.0)), []
    tone = 0.5 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)
    for at in range(0, RATE - BLOCK, BLOCK):
        arena.lanes[0, LANE["behind"]] = 1000 if at < RATE // 2 else 1109
        out = np.zeros((BLOCK, 2), np.float32)
        mixer.fill(out, np.repeat(tone[at : at + BLOCK, None], 2, 1).astype(np.float32))
        parts.append(out[:, 0])
    heard = np.concatenate(parts)[RATE // 4 :]
    assert np.abs(heard).max() > 0.45
    assert np.abs(np.diff(heard)).max() < 1.3 * 0.5 * 2 * np.pi * 220 / RATE


def test_dry_and_wet_cross_over_with_equal_power(arena: Arena) -> None:
    """The input, two decks that encode it, and one with the source `input` whose model has no encoder."""
    put(arena, open=1, gate=params.GATE_FLOOR_DB)
    for deck, behind in ((1, 1), (2, 1), (3, 0)):
        params.set_value(arena.table, f"deck/{deck}/source", params.SOURCES.index("input"))
        lane = arena.lanes[lanes_of(deck)[0]]
        lane[LANE["live"]] = lane[LANE["gate"]] = 1
        lane[LANE["behind"]] = behind
    time = np.arange(2 * RATE) / RATE
    tones = [np.repeat(0.1 * np.sin(2 * np.pi * hz * time)[:, None], 2, 1) for hz in (2000, 500, 1000, 1500)]
    mixer, parts = Mixer(arena, RATE, opening=(1.0, 1.0)), []
    for at in range(0, len(time) - BLOCK, BLOCK):
        put(arena, wet=(1, 0.5, 0, 1)[at * 4 // len(time)])
        came, *decks = (tone[at : at + BLOCK].astype(np.float32) for tone in tones)
        for deck, block in enumerate(decks, 1):
            arena.rings[lanes_of(deck)[0]].write(block)
        parts.append(np.zeros((BLOCK, 2), np.float32))
        mixer.fill(parts[-1], came)
    heard, quarter = np.concatenate(parts)[:, 0], RATE // 4
    for n, wet in enumerate((1, 0.5, 0, 1)):
        part = heard[(2 * n + 1) * quarter :][: quarter - BLOCK] * np.hanning(quarter - BLOCK)
        wave = np.exp(-2j * np.pi * np.array([[2000], [500], [1000], [1500]]) * time[: len(part)])
        levels = 2 * np.abs(wave @ part) / (0.05 * len(part))
        dry, wet_gain = np.cos(wet * np.pi / 2), np.sin(wet * np.pi / 2)
        assert levels == pytest.approx([dry, wet_gain, wet_gain, 1], abs=0.01)
    slope = 2 * np.pi * sum((2000, 500, 1000, 1500)) / RATE * 0.1
    assert np.abs(np.diff(heard)).max() < slope + 3 * 0.1 / (0.010 * RATE)


@pytest.mark.parametrize("loop_db", [1, 3, 6])
def test_a_howl_through_the_monitor_is_caught(arena: Arena, loop_db: float) -> None:
    """A loudspeaker near its microphone, in a room of one resonance: it ends, never above the ceiling."""
    put(arena, open=1, gate=params.GATE_FLOOR_DB, monitor=0)
    mixer, way, dice = Mixer(arena, RATE, opening=(1.0, 1.0)), 3, np.random.default_rng(0)
    turn_s = (way * BLOCK + arena.meter("delay")) / RATE
    angle = 2 * np.pi * round(1500 * turn_s) / turn_s / RATE  # in phase with itself
    width = np.sin(angle) / 16
    ahead, back = [width, 0, -width], [1 + width, -2 * np.cos(angle), 1 - width]
    air, state, peaks = [np.zeros(BLOCK)] * way, np.zeros(2), []
    for _ in range(round(4 * RATE / BLOCK)):
        room, state = lfilter(ahead, back, air.pop(0), zi=state)
        heard = 10 ** (loop_db / 20) * room + 10 ** (-55 / 20) * dice.standard_normal(BLOCK)
        out = np.zeros((BLOCK, 2), np.float32)
        mixer.fill(out, np.repeat(heard[:, None], 2, 1).astype(np.float32))
        air.append(out[:, 0].astype(np.float64))
        peaks.append(float(np.abs(out).max()))
    assert arena.meter("input/howls") >= 1
    assert max(peaks) <= 10 ** (-1 / 20)
    assert max(peaks[-50:]) < 0.05
