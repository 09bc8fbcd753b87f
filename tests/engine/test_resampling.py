"""A model at another rate keeps its pitch, with the stated delay."""

from __future__ import annotations

import numpy as np
import pytest

from perform.engine.resampling import resampler, resampling_delay

RATES = [(44100, 48000), (48000, 44100), (32000, 48000), (44100, 96000), (16000, 44100)]


def streamed(x: np.ndarray, model_rate: int, stage_rate: int, frame: int) -> np.ndarray:
    stream = resampler(model_rate, stage_rate, 1)
    return np.concatenate([stream.resample_chunk(x[i : i + frame]) for i in range(0, len(x), frame)])


@pytest.mark.parametrize("frame", [128, 2048])
@pytest.mark.parametrize(("model_rate", "stage_rate"), RATES)
def test_a_tone_keeps_its_pitch_and_its_level(model_rate: int, stage_rate: int, frame: int) -> None:
    time = np.arange(2 * model_rate) / model_rate
    y = streamed(np.sin(2 * np.pi * 1000 * time).astype(np.float32), model_rate, stage_rate, frame)
    y = y[stage_rate // 4 :][:stage_rate]
    angle = 2 * np.pi * 1000 * np.arange(stage_rate // 4, stage_rate // 4 + len(y)) / stage_rate
    waves = np.stack([np.sin(angle), np.cos(angle)], 1)
    (sine, cosine), *_ = np.linalg.lstsq(waves, y, rcond=None)
    assert y == pytest.approx(waves @ [sine, cosine], abs=1e-4)  # for a second: the pitch is exact
    assert np.hypot(sine, cosine) == pytest.approx(1, abs=1e-3)
    late = np.arctan2(-cosine, sine) / (2 * np.pi * 1000)
    assert abs(late) < 2 / min(model_rate, stage_rate)  # besides what it holds back


@pytest.mark.parametrize("frame", [100, 512, 2048])
@pytest.mark.parametrize(("model_rate", "stage_rate"), RATES)
def test_the_resamplers_delay_is_constant_and_as_stated(model_rate: int, stage_rate: int, frame: int) -> None:
    stream, delay = resampler(model_rate, stage_rate, 2), resampling_delay(model_rate, stage_rate)
    assert 0 < delay < 0.02
    fed = heard = 0
    for _ in range(100):
        heard += len(stream.resample_chunk(np.zeros((frame, 2), np.float32)))
        fed += frame
        if fed / model_rate > delay:
            assert fed / model_rate - heard / stage_rate == pytest.approx(delay, abs=2 / stage_rate)


def test_a_model_at_the_stages_rate_has_no_resampling_delay() -> None:
    assert resampling_delay(48000, 48000) == 0
