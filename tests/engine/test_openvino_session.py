"""A model with OpenVINO: a fake stands in for the package, and the package itself where it is installed."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from tiny import tiny_model

from perform.engine.compiled_model import CompiledModel
from perform.foreign.opening import open_with_openvino


class FakePort:
    """An input or a result, as OpenVINO describes it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def get_names(self) -> set[str]:
        return {"v1", self._value.name}

    def get_any_name(self) -> str:
        return str(self._value.name)

    def get_partial_shape(self) -> list[Any]:
        sizes = [SimpleNamespace(is_dynamic=True)]
        return sizes + [
            SimpleNamespace(is_dynamic=False, get_length=lambda n=n: n) for n in self._value.shape[1:]
        ]


class FakeCore:
    """Computes with ONNX Runtime, and errs by a thousandth; `capabilities` are those of the processor."""

    capabilities = ("FP32", "BF16")

    def get_property(self, device: str, name: str) -> tuple[str, ...]:
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self.capabilities

    def read_model(self, graph: io.BytesIO) -> Any:
        session = ort.InferenceSession(graph.read(), providers=["CPUExecutionProvider"])
        inputs, outputs = (
            [FakePort(v) for v in ports] for ports in (session.get_inputs(), session.get_outputs())
        )
        return SimpleNamespace(session=session, inputs=inputs, outputs=outputs, reshape=lambda shapes: None)

    def compile_model(self, model: Any, device: str, options: dict[str, Any]) -> Any:
        assert options["INFERENCE_PRECISION_HINT"] == "bf16" and options["INFERENCE_NUM_THREADS"] == 1
        bound: dict[str, np.ndarray] = {}
        request = SimpleNamespace(results=[], set_tensor=bound.__setitem__)

        def infer(*, share_outputs: bool) -> None:
            assert share_outputs
            request.results = [value * np.float32(1.001) for value in model.session.run(None, bound)]

        request.infer = infer
        request.get_output_tensor = lambda place: SimpleNamespace(data=request.results[place])
        return SimpleNamespace(create_infer_request=lambda: request)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "tiny.safetensors")


def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that OpenVINO is installed."""
    module = ModuleType("openvino")
    module.Core, module.Tensor = FakeCore, lambda value, shared_memory: value  # type: ignore[attr-defined]
    module.__spec__ = importlib.util.spec_from_loader("openvino", None)
    monkeypatch.setitem(sys.modules, "openvino", module)


def test_a_model_plays_with_openvino_and_says_its_error(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    fake(monkeypatch)
    playable, engine = open_with_openvino(model)
    assert engine.startswith("OpenVINO, bfloat16, error -")
    assert -62 < float(engine.split()[-2]) < -45, "a thousandth, and what the state adds"
    streams, exact = [playable.stream(), playable.stream()], CompiledModel(model)
    z, noise = np.random.default_rng(1).standard_normal((2, 2, 4)).astype(np.float32)
    y, expected = playable.render(streams, z, noise), exact.render([exact.stream(), exact.stream()], z, noise)
    assert y == pytest.approx(1.001 * expected, rel=1e-5)
    assert all(stream.state.any() for stream in streams)


def test_a_processor_without_bfloat16_plays_it_as_usual(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    fake(monkeypatch)
    monkeypatch.setattr(FakeCore, "capabilities", ("FP32",))
    playable, engine = open_with_openvino(model)
    assert engine == "no OpenVINO: this processor has no bfloat16; ONNX Runtime plays it"
    assert playable.render(
        [playable.stream()], np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
    ).any()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    _, engine = open_with_openvino(model)
    assert engine == "no OpenVINO: the package openvino is not installed; ONNX Runtime plays it"


@pytest.mark.skipif(not importlib.util.find_spec("openvino"), reason="openvino is not installed")
def test_the_real_package_plays_a_model(model: Path) -> None:
    playable, engine = open_with_openvino(model)
    if engine.startswith("OpenVINO"):
        assert float(engine.split()[-2]) < -30
        encoder = playable.encoder
        assert encoder is not None
        x = 0.1 * np.random.default_rng(2).standard_normal((1, 1, playable.card.ratio)).astype(np.float32)
        assert np.isfinite(encoder.encode([encoder.stream()], x)).all()
    else:
        assert "bfloat16" in engine
