"""The loudness meter against the signals of EBU Tech 3341, and against a filter in the time domain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from perform.core.ebu_r128 import LoudnessMeter


def sine(db: float, seconds: float, rate: int = 48000, hertz: float = 1000.0) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    one = (10 ** (db / 20) * np.sin(2 * np.pi * hertz * t)).astype(np.float32)
    return np.stack([one, one], axis=1)


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_a_stereo_sine_of_1_khz_at_minus_23_dbfs_has_minus_23_lufs(rate: int) -> None:
    """Tech 3341, case 1: within 0.1 LU, for all three loudnesses."""
    meter = LoudnessMeter(rate)
    meter.feed(sine(-23, 5, rate))
    assert [meter.momentary, meter.short_term, meter.integrated] == pytest.approx([-23.0] * 3, abs=0.1)


def test_the_gates_leave_quiet_parts_out() -> None:
    """Case 3: 10 s at -36, 60 s at -23, 10 s at -36 dBFS are -23 LUFS; silence before them counts nothing."""
    meter = LoudnessMeter(8000)
    sound = np.concatenate(
        [np.zeros((80000, 2), np.float32)]
        + [sine(db, s, 8000) for db, s in ((-36, 10), (-23, 60), (-36, 10))]
    )
    for at in range(0, len(sound), 777):
        meter.feed(sound[at : at + 777])
    assert meter.integrated == pytest.approx(-23.0, abs=0.1)
    meter.restart()
    assert meter.integrated == -math.inf


def test_it_weights_noise_as_the_filters_of_the_standard_do() -> None:
    """The coefficients that BS.1770 gives for 48 kHz, run sample by sample."""
    noise = np.random.default_rng(3).standard_normal((48000, 2)).astype(np.float32) * 0.1
    shelf = lfilter(
        [1.53512485958697, -2.69169618940638, 1.19839281085285],
        [1, -1.69065929318241, 0.73248077421585],
        noise,
        axis=0,
    )
    weighted = lfilter([1, -2, 1], [1, -1.99004745483398, 0.99007225036621], shelf, axis=0)
    expected = -0.691 + 10 * math.log10(np.square(weighted[-19200:]).mean(axis=0).sum())
    meter = LoudnessMeter(48000)
    meter.feed(noise)
    assert meter.momentary == pytest.approx(expected, abs=0.01)


def test_silence_and_damaged_samples_give_no_number() -> None:
    meter = LoudnessMeter(48000)
    assert (meter.momentary, meter.integrated) == (-math.inf, -math.inf)
    meter.feed(np.full((9600, 2), np.nan, np.float32))
    meter.feed(np.zeros((48000, 2), np.float32))
    assert meter.integrated == -math.inf
