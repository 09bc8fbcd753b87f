"""The input chain gives the same output for any block sizes, and stops a howl before it is loud."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from test_guard import CEILING, RATE, blocks

from perform.audio.channel_choice import ChannelChoice
from perform.audio.guard import MAX_BLOCK, Limiter
from perform.audio.high_pass import HighPass
from perform.audio.input_chain import InputChain
from perform.audio.input_level import FLOOR_DB
from perform.audio.input_settings import InputSettings
from perform.audio.pitch import Pitch
from perform.core.howl import DIP_DB, HowlGuard

OPEN = InputSettings(gain_db=0.0, highpass_hz=0.0, open_db=-np.inf)

sizes = st.lists(st.integers(1, 2 * MAX_BLOCK), min_size=1, max_size=8)


def phrases(seed: int) -> np.ndarray:
    """Tones, noise and silences, (12000, 2)."""
    random, time = np.random.default_rng(seed), np.arange(2000) / RATE
    parts = []
    for level in 10 ** (random.uniform(-90, 0, 6) / 20):
        tone = np.sin(2 * np.pi * random.uniform(60, 1500) * time)
        parts.append(level * np.stack([tone, random.standard_normal(2000)], 1))
    return np.concatenate(parts).astype(np.float32)


@settings(max_examples=15)
@given(sizes, st.integers(0, 2**32 - 1), st.sampled_from([44100, 48000, 96000]))
def test_any_block_sizes_give_the_same_output(sizes: list[int], seed: int, rate: int) -> None:
    x, settings_ = phrases(seed), InputSettings(gain_db=6.0, open_db=-30.0, close_db=-40.0)
    settings_ = settings_._replace(threshold_db=-20.0, ratio=4.0, channels="sum")
    whole, parts = InputChain(rate, 2, settings_), InputChain(rate, 2, settings_)
    y = whole(x)
    z = np.concatenate([parts(part) for part in blocks(x, sizes)])
    assert np.abs(y - z).max() < 1e-8
    assert whole.level_db == pytest.approx(parts.level_db, abs=1e-6)
    assert whole.pitch.hz == pytest.approx(parts.pitch.hz, abs=1e-6)
    assert whole.gate.open == parts.gate.open


@pytest.mark.parametrize(("ratio", "out_db"), [(1.0, -6.0), (4.0, -21.0), (20.0, -25.0)])
def test_the_compressor_lowers_what_is_above_the_threshold(ratio: float, out_db: float) -> None:
    chain = InputChain(RATE, 1, OPEN._replace(threshold_db=-26.0, ratio=ratio, howl=False))
    loud = 10 ** (-6 / 20) * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)[:, None]
    y = chain(np.concatenate([loud, 0.02 * loud, loud]).astype(np.float32))[:, 0]
    peaks = [20 * np.log10(np.abs(y[RATE * n - 4800 : RATE * n]).max()) for n in (1, 2, 3)]
    assert peaks == pytest.approx([out_db, -6 + 20 * np.log10(0.02), out_db], abs=0.3)


@pytest.mark.parametrize(
    ("channels", "left", "right"), [("stereo", 1, 3), ("left", 1, 1), ("right", 3, 3), ("sum", 2, 2)]
)
def test_channels_are_chosen_by_a_ramp(channels: str, left: float, right: float) -> None:
    choice = ChannelChoice(RATE)
    x = np.tile([1.0, 3.0], (RATE // 10, 1))
    y = np.concatenate([choice(x, "stereo"), choice(x, channels)])
    assert y[-1] == pytest.approx([left, right])
    assert np.abs(np.diff(y, axis=0)).max() <= 2 / (0.009 * RATE)


@settings(max_examples=15)
@given(sizes, st.integers(0, 2**32 - 1), st.floats(20, 960))
def test_the_high_pass_equals_the_cookbook_filter(sizes: list[int], seed: int, corner: float) -> None:
    x = np.random.default_rng(seed).standard_normal((6000, 2)) + 3
    angle = 2 * np.pi * corner / RATE
    alpha, cosine = np.sin(angle) / np.sqrt(2), np.cos(angle)
    b = np.array([(1 + cosine) / 2, -1 - cosine, (1 + cosine) / 2])
    wanted = lfilter(b / (1 + alpha), [1, -2 * cosine / (1 + alpha), (1 - alpha) / (1 + alpha)], x, axis=0)
    highpass = HighPass(RATE, 2)
    highpass(np.zeros((MAX_BLOCK, 2)), corner)  # past its cross-fade
    parts = blocks(x, [min(size, MAX_BLOCK) for size in sizes])
    assert np.concatenate([highpass(part, corner) for part in parts]) == pytest.approx(wanted, abs=1e-8)


def test_a_corner_that_moves_makes_no_click() -> None:
    x = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)[:, None] + 0.2
    highpass = HighPass(RATE, 1)
    corners = [0, 40, 60, 200, 30, 0, 100]
    y = np.concatenate([highpass(part, corners[i // 20 % 7]) for i, part in enumerate(blocks(x, [256]))])
    assert np.abs(np.diff(y[:, 0])).max() < 1.6 * np.abs(np.diff(x[:, 0])).max()


@given(st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), min_size=1, max_size=300))
def test_the_output_is_finite_for_any_input(samples: list[float]) -> None:
    chain = InputChain(RATE, 1, InputSettings(gain_db=24.0, open_db=-np.inf))
    chain(np.array(samples, np.float32)[:, None])
    y = chain(np.full((2000, 1), 0.1, np.float32))
    assert np.isfinite(y).all()
    assert np.isfinite(chain.level_db)


def test_an_input_is_closed_until_it_is_opened_and_opens_without_a_click() -> None:
    chain, x = InputChain(RATE, 1), np.full((4800, 1), 0.5, np.float32)
    assert not chain(x).any()
    chain.settings = OPEN
    y = np.concatenate([chain(x), chain(x)])
    assert y[-1, 0] == pytest.approx(0.5, abs=1e-6)
    assert np.abs(np.diff(y[:, 0])).max() < 0.5 / (0.005 * RATE)
    chain.settings = InputSettings()
    assert not chain(x)[-1000:].any()


@pytest.mark.parametrize("gate", [-np.inf, -50.0])
def test_sound_from_before_the_input_opened_is_forgotten(gate: float) -> None:
    """It opens after a muted howl as after silence."""
    time = np.arange(RATE) / RATE
    growing = np.minimum(10 ** (-3 + 6 * time), 0.5)[:, None] * np.sin(2 * np.pi * 1000 * time)[:, None]
    closed = InputSettings(highpass_hz=0.0)
    after, fresh = InputChain(RATE, 1, closed), InputChain(RATE, 1, closed)
    for chain, past in ((after, growing), (fresh, 0 * growing)):
        for part in blocks(past, [256]):
            chain(part)
        chain.settings = OPEN._replace(open_db=gate, close_db=gate)
    assert after.howl.count == 0
    x = phrases(1)[:, :1]
    for part in blocks(x, [256]):
        assert np.array_equal(after(part), fresh(part))
    assert after.pitch.hz == fresh.pitch.hz
    assert after.level_db == fresh.level_db
    after.settings = closed
    for part in blocks(growing, [256]):
        after(part)
    assert after.level_db == FLOOR_DB
    assert after.pitch.hz == 0


def test_the_gate_opens_at_one_level_and_closes_at_another() -> None:
    settings_ = OPEN._replace(open_db=-30.0, close_db=-40.0, hold_s=0.05, release_s=0.1)
    chain, heard = InputChain(RATE, 1, settings_), []
    for db in (-32.0, -28.0, -38.0, -42.0):
        level = 10 ** (db / 20) * np.sign(np.sin(np.arange(RATE // 2) * 0.1))[:, None]
        chain(level[: RATE // 4])
        y = chain(level[RATE // 4 :])
        heard.append(float(np.abs(y / level[RATE // 4 :]).mean()))
        assert chain.gate.open == (heard[-1] > 0.5)
    assert heard == pytest.approx([0, 1, 1, 0], abs=1e-6)


def test_the_gate_holds_through_a_short_pause_and_lets_no_attack_pass() -> None:
    settings_ = OPEN._replace(open_db=-30.0, close_db=-40.0, hold_s=0.05, attack_s=0.002)
    chain = InputChain(RATE, 1, settings_)
    chain(np.full((4800, 1), 0.3))
    chain(np.zeros((1920, 1)))  # 40 ms
    assert chain.gate.open
    chain(np.zeros((9600, 1)))
    assert not chain.gate.open
    y = chain(np.full((480, 1), 0.3))
    assert y[round(0.004 * RATE), 0] == pytest.approx(0.3)  # a decision and an attack later


def test_the_level_is_the_rms() -> None:
    chain, time = InputChain(RATE, 1, OPEN._replace(gain_db=-6.0, howl=False)), np.arange(2 * RATE) / RATE
    assert chain.level_db == FLOOR_DB
    chain((0.5 * np.sign(np.sin(2 * np.pi * 1000 * time + 0.1)))[:, None])
    assert chain.level_db == pytest.approx(-6 - 6.02, abs=0.1)
    assert 20 * np.log10(chain.peak) == pytest.approx(-12.02, abs=0.1)
    chain(np.zeros((round(0.2 * RATE), 1)))  # one time constant
    assert chain.level_db == pytest.approx(-12.02 - 4.34, abs=0.1)


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
@pytest.mark.parametrize("hz", [55.0, 110.0, 233.1, 440.0, 1046.5, 1760.0])
def test_a_note_has_its_pitch(rate: int, hz: float) -> None:
    time, pitch = np.arange(rate // 2) / rate, Pitch(rate)
    pitch(0.1 * sum(np.sin(2 * np.pi * hz * k * time + k) / k for k in range(1, 6)))
    assert 1200 * abs(np.log2(pitch.hz / hz)) < 5  # cents
    assert pitch.confidence > 0.9
    pitch(np.zeros(rate // 4))
    assert pitch.confidence == 0
    assert pitch.hz == pytest.approx(hz, rel=0.01)  # what was sure stays


def test_noise_has_no_pitch() -> None:
    pitch = Pitch(RATE)
    pitch(0.1 * np.random.default_rng(0).standard_normal(RATE))
    assert pitch.hz == 0
    assert pitch.confidence < 0.5


def test_the_pitch_has_the_stated_delay() -> None:
    """A jump of pitch is detected within one window, on average after half of it."""
    pitch, time = Pitch(RATE), np.arange(RATE) / RATE
    x = np.where(time < 0.5, np.sin(2 * np.pi * 220 * time), np.sin(2 * np.pi * 330 * time))
    told = []
    for part in blocks(x, [64]):
        pitch(part)
        told.append(pitch.hz)
    first = 64 * int(np.argmax(np.abs(np.array(told) - 330) < 5)) / RATE - 0.5
    assert first < 2 * pitch.delay_s
    assert pitch.delay_s < 0.04


def melody(seconds: float) -> np.ndarray:
    """Notes of six harmonics with vibrato, four a second, at full scale."""
    dice, time = np.random.default_rng(3), np.arange(RATE // 4) / RATE
    notes = []
    for _ in range(-(-round(seconds * RATE) // len(time))):
        phase = 2 * np.pi * dice.uniform(150, 600) * time + 0.3 * np.sin(2 * np.pi * 6 * time)
        note = sum(np.sin(k * phase) / k for k in range(1, 7))
        notes.append(note * np.minimum(1, np.minimum(time / 0.02, (time[-1] - time) / 0.05)))
    return np.concatenate(notes)


def loop(
    gain_db: float, delay_s: float, hz: float, caught: bool, seconds: float = 4.0, programme_db: float = -120
) -> dict[str, float]:
    """A microphone in front of its loudspeaker, in a room with one resonance: the sound in the room.

    caught : whether the chain' gain is in the loop; programme_db: of somebody who plays beside it
    """
    random, block = np.random.default_rng(0), 256
    hz = round(hz * (delay_s + 0.0015)) / (delay_s + 0.0015)  # in phase with itself, limiter and all
    angle, q = 2 * np.pi * hz / RATE, 8.0
    alpha = np.sin(angle) / (2 * q)
    b, a = np.array([alpha, 0, -alpha]) / (1 + alpha), [1, -2 * np.cos(angle) / (1 + alpha), 0.0]
    a[2] = (1 - alpha) / (1 + alpha)
    chain, limiter, state = InputChain(RATE, 1, OPEN._replace(howl=caught)), Limiter(RATE), np.zeros(2)
    coming = np.zeros(max(round(delay_s * RATE), block))  # the way from the loudspeaker
    told: dict[str, float] = {}
    music = 10 ** (programme_db / 20) * melody(seconds)
    for at in range(0, round(seconds * RATE), block):
        room, state = lfilter(b, a, coming[:block], zi=state)
        room *= 10 ** (gain_db / 20)
        mic = room + 10 ** (-55 / 20) * random.standard_normal(block) + music[at : at + block]
        out = limiter(np.repeat(chain(mic[:, None]), 2, axis=1), CEILING)
        coming = np.concatenate([coming[block:], out[:, 0]])
        level = 10 * np.log10(np.square(room).mean() + 1e-12)
        now = (at + block) / RATE
        if level > max(-37, programme_db):
            told.setdefault("loud", now)
        if chain.howl.gain < 1:
            told.setdefault("lowered", now)
        if chain.howl.count:
            told.setdefault("caught", now)
        told["level"], told["peak"] = level, max(told.get("peak", 0.0), float(np.abs(out).max()))
    return told


LOOPS = [(0.006, 700), (0.012, 3000), (0.03, 1500), (0.04, 5000)]  # seconds of delay, Hz of the room


@pytest.mark.parametrize("gain_db", [1, 3, 6])
@pytest.mark.parametrize(("delay_s", "hz"), LOOPS)
@pytest.mark.parametrize("programme_db", [-120, -30])
def test_a_howl_is_lowered_within_half_a_second_and_ends(
    gain_db: float, delay_s: float, hz: float, programme_db: float
) -> None:
    """... of standing out of what is played beside it; what is played goes on."""
    told = loop(gain_db, delay_s, hz, caught=True, seconds=4.8, programme_db=programme_db)
    assert told["lowered"] - told.get("loud", told["lowered"]) < 0.5
    assert told["caught"]
    assert told["peak"] <= CEILING + 1e-9
    assert told["level"] < -37


def test_the_simulated_room_howls_without_the_guard() -> None:
    assert all(loop(1, *each, caught=False)["level"] > -20 for each in LOOPS)


def held(kind: str, hz: float) -> np.ndarray:
    """Four seconds of a held or swelling note, or of a melody."""
    time = np.arange(4 * RATE) / RATE
    if kind == "melody":
        return melody(4.0)
    if kind == "sine":
        return np.sin(2 * np.pi * hz * time) * np.minimum(1, time / 0.005)
    if kind == "swell":
        return np.sin(2 * np.pi * hz * time) * (time / 4) ** 2
    phase = 2 * np.pi * hz * time + hz / 300 * np.sin(2 * np.pi * 5.5 * time)
    flute = (np.sin(phase) + 0.03 * np.sin(2 * phase)) * (1 + 0.12 * np.sin(2 * np.pi * 5.5 * time))
    return 0.8 * flute * np.minimum(1, time / 0.1)


@pytest.mark.parametrize("kind", ["sine", "swell", "flute", "melody"])
@pytest.mark.parametrize("hz", [220.0, 1567.0])
def test_held_notes_do_not_count_as_howls(kind: str, hz: float) -> None:
    howl, x = (
        HowlGuard(RATE),
        0.5 * held(kind, hz) + 1e-4 * np.random.default_rng(0).standard_normal(4 * RATE),
    )
    gains = []
    for part in blocks(x[:, None], [256]):
        howl(part[:, 0])
        gains.append(howl.gain)
    assert howl.count == 0
    assert gains[-1] == 1
    assert min(gains) >= 10 ** (-DIP_DB / 20) - 1e-9


def test_a_howl_that_does_not_end_closes_the_input_until_it_is_opened_again() -> None:
    howl, time = HowlGuard(RATE), np.arange(3 * RATE) / RATE
    howl(np.minimum(10 ** (-3 + 3 * time), 1.0) * np.sin(2 * np.pi * 1000 * time))
    assert howl.howling
    assert howl.gain == 0
    assert howl.hz == pytest.approx(1000, abs=24)
    howl(np.zeros(RATE))
    assert not howl.howling
    assert howl.gain == 0
    howl.reset()
    howl(np.zeros(RATE))
    assert howl.gain == 1
    assert howl.count == 1
