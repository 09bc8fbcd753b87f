"""A model on a GPU, which a fake session stands in for. A GPU has its own memory, so each frame is copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from tiny import tiny_model

from perform.engine import gpu
from perform.engine.compiled_model import CompiledModel
from perform.foreign.opening import open_on_gpu

SESSION = ort.InferenceSession


class FakeSession:
    """A session that claims to use CUDA and computes on the processor. It cannot bind buffers.

    wrong : "no device": it finds no GPU; "graph": it fails when it computes
    """

    def __init__(self, wrong: str, graph: bytes, options: ort.SessionOptions) -> None:
        self._wrong, self._session = wrong, SESSION(graph, options, providers=[gpu.CPU])
        self.get_inputs, self.get_outputs = self._session.get_inputs, self._session.get_outputs
        self.get_modelmeta = self._session.get_modelmeta

    def get_providers(self) -> list[str]:
        return [gpu.CPU] if self._wrong == "no device" else [gpu.CUDA, gpu.CPU]

    def run(self, outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        if self._wrong == "graph":
            raise RuntimeError("CUDNN_STATUS_NOT_SUPPORTED\x1b[31m\nmore")
        return self._session.run(outputs, inputs)  # type: ignore[no-any-return]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "tiny.safetensors")


def fake(monkeypatch: pytest.MonkeyPatch, wrong: str = "") -> list[Any]:
    """Pretend that there is a GPU; return the list of the sessions that are opened on it."""
    asked: list[Any] = []

    def opened(graph: bytes, options: ort.SessionOptions, providers: list[Any], **more: int) -> Any:
        if providers == [gpu.CPU]:
            return SESSION(graph, options, providers=providers)
        asked.append((providers, more))
        if wrong == "load":
            raise RuntimeError("CUDA failure 35: driver is too old\nmore")
        return FakeSession(wrong, graph, options)

    monkeypatch.setattr(ort, "InferenceSession", opened)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(ort, "get_available_providers", lambda: [gpu.CUDA, gpu.CPU])
    return asked


def test_a_model_on_the_gpu_sounds_and_encodes_the_same(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    here = CompiledModel(model)
    asked = fake(monkeypatch)
    there, engine = open_on_gpu(model)
    assert engine == "GPU"
    assert asked[0][0][0][0] == gpu.CUDA and asked[0][1] == {"enable_fallback": 0}
    z, noise = np.random.default_rng(1).standard_normal((2, 12, 2, 4)).astype(np.float32)
    x = 0.1 * np.random.default_rng(2).standard_normal((12, 1, 1, here.card.ratio)).astype(np.float32)
    sounds, latents = [], []
    for playable in (here, there):
        streams, encoder = [playable.stream(), playable.stream()], playable.encoder
        assert encoder is not None
        heard = [encoder.stream()]
        sounds.append([playable.render(streams, *frame) for frame in zip(z, noise, strict=True)])
        latents.append([encoder.encode(heard, frame) for frame in x])
    assert np.array_equal(*sounds) and np.array_equal(*latents), "with the state of each stream"
    assert np.abs(sounds[0]).max() > 0.0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("no device", "no GPU: the driver finds none; the processor plays it"),
        ("load", "no GPU: the GPU refused its graph (CUDA failure 35: driver is too old); the processor"),
        ("graph", "no GPU: its first frame failed (CUDNN_STATUS_NOT_SUPPORTED[31m); the processor plays it"),
    ],
)
def test_what_fails_there_plays_on_the_processor_and_says_why(
    monkeypatch: pytest.MonkeyPatch, model: Path, wrong: str, says: str
) -> None:
    fake(monkeypatch, wrong)
    playable, engine = open_on_gpu(model)
    assert engine.startswith(says)
    z, noise = np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
    assert playable.render([playable.stream()], z, noise).shape == (1, 1, playable.card.ratio)


def test_a_build_without_cuda_is_named(model: Path) -> None:
    if gpu.CUDA in ort.get_available_providers():
        pytest.skip("this build has CUDA")
    _, engine = open_on_gpu(model)
    assert engine == "no GPU: this ONNX Runtime has no CUDA; the processor plays it"
    assert "CPU" in gpu.providers() and gpu.package()[0] in gpu.PACKAGES
