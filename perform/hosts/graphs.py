"""A model's method on ONNX Runtime, for any number of streams at once.

The graph is made once a model and kept in the cache, so only a model's first load imports torch.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort

from perform.hosts.host import Vector
from perform.library import places

PROVIDERS = ["CPUExecutionProvider"]
GRAPH = 2  #: grows whenever the same model would give another graph


class CompiledStream:
    """[render] All that one stream remembers between two frames: a row of its graph's `state`."""

    def __init__(self, values: int) -> None:
        self.state = np.zeros(values, np.float32)

    def reset(self) -> None:
        """Back to the beginning: silence before, no memory."""
        self.state[:] = 0


class Batch(NamedTuple):
    """Buffers for a number of streams, and the binding that lets the graph read and write them in place."""

    values: dict[str, Vector]
    binding: ort.IOBinding


class Compiled:
    """[render] A graph of `perform.rave.graph`, ready to run.

    shapes : of its inputs and its result, less the batch
    """

    def __init__(self, graph: bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # more makes the worst frames worse
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self._session = ort.InferenceSession(graph, options, providers=PROVIDERS)
        self.shapes = {v.name: tuple(v.shape[1:]) for v in self._session.get_inputs()}
        self._result = self._session.get_outputs()[0]
        self.shapes[self._result.name] = tuple(self._result.shape[1:])
        self._batches: dict[int, Batch] = {}

    def stream(self) -> CompiledStream:
        """A new one, at its beginning."""
        return CompiledStream(*self.shapes["state"])

    def run(self, streams: Sequence[CompiledStream], **inputs: Vector) -> Vector:
        """One call for each stream, as one batch: inputs (B, ...) by name to the result (B, ...)."""
        values, binding = self._batches.get(len(streams)) or self._batch(len(streams))
        for name, value in inputs.items():
            values[name].reshape(value.shape)[:] = value
        state = values["state"]
        for row, stream in zip(state, streams, strict=True):
            row[:] = stream.state
        self._session.run_with_iobinding(binding)
        for row, stream in zip(state, streams, strict=True):
            stream.state[:] = row
        return values[self._result.name].copy()

    def _batch(self, streams: int) -> Batch:
        values = {name: np.zeros((streams, *shape), np.float32) for name, shape in self.shapes.items()}
        binding = self._session.io_binding()
        for name, value in values.items():
            where = "cpu", 0, np.float32, value.shape, value.ctypes.data
            if name == self._result.name:
                binding.bind_output(name, *where)
            else:
                binding.bind_input(name, *where)
        state = values["state"]  # read by the graph's first node and written by its last: one buffer will do
        binding.bind_output("after", "cpu", 0, np.float32, state.shape, state.ctypes.data)
        self._batches[streams] = Batch(values, binding)
        return self._batches[streams]


def compiled(path: Path, digest: str, method: str) -> Compiled:
    """[disk] A model's method, a frame a call; from the cache, or made and kept there.

    digest : SHA-256 of the file; method : a key of `perform.rave.graph.METHODS`, or "prior"
    """
    cached = cache_file(digest, method)
    with contextlib.suppress(Exception):  # not there, or cut short by a power failure: it is made again
        return Compiled(cached.read_bytes())
    from perform.rave.files import load
    from perform.rave.graph import METHODS, prior_graph

    model = load(path)
    graph = prior_graph(model) if method == "prior" else METHODS[method](model, 1)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time and nothing else
        cached.parent.mkdir(parents=True, exist_ok=True)
        part = cached.with_suffix(f".{os.getpid()}")
        with part.open("wb") as out:
            out.write(graph)
            out.flush()
            os.fsync(out.fileno())
        part.replace(cached)
    return Compiled(graph)


def cache_file(digest: str, method: str) -> Path:
    """Where a model's method is kept."""
    return places.cache() / f"{digest}-{method}-{GRAPH}-{ort.__version__}.onnx"
