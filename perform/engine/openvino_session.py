"""Runs graphs with OpenVINO in bfloat16, which halves the time of large models, or says why it cannot."""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from perform.core.errors import PerformError
from perform.engine.protocol import Vector

#: one thread, as with ONNX Runtime: it computes in the thread that calls it
_OPTIONS = {
    "INFERENCE_PRECISION_HINT": "bf16",
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "ENABLE_CPU_PINNING": False,
}


#: OpenVINO tells its maker of each import, if it can import this package; without it, it keeps silent
_TELEMETRY = "openvino_telemetry"


class Port(NamedTuple):
    """An input or a result of a graph. shape : the first is the batch, 1."""

    name: str
    shape: tuple[int, ...]


class OpenVinoSession:
    """[render] A graph for one stream, with those methods of ONNX Runtime's session that are used.

    A graph for any number of streams would take a third longer.
    """

    def __init__(self, graph: bytes) -> None:
        """[disk] PerformError: this computer cannot; it says why."""
        if not importlib.util.find_spec("openvino"):
            hint = 'pip install "perform-rave[openvino]"'
            raise PerformError("the package openvino is not installed", hint=hint)
        sys.modules[_TELEMETRY] = cast(Any, None)
        openvino: Any = importlib.import_module("openvino")
        core = openvino.Core()
        if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise PerformError("this processor has no bfloat16")
        model = core.read_model(io.BytesIO(graph))
        self._inputs, self._outputs = [_port(it) for it in model.inputs], [_port(it) for it in model.outputs]
        model.reshape({it.name: it.shape for it in self._inputs})
        self._request = core.compile_model(model, "CPU", _OPTIONS).create_infer_request()
        self._places = {it.name: i for i, it in enumerate(self._outputs)}
        self._values = {it.name: np.zeros(it.shape, np.float32) for it in self._inputs}
        for name, value in self._values.items():  # it reads them in place
            self._request.set_tensor(name, openvino.Tensor(value, shared_memory=True))

    def get_inputs(self) -> list[Port]:
        """The inputs."""
        return self._inputs

    def get_outputs(self) -> list[Port]:
        """The results."""
        return self._outputs

    def run(self, outputs: Sequence[str], inputs: dict[str, Vector]) -> list[Vector]:
        """Run one call. The results are valid until the next one."""
        for name, value in inputs.items():
            self._values[name][:] = value
        self._request.infer(share_outputs=True)
        return [self._request.get_output_tensor(self._places[name]).data for name in outputs]


def _port(value: Any) -> Port:
    """Describe an input or a result; a result that is a node's has that node's name, too."""
    names = value.get_names()
    name = next((name for name in ("y", "z", "after") if name in names), None) or value.get_any_name()
    shape = tuple(1 if size.is_dynamic else size.get_length() for size in value.get_partial_shape())
    return Port(name, shape)
