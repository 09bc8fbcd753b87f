"""A mixer at one rate on a device at another: pitch, level, ceiling, and the delay of the live input."""

from __future__ import annotations

import numpy as np
import pytest

from perform.audio.device_resampler import DeviceResampler
from perform.core import params
from perform.core.ring_buffers import Audio

RATES = [(48000, 44100), (44100, 48000), (48000, 96000)]


def played(rate: int, device_rate: int, level: float, seconds: float, block: int) -> np.ndarray:
    """What a device plays of a mixer that plays a sine of 1 kHz."""
    at = 0

    def mix(out: Audio, came: Audio | None, latency: float) -> None:
        nonlocal at
        time = np.arange(at, at + len(out)) / rate
        out[:] = level * np.sin(2 * np.pi * 1000 * time)[:, None]
        at += len(out)

    device = DeviceResampler(mix, params.defaults(), rate, device_rate)
    heard = np.zeros((round(seconds * device_rate) // block * block, 2), np.float32)
    for start in range(0, len(heard), block):
        device.fill(heard[start : start + block], None, 0.0)
    return heard


@pytest.mark.parametrize(("rate", "device_rate"), RATES)
@pytest.mark.parametrize("block", [64, 2048])
def test_a_tone_keeps_its_pitch_and_its_level(rate: int, device_rate: int, block: int) -> None:
    y = played(rate, device_rate, 0.5, 0.7, block)[device_rate // 5 :, 0]
    angle = 2 * np.pi * 1000 * np.arange(len(y)) / device_rate
    waves = np.stack([np.sin(angle), np.cos(angle)], 1)
    weights, *_ = np.linalg.lstsq(waves, y, rcond=None)
    assert y == pytest.approx(waves @ weights, abs=1e-3)
    assert np.hypot(*weights) == pytest.approx(0.5, abs=1e-3)


def test_no_sample_exceeds_the_ceiling() -> None:
    ceiling = 10 ** (-1 / 20)
    assert 0.8 < np.abs(played(48000, 44100, ceiling, 0.3, 256)).max() <= ceiling


@pytest.mark.parametrize(("rate", "device_rate"), RATES)
def test_the_input_comes_back_after_the_stated_time(rate: int, device_rate: int) -> None:
    stated = 0.0

    def mix(out: Audio, came: Audio | None, latency: float) -> None:
        nonlocal stated
        assert came is not None
        out[:], stated = came, latency

    device = DeviceResampler(mix, params.defaults(), rate, device_rate)
    sent = np.zeros((device_rate // 256 * 256, 1), np.float32)
    sent[device_rate // 2] = 0.5
    heard = np.zeros((len(sent), 2), np.float32)
    for at in range(0, len(sent), 256):
        device.fill(heard[at : at + 256], sent[at : at + 256], 0.003)
    late = np.abs(heard[:, 0]).argmax() - device_rate // 2
    assert late / device_rate + 0.003 == pytest.approx(
        stated, abs=1e-4
    )  # each resampler may be two samples off
    assert stated < 0.03
