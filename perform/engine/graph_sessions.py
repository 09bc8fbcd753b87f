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

from perform.engine.protocol import Vector
from perform.engine.style_state import StyleState
from perform.library import places

ort.disable_telemetry_events()  # on Windows; elsewhere ORT_DISABLE_TELEMETRY, set in `perform`, does it

PROVIDERS = ["CPUExecutionProvider"]
GRAPH = 2  #: grows whenever the same model would give another graph
AFTER = {"state": "after", "style": "learnt"}  #: what a stream keeps: a graph's input -> its result


class CompiledStream:
    """[render] All that one stream remembers between two frames: a row of its graph's `state`; its style."""

    def __init__(self, values: int, style: StyleState | None = None) -> None:
        self.state, self.style = np.zeros(values, np.float32), style

    def reset(self) -> None:
        """Back to the beginning: silence before, no memory. What it has learnt stays."""
        self.state[:] = 0
        if self.style:
            self.style.mend()

    def set(self, name: str, value: float | None) -> None:
        """Switch one of `styles.SWITCHES`, None to off; where nothing learns, nothing happens."""
        if self.style:
            self.style.set(name, value)

    def act(self, name: str) -> None:
        """Do one of `styles.ACTIONS`."""
        if self.style:
            self.style.act(name)

    @property
    def learnt(self) -> bytes:
        """Its style, for `adopt`; empty where it is its model's own."""
        return self.style.learnt if self.style else b""

    def adopt(self, learnt: bytes) -> None:
        """Take another stream's style."""
        if self.style:
            self.style.adopt(learnt)


class GraphBatch(NamedTuple):
    """Buffers for a number of streams, and the binding that lets the graph read and write them in place."""

    values: dict[str, Vector]
    binding: ort.IOBinding


class CompiledGraph:
    """[render] A graph of `perform.rave.graph`, ready to run.

    shapes : of its inputs and its result, less the batch;  words : what its maker says besides
    """

    def __init__(self, graph: bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # more makes the worst frames worse
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self._session = ort.InferenceSession(graph, options, providers=PROVIDERS)
        self.shapes = {v.name: tuple(v.shape[1:]) for v in self._session.get_inputs()}
        self._result = self._session.get_outputs()[0]
        self.shapes[self._result.name] = tuple(self._result.shape[1:])
        self.words: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self._batches: dict[int, GraphBatch] = {}

    def stream(self) -> CompiledStream:
        """A new one, at its beginning."""
        return CompiledStream(*self.shapes["state"])

    def run(self, streams: Sequence[CompiledStream], **inputs: Vector) -> Vector:
        """One call for each stream, as one batch: inputs (B, ...) by name to the result (B, ...)."""
        values, binding = self._batches.get(len(streams)) or self._batch(len(streams))
        for name, value in inputs.items():
            values[name].reshape(value.shape)[:] = value
        kept = [(values["state"], [stream.state for stream in streams])]
        if "style" in values:
            kept.append((values["style"], [stream.style.known for stream in streams if stream.style]))
        for rows, own in kept:
            for row, known in zip(rows, own, strict=True):
                row[:] = known
        self._session.run_with_iobinding(binding)
        for rows, own in kept:
            for row, known in zip(rows, own, strict=True):
                known[:] = row
        return values[self._result.name].copy()

    def warm_up(self) -> None:
        """[disk] The first frame takes many times as long as the next: not when somebody plays."""
        self._session.run_with_iobinding(self._batch(1)[1])

    def _batch(self, streams: int) -> GraphBatch:
        values = {name: np.zeros((streams, *shape), np.float32) for name, shape in self.shapes.items()}
        binding = self._session.io_binding()
        for name, value in values.items():
            where = "cpu", 0, np.float32, value.shape, value.ctypes.data
            if name == self._result.name:
                binding.bind_output(name, *where)
            else:
                binding.bind_input(name, *where)
        for name, after in AFTER.items():  # read by a first node and written by a last: one buffer will do
            if name in values:
                kept = values[name]
                binding.bind_output(after, "cpu", 0, np.float32, kept.shape, kept.ctypes.data)
        self._batches[streams] = GraphBatch(values, binding)
        return self._batches[streams]


def compiled(path: Path, digest: str, method: str) -> CompiledGraph:
    """[disk] A model's method, a frame a call; from the cache, or made and kept there.

    digest : SHA-256 of the file; method : a key of `perform.rave.graph.GRAPHS`
    """
    cached = cache_file(digest, method)
    with contextlib.suppress(Exception):  # not there, or cut short by a power failure: it is made again
        return CompiledGraph(cached.read_bytes())
    from perform.rave.graph import GRAPHS
    from perform.rave.model_files import load

    graph = GRAPHS[method](load(path), 1)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time and nothing else
        cached.parent.mkdir(parents=True, exist_ok=True)
        part = cached.with_suffix(f".{os.getpid()}")
        with part.open("wb") as out:
            out.write(graph)
            out.flush()
            os.fsync(out.fileno())
        part.replace(cached)
    return CompiledGraph(graph)


def cache_file(digest: str, method: str) -> Path:
    """Where a model's method is kept."""
    return places.cache() / f"{digest}-{method}-{GRAPH}-{ort.__version__}.onnx"
