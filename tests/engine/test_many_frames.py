"""Many frames per call give the bits of one frame per call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from family import CONFIGS, built
from tiny import tiny_model

from perform.engine import frame_runs
from perform.engine.compiled_model import CompiledModel
from perform.engine.frame_runs import CALL, FrameRuns
from perform.engine.graph_sessions import CompiledGraph
from perform.engine.many_frames import decode_frames, encode_frames
from perform.rave.graph import METHODS
from perform.rave.model_files import stored

BUNDLED = Path(__file__).parents[2] / "models"
COUNT = 2 * CALL + 5


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CompiledModel:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path))
    return CompiledModel(tiny_model(tmp_path / "tiny.safetensors"))


def drawn(model: CompiledModel) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    shapes = (COUNT, model.card.latents), (COUNT, model.noise)
    z, noise = (random.standard_normal(shape, np.float32) for shape in shapes)
    return z, noise


def test_a_run_of_frames_is_decoded_as_frame_by_frame(model: CompiledModel) -> None:
    z, noise = drawn(model)
    one, many = model.stream(), model.stream()
    wanted = [model.render([one], z[[i]], noise[[i]])[0] for i in range(COUNT)]
    assert np.array_equal(list(decode_frames(model, many, z, noise)), wanted)
    assert np.array_equal(one.state, many.state)
    assert np.abs(wanted).max() > 1e-3


def test_a_run_of_frames_is_encoded_as_frame_by_frame(model: CompiledModel) -> None:
    encoder = model.encoder
    x = np.random.default_rng(0).standard_normal((COUNT, 1, encoder.card.ratio), np.float32)
    one, many = encoder.stream(), encoder.stream()
    wanted = np.concatenate([encoder.encode([one], frame[None]) for frame in x])
    assert np.array_equal(encode_frames(encoder, many, x), wanted)
    assert np.array_equal(one.state, many.state)
    assert np.ptp(wanted) > 0.1


def test_a_reset_after_nan_changes_the_same_frames(model: CompiledModel) -> None:
    z, noise = drawn(model)
    z[7] = np.nan
    one, many = model.stream(), model.stream()
    wanted, got = [], []
    for i in range(COUNT):
        wanted.append(model.render([one], z[[i]], noise[[i]])[0])
        if not np.isfinite(wanted[-1]).all():
            one.reset()
    for y in decode_frames(model, many, z, noise):
        got.append(y)
        if not np.isfinite(y).all():
            many.reset()
    assert np.array_equal(got, wanted, equal_nan=True)
    assert np.isfinite(wanted).any(axis=(1, 2)).sum() > COUNT - 10


def test_a_style_is_learnt_frame_by_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path))
    model = CompiledModel(tiny_model(tmp_path / "tiny.safetensors", adain=True, activation="snake"))
    z, noise = drawn(model)
    one, many = model.stream(), model.stream()
    for stream in (one, many):
        stream.set("learn_target", 1.0)
    wanted = [model.render([one], z[[i]], noise[[i]])[0] for i in range(COUNT)]
    assert np.array_equal(list(decode_frames(model, many, z, noise)), wanted)
    assert one.saved_style == many.saved_style != b""


@pytest.mark.parametrize("name", ["bells", "cello", "storm"])
def test_bundled_decoders_take_many_frames_per_call(name: str) -> None:
    assert CompiledModel(BUNDLED / f"{name}.safetensors").frames_per_call > 4


@pytest.mark.parametrize("name", ["live_pitch", "spherical", "few bands", "v1"])
def test_a_graph_that_rounds_otherwise_is_not_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert name in CONFIGS
    model = stored(built(name))
    graph = CompiledGraph(METHODS["encode"](model, 1))

    def made(path: Path, digest: str, method: str, frames: int) -> CompiledGraph:
        return CompiledGraph(METHODS[method](model, frames))

    monkeypatch.setattr(frame_runs, "compiled", made)
    runs, one, many = FrameRuns(Path(), "", "encode", graph), graph.stream(), graph.stream()
    channels, samples = graph.shapes["x"]
    time = np.arange(COUNT * samples).reshape(COUNT, 1, samples) / samples
    tone = np.sin(time * np.linspace(1, 9, COUNT)[:, None, None]).repeat(channels, axis=1)
    inputs = {"x": tone.astype(np.float32)}
    if "noise" in graph.shapes:
        inputs["noise"] = np.zeros((COUNT, graph.shapes["noise"][-1]), np.float32)
    each = [{key: value[[i]] for key, value in inputs.items()} for i in range(COUNT)]
    wanted = np.concatenate([graph.run([one], **frame)[0] for frame in each])
    assert np.array_equal(runs(many, **inputs), wanted)
    assert np.array_equal(one.state, many.state)
