"""Our RAVE compiled for ONNX Runtime: a frame costs a fifth of what it does in eager torch.

The graph of a model is cached by the file's hash, so only the first load of a model imports torch.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from safetensors import safe_open

from perform.hosts.host import Vector
from perform.library import places
from perform.library.cards import read_card, sha256

PROVIDERS = ["CPUExecutionProvider"]
GRAPH = 1  #: grows whenever the same model would give another graph


class CompiledHost:
    """[render] A `.safetensors` model; see `perform.hosts.host.Host`."""

    def __init__(self, path: Path) -> None:
        self.card, self.sha256 = read_card(path), sha256(path)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # more makes the worst frames worse
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self._session = _session(path, self.sha256, options)
        with safe_open(path, framework="numpy") as file:
            self.gesture: Vector = file.get_tensor("gesture")
        inputs = {v.name: _zeros(v.shape) for v in self._session.get_inputs()}
        self._values = {name: value for name, value in inputs.items() if not name.startswith("state")}
        self._y = _zeros([1, self.card.channels, self.card.ratio])

    def stream(self) -> CompiledStream:
        """A new one, at its beginning."""
        return CompiledStream(self._session, self._values, self._y)

    def render(self, streams: Sequence[CompiledStream], z: Vector, noise: Vector) -> Vector:
        """One frame of each: (B, latents), (B, full_latents - latents) -> (B, channels, ratio)."""
        return np.concatenate([self._one(*one) for one in zip(streams, z, noise, strict=True)])

    def _one(self, stream: CompiledStream, z: Vector, noise: Vector) -> Vector:
        """(latents,), (full_latents - latents,) -> (1, channels, ratio)."""
        self._values["z"].update_inplace(z[None, :, None])
        if "noise" in self._values:
            self._values["noise"].update_inplace(noise[None, :, None])
        stream.run()
        samples: Vector = self._y.numpy().copy()
        return samples


class CompiledStream:
    """[render] The decoder's states, in two sets of buffers that change places each frame.

    values : the graph's other inputs; y : its output. They are the host's, all its streams use them in turn.
    """

    def __init__(
        self, session: ort.InferenceSession, values: dict[str, ort.OrtValue], y: ort.OrtValue
    ) -> None:
        self._session = session
        shapes = {v.name: v.shape for v in session.get_inputs() if v.name not in values}
        one, two = ({name: _zeros(shape) for name, shape in shapes.items()} for _ in range(2))
        self._sets = one, two
        self._bindings = [self._bind(values, y, one, two), self._bind(values, y, two, one)]
        self._turn = 0

    def _bind(
        self,
        values: dict[str, ort.OrtValue],
        y: ort.OrtValue,
        before: dict[str, ort.OrtValue],
        after: dict[str, ort.OrtValue],
    ) -> ort.IOBinding:
        binding = self._session.io_binding()
        for name, value in (values | before).items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_ortvalue_output("y", y)
        for name, value in after.items():
            binding.bind_ortvalue_output(name.replace("state", "after"), value)
        return binding

    def reset(self) -> None:
        """Back to the beginning: silence before, no memory."""
        for value in self._sets[self._turn].values():
            value.update_inplace(np.zeros(value.shape(), np.float32))

    def run(self) -> None:
        """One frame."""
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn


def _zeros(shape: list[int]) -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))


def _session(path: Path, digest: str, options: ort.SessionOptions) -> ort.InferenceSession:
    """The model's graph, compiled; from the cache, or made and kept there."""
    cached = places.cache() / f"{digest}-{GRAPH}.onnx"
    with contextlib.suppress(Exception):  # not there, or cut short by a power failure: it is made again
        return ort.InferenceSession(cached.read_bytes(), options, providers=PROVIDERS)
    from perform.rave.files import load
    from perform.rave.graph import decoder_graph

    graph = decoder_graph(load(path))
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time and nothing else
        cached.parent.mkdir(parents=True, exist_ok=True)
        part = cached.with_suffix(f".{os.getpid()}")
        with part.open("wb") as out:
            out.write(graph)
            out.flush()
            os.fsync(out.fileno())
        part.replace(cached)
    return ort.InferenceSession(graph, options, providers=PROVIDERS)
