"""Which runtime a decoder is cheapest on: the comparison in docs/performance.md.

    python docs/runtimes.py [MODEL] [--calls N] [--beside N]

One core, one frame a call, in turns. OpenVINO takes part where it is installed; perform does not need it.
`--beside N` runs so many at once, to see what they take from each other.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from perform.bench.peer import PeerMethod, traced
from perform.bench.subjects import subject
from perform.bench.timing import Times
from perform.engine.graph_sessions import CompiledGraph
from perform.rave.graph import decoder_graph
from perform.rave.model import RAVE
from perform.rave.model_files import load

Call = Callable[[], object]


def eager(model: RAVE, *, compiled: bool = False) -> Call:
    """Our modules in torch, or what torch.compile makes of them."""
    method = PeerMethod(model, "decode")
    inputs, state = method.inputs(1), method.start
    run = torch.compile(method) if compiled else method

    def call() -> None:
        nonlocal state
        with torch.inference_mode():
            _, *state = run(*inputs, *state)

    return call


def onnxruntime(graph: bytes, streams: int = 1) -> Call:
    """As perform plays it."""
    compiled = CompiledGraph(graph)
    row = [compiled.stream() for _ in range(streams)]
    inputs = {
        name: np.random.default_rng(0).standard_normal((streams, *shape)).astype(np.float32)
        for name, shape in compiled.shapes.items()
        if name in ("z", "noise")
    }
    return lambda: compiled.run(row, **inputs)


def openvino(graph: bytes, streams: int, precision: str = "f32") -> Call:
    """The same graph on OpenVINO, at a fixed number of streams."""
    import openvino as ov

    core = ov.Core()
    net = core.read_model(graph)
    net.reshape(
        {port: [streams, *(d.get_length() for d in list(port.partial_shape)[1:])] for port in net.inputs}
    )
    options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision}
    request = core.compile_model(net, "CPU", options | {"PERFORMANCE_HINT": "LATENCY"}).create_infer_request()
    random = np.random.default_rng(0)
    for port in net.inputs:
        request.set_tensor(port, ov.Tensor(random.standard_normal(tuple(port.shape)).astype(np.float32)))
    return request.infer


def halved(graph: bytes) -> bytes:
    """The graph with its weights as float16, made float32 where they are used."""
    model = onnx.load_from_string(graph)
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype == np.float32 and values.size > 1000:
            name = constant.name
            constant.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}-half"))
            node = onnx.helper.make_node("Cast", [f"{name}-half"], [name], to=onnx.TensorProto.FLOAT)
            model.graph.node.insert(0, node)
    out = io.BytesIO()
    onnx.save(model, out)
    return out.getvalue()


def contestants(model: RAVE) -> dict[str, Call]:
    """What there is, by name."""
    graph, script = decoder_graph(model), traced(model, "decode", 1)
    found: dict[str, Call] = {
        "TorchScript": lambda: script(1),
        "torch, eager": eager(model),
        "torch.compile": eager(model, compiled=True),
    }
    for streams in (1, 2, 4):
        found[f"ONNX Runtime, {streams} streams"] = onnxruntime(graph, streams)
    try:
        for streams in (1, 2, 4):
            found[f"OpenVINO, {streams} streams"] = openvino(graph, streams)
        found["OpenVINO, float16 weights"] = openvino(halved(graph), 1)
        found["OpenVINO, bfloat16"] = openvino(graph, 1, "bf16")
    except ImportError:
        print("OpenVINO is not installed", file=sys.stderr)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="v2")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--beside", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.beside > 1:
        command = [sys.executable, __file__, chosen.model, "--calls", str(chosen.calls)]
        for child in [subprocess.Popen(command) for _ in range(chosen.beside)]:
            child.wait()
        return
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    with tempfile.TemporaryDirectory() as folder:
        calls = contestants(load(subject(chosen.model, Path(folder)).path))
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(10):
            call()
    for _ in range(-(-chosen.calls // 10)):
        for name, call in calls.items():
            for _ in range(10):
                began = time.perf_counter()
                call()
                seconds[name].append(time.perf_counter() - began)
    for name, values in seconds.items():
        times = Times.of(values)
        print(
            f"{chosen.model:<10} {name:<26} median {times.median:7.3f} ms  p95 {times.p95:7.3f}"
            f"  least {1000 * min(values):7.3f}"
        )


if __name__ == "__main__":
    main()
