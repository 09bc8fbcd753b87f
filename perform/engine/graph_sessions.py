"""One method of a model as an ONNX Runtime session, for any number of streams at once.

The graphs are cached: a later load of the same model makes none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import onnxruntime as ort

from perform.core.errors import PerformError
from perform.core.files import write_atomically
from perform.engine import gpu
from perform.engine.openvino_session import OpenVinoSession
from perform.engine.protocol import Setting, Vector
from perform.engine.style_state import StyleState
from perform.library import places

ort.disable_telemetry_events()  # on Windows; elsewhere ORT_DISABLE_TELEMETRY, set in `perform`, does it

GRAPH = 4  #: version of the graphs: raise it when the same model would give another graph, or another opset
Engine = Literal["processor", "gpu", "openvino"]  #: what runs a graph; "processor": ONNX Runtime there
AFTER = {"state": "after", "style": "learnt"}  #: kinds of state: the graph's input -> its output


class CompiledStream:
    """[render] The state of one stream: a row of its graph's input `state`, and its AdaIN style."""

    def __init__(self, values: int, style: StyleState | None = None) -> None:
        self.state, self.style = np.zeros(values, np.float32), style

    def reset(self) -> None:
        """Return to the beginning, as after silence. The style stays."""
        self.reset_decoder()

    def reset_decoder(self) -> None:
        """Return the decoder to its beginning; a prior goes on."""
        self.state[:] = 0
        if self.style:
            self.style.repair()

    @property
    def has_default_style(self) -> bool:
        """Whether it has the model's default style and learns nothing."""
        return not self.style or self.style.is_default

    def snapshot(self) -> tuple[Vector, Vector | None]:
        """Return a copy of the state and of the style's values, for `restore`."""
        return self.state.copy(), self.style.values.copy() if self.style else None

    def restore(self, before: tuple[Vector, Vector | None]) -> None:
        """Return to a snapshot."""
        self.state[:] = before[0]
        if self.style and before[1] is not None:
            self.style.values[:] = before[1]

    def set(self, name: str, value: Setting) -> None:
        """Set one of `style_state.SWITCHES`, None to off; a stream without a style ignores it."""
        if self.style:
            self.style.set(name, value)

    def act(self, name: str) -> None:
        """Do one of `style_state.ACTIONS`; a stream without a style ignores it."""
        if self.style:
            self.style.act(name)

    def prior(self, temperature: float, seed: int) -> Vector:
        """Raise PerformError: only a `PriorStream` has a prior."""
        raise PerformError("this model has no prior")

    @property
    def saved_style(self) -> bytes:
        """The style for `restore_style`; empty where it is the model's default."""
        return self.style.saved if self.style else b""

    def restore_style(self, saved: bytes) -> None:
        """Restore a saved style. PerformError: it is another model's."""
        if self.style:
            self.style.restore(saved)


class GraphBatch(NamedTuple):
    """Buffers for a batch of one size, and the binding by which the graph uses them in place.

    binding : None for a GPU and OpenVINO: they have their own memory, so the values are copied there and back
    """

    values: dict[str, Vector]
    binding: ort.IOBinding | None


class CompiledGraph:
    """[render] A graph of `perform.rave.graph`, ready to run.

    shapes   : of the inputs and the result, without the batch
    metadata : the texts in the graph's file
    """

    def __init__(self, graph: bytes, *, engine: Engine = "processor") -> None:
        """engine: what runs it; PerformError if this computer cannot."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # more makes the worst frames worse
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self._copies = engine != "processor"
        self._session: Any
        self.metadata: dict[str, str] = {}
        if engine == "openvino":
            self._session = OpenVinoSession(graph)
        elif engine == "gpu":
            self._session = gpu.session(graph, options)
        else:
            self._session = ort.InferenceSession(graph, options, providers=[gpu.CPU])
            self.metadata |= self._session.get_modelmeta().custom_metadata_map
        self.shapes = {v.name: tuple(v.shape[1:]) for v in self._session.get_inputs()}
        self._result = self._session.get_outputs()[0]
        self.shapes[self._result.name] = tuple(self._result.shape[1:])
        self._batches: dict[int, GraphBatch] = {}
        self._bound: Vector | None = None  # the state that the batch of one stream is bound to

    def stream(self) -> CompiledStream:
        """Return a new stream at its beginning."""
        return CompiledStream(*self.shapes["state"])

    def run(self, streams: Sequence[CompiledStream], **inputs: Vector) -> Vector:
        """Run one frame of all streams as one batch: inputs (B, ...) by name -> the result (B, ...)."""
        if len(streams) > 1 and isinstance(self._session, OpenVinoSession):
            each = [{name: value[[i]] for name, value in inputs.items()} for i in range(len(streams))]
            return np.concatenate([self.run([one], **its) for one, its in zip(streams, each, strict=True)])
        batch = self._batches.get(len(streams)) or self._new_batch(len(streams))
        values = batch.values
        for name, value in inputs.items():
            values[name].reshape(value.shape)[:] = value
        if len(streams) == 1 and batch.binding is not None and "style" not in values:
            self._bind_state(batch.binding, streams[0].state)
            self._session.run_with_iobinding(batch.binding)
            return values[self._result.name].copy()
        states = [(values["state"], [stream.state for stream in streams])]
        if "style" in values:
            states.append((values["style"], [stream.style.values for stream in streams if stream.style]))
        for rows, kept in states:
            for row, state in zip(rows, kept, strict=True):
                row[:] = state
        self._compute(batch)
        for rows, kept in states:
            for row, state in zip(rows, kept, strict=True):
                state[:] = row
        return values[self._result.name].copy()

    def warm_up(self) -> None:
        """[disk] Run one frame now: the first takes many times as long as the others."""
        self._compute(self._new_batch(1))

    def _bind_state(self, binding: ort.IOBinding, state: Vector) -> None:
        """Let a batch of one stream read and write its state in place."""
        if state is not self._bound:
            self._bound = state
            where = "cpu", 0, np.float32, (1, len(state)), state.ctypes.data
            binding.bind_input("state", *where)
            binding.bind_output(AFTER["state"], *where)

    def _compute(self, batch: GraphBatch) -> None:
        """Compute the result and the new states from the inputs in a batch's buffers."""
        values, binding = batch
        if binding is not None:
            self._session.run_with_iobinding(binding)
            return
        inputs = {name: value for name, value in values.items() if name != self._result.name}
        outputs = {self._result.name: self._result.name} | {
            after: name for name, after in AFTER.items() if name in values
        }
        for name, value in zip(outputs.values(), self._session.run([*outputs], inputs), strict=True):
            values[name][:] = value

    def _new_batch(self, streams: int) -> GraphBatch:
        values = {name: np.zeros((streams, *shape), np.float32) for name, shape in self.shapes.items()}
        if self._copies:
            self._batches[streams] = GraphBatch(values, None)
            return self._batches[streams]
        binding = self._session.io_binding()
        for name, value in values.items():
            where = "cpu", 0, np.float32, value.shape, value.ctypes.data
            if name == self._result.name:
                binding.bind_output(name, *where)
            else:
                binding.bind_input(name, *where)
        for name, after in AFTER.items():  # the first node reads it, the last one writes it: share one buffer
            if name in values:
                memory = values[name]
                binding.bind_output(after, "cpu", 0, np.float32, memory.shape, memory.ctypes.data)
        self._batches[streams] = GraphBatch(values, binding)
        if streams == 1:
            self._bound = None
        return self._batches[streams]


def compiled(
    path: Path, digest: str, method: str, frames: int = 1, *, engine: Engine = "processor"
) -> CompiledGraph:
    """[disk] Load a model's method from the cache; make and cache it if needed.

    digest : SHA-256 of the model's file
    method : a key of `perform.rave.graph.GRAPHS`
    frames : of a call
    engine : what runs it; PerformError if this computer cannot
    """
    cached = cache_file(digest, method if frames == 1 else f"{method}-{frames}")
    with contextlib.suppress(Exception):  # missing or damaged: make it again
        return CompiledGraph(cached.read_bytes(), engine=engine)
    from perform.rave.graph import GRAPHS
    from perform.rave.stored_model import read_model

    graph = GRAPHS[method](read_model(path), frames)
    with contextlib.suppress(OSError):  # without a cache, loading only takes longer
        write_atomically(cached, graph)
    return CompiledGraph(graph, engine=engine)


def cache_file(digest: str, method: str) -> Path:
    """Return the path of a method's graph in the cache."""
    return places.cache() / f"{digest}-{method}-{GRAPH}.onnx"
