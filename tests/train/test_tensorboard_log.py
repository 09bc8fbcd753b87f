"""TensorBoard can read the curves and sounds of a training."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from perform.rave.config import Config
from perform.train.loop import train
from perform.train.plan import TrainingPlan


def test_tensorboard_reads_curves_and_sounds(corpus_folder: Path, tmp_path: Path, tiny: Config) -> None:
    output = tmp_path / "m.safetensors"
    usual = {"latents": 3, "batch": 2, "crop": 4096, "device": "cpu", "precision": "float32"}
    train(
        TrainingPlan(
            (corpus_folder,), output, "Tiny", config=tiny, steps=8, adversarial=4, evaluate_every=4, **usual
        )
    )
    seen = EventAccumulator(str(tmp_path / "m.safetensors.training" / "tensorboard")).Reload()
    assert set(seen.Tags()["scalars"]) == {"distance", "improvement", "level_db", "loss"}
    assert [point.step for point in seen.Scalars("distance")] == [4, 8, 12]
    sounds = sorted(seen.Tags()["audio"])
    assert len(sounds) == 3
    for name in sounds:
        last = seen.Audio(name)[-1]
        audio, rate = soundfile.read(io.BytesIO(last.encoded_audio_string))
        assert (last.step, rate) == (12, 16000)
        given, made = np.split(audio, 2)
        assert len(given) == pytest.approx(4096, abs=100)  # minus the model's delay
        assert given.std() > 1e-3
        assert made.std() == pytest.approx(given.std(), rel=3)
