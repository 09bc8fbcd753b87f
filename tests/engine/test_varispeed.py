"""Varispeed: the pitch asked for, at any frame length; no aliasing, and no click while it glides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from perform.engine.varispeed import LAG, Varispeed, varispeed_delay

RATE = 48000


def tone(hz: float, frames: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(frames) / RATE).astype(np.float32)[:, None]


def new(ratio: float = 1.0, speed: float = 1.0) -> Varispeed:
    return Varispeed(speed, np.zeros((0, 1), np.float32), 0.0, 0, ratio)


def played(stream: Varispeed, x: np.ndarray, size: int, ratios: Sequence[float]) -> np.ndarray:
    """`x` in frames of `size` samples; the last ratio goes on."""
    frames = [x[at : at + size] for at in range(0, len(x), size)]
    return np.concatenate([stream(y, ratios[min(i, len(ratios) - 1)]) for i, y in enumerate(frames)])


def rest_db(y: np.ndarray, hz: float) -> tuple[float, float]:
    """(gain in dB of a sine of this frequency in `y`, what else there is, in dB of it)."""
    angle = 2 * np.pi * hz * np.arange(len(y)) / RATE
    waves = np.stack([np.sin(angle), np.cos(angle)], 1)
    weights, *_ = np.linalg.lstsq(waves, y[:, 0].astype(np.float64), rcond=None)
    rest = y[:, 0] - waves @ weights
    return 20 * np.log10(np.hypot(*weights)), 20 * np.log10(rest.std() / (waves @ weights).std())


@pytest.mark.parametrize("semitones", [-24, -0.01, 7.37, 24])
def test_a_tone_is_transposed_exactly_and_nothing_is_added(semitones: float) -> None:
    ratio = 2 ** (semitones / 12)
    y = played(new(ratio), tone(1000), 512, [ratio])
    assert len(y) == pytest.approx(RATE / ratio, abs=LAG / ratio + 1)
    gain, rest = rest_db(y[2000:], 1000 * ratio)  # a wrong frequency would leave a rest
    assert abs(gain) < 0.01 and rest < -100


@pytest.mark.parametrize("size", [16, 480, 8193])
def test_the_length_of_a_frame_does_not_matter(size: int) -> None:
    x = np.random.default_rng(0).standard_normal((8_200, 2)).astype(np.float32)
    stream = [Varispeed(0.92, np.zeros((0, 2), np.float32), 0.0, 0, 1.3) for _ in range(2)]
    whole, parts = stream[0](x, 1.3), played(stream[1], x, size, [1.3])
    assert len(whole) == len(parts) > 6_000
    assert np.abs(whole - parts).max() < 1e-4


def test_tones_that_would_alias_are_left_out() -> None:
    for hz, semitones in ((20_000, 12), (9_000, 24), (17_500, 12)):
        ratio = 2 ** (semitones / 12)
        y = played(new(ratio), tone(hz), 512, [ratio])[2000:]
        assert 20 * np.log10(y.std()) < -70
    gain, _ = rest_db(played(new(2.0), tone(9_000), 512, [2.0])[2000:], 18_000)
    assert abs(gain) < 0.1


def test_a_glide_has_no_click_and_no_gap() -> None:
    """Up and down four octaves, then jumps: the second difference stays below that of the highest tone."""
    up = np.exp2(np.linspace(-2, 2, 45))
    x = tone(200)
    stream = new()
    y = played(stream, x, 512, [*up, *up[::-1], 4.0])[:, 0]
    bend = np.abs(np.diff(y, 2)).max()
    assert bend < (2 * np.pi * 800 / RATE) ** 2 * 1.02
    assert stream.sent == len(y)
    jumps = played(new(), x, 512, np.tile([0.25, 4.0, 1.0, 0.7], 20))[:, 0]
    assert np.abs(np.diff(jumps, 2)).max() < (2 * np.pi * 800 / RATE) ** 2 * 1.02


@pytest.mark.parametrize("held_back", [0, 240, 600])
def test_it_continues_where_another_resampler_stopped(held_back: int) -> None:
    x = tone(440)
    stream = Varispeed(1.0, x[:4096], -held_back, 4096 - held_back, 1.0)
    y = np.concatenate([x[: 4096 - held_back], played(stream, x[4096:], 512, [1.0])])
    assert np.abs(y - x[: len(y)]).max() < 1e-4
    assert len(x) - len(y) == LAG
    assert varispeed_delay(RATE, 1.0) == LAG / RATE


def test_it_resumes_from_a_recorded_frame_bit_by_bit() -> None:
    x, ratios = tone(440), list(np.exp2(np.sin(np.arange(94))))
    stream, ends, tunings = new(speed=44100 / 48000), [0], []
    whole = []
    for i, ratio in enumerate(ratios):
        whole.append(stream(x[i * 512 : (i + 1) * 512], ratio))
        tunings.append(stream.tuning)
        ends.append(stream.sent)
    again = Varispeed.resumed(44100 / 48000, 1, tunings[40])
    assert again.sent == ends[40]
    rest = np.concatenate([again(x[i * 512 : (i + 1) * 512], ratios[i]) for i in range(40, 94)])
    wanted = np.concatenate(whole[40:])
    assert len(rest) == len(wanted) and again.sent == ends[-1]
    assert np.array_equal(rest[2000:], wanted[2000:])
