"""The output is never dangerous, and the filters equal their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from perform.audio.guard import MAX_BLOCK, DcBlocker, Limiter, cap

RATE = 48000
CEILING = 10 ** (-1 / 20)


def blocks(x: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    parts, at = [], 0
    while at < len(x):
        n = sizes[len(parts) % len(sizes)]
        parts.append(x[at : at + n])
        at += n
    return parts


sizes = st.lists(st.integers(1, MAX_BLOCK), min_size=1, max_size=8)


@settings(max_examples=20)
@given(sizes, st.integers(0, 2**32 - 1))
def test_the_dc_blocker_is_the_textbook_filter_at_any_block_size(sizes: list[int], seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((6000, 2)) + 3
    r = np.exp(-2 * np.pi * 5 / RATE)
    blocker = DcBlocker(RATE)
    y = np.concatenate([blocker(part) for part in blocks(x, sizes)])
    assert np.abs(y - lfilter([1, -1], [1, -r], x, axis=0)).max() < 1e-9


@settings(max_examples=20)
@given(sizes, st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_the_limiter_keeps_the_ceiling_at_any_block_size(sizes: list[int], seed: int, loud: float) -> None:
    random = np.random.default_rng(seed)
    x = random.standard_normal((6000, 2)) * loud * random.choice([0, 1], (6000, 1), p=[0.9, 0.1])
    one, two = Limiter(RATE), Limiter(RATE)
    y = np.concatenate([one(part, CEILING) for part in blocks(x, sizes)])
    z = np.concatenate([two(part, CEILING) for part in blocks(x, [256])])
    assert np.abs(y).max() <= CEILING + 1e-9
    assert np.abs(y - z).max() < 1e-9


def test_the_limiter_leaves_quiet_sound_alone() -> None:
    limiter = Limiter(RATE)
    x = np.random.default_rng(0).uniform(-0.8, 0.8, (4096, 2))
    y = np.concatenate([limiter(part, CEILING) for part in blocks(x, [512])])
    assert np.array_equal(y[limiter.delay :], x[: -limiter.delay])


def test_the_limiter_releases() -> None:
    limiter = Limiter(RATE)
    x = np.full((RATE, 2), 0.5)
    x[1000] = 8.0
    y = np.concatenate([limiter(part, CEILING) for part in blocks(x, [256])])
    assert y[1000 + limiter.delay, 0] == pytest.approx(CEILING)
    assert y[-1, 0] == pytest.approx(0.5, abs=1e-3)


@given(st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), min_size=2, max_size=64))
def test_no_sample_exceeds_the_ceiling(samples: list[float]) -> None:
    x = np.array(samples[: len(samples) // 2 * 2], np.float64).reshape(-1, 2)
    y = cap(x.copy(), CEILING)
    assert y.dtype == np.float32
    assert np.isfinite(y).all()
    assert np.abs(y.astype(np.float64)).max() <= CEILING
