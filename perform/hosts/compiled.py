"""Our RAVE compiled for ONNX Runtime: a frame costs a fifth of what it does in eager torch.

The graph of a model is cached by the file's hash, so only the first load of a model imports torch.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from safetensors import safe_open

from perform.hosts.host import Vector
from perform.library import places
from perform.library.cards import read_card, sha256

GRAPH = 1  #: grows whenever the same model would give another graph


class CompiledHost:
    """[render] A `.safetensors` model; see `perform.hosts.host.Host`.

    The states live in two sets of buffers, one read and one written, that change places each frame.
    """

    def __init__(self, path: Path) -> None:
        self.card = read_card(path)
        graph = _graph(path)
        with safe_open(path, framework="numpy") as file:
            self.gesture: npt.NDArray[np.float32] = file.get_tensor("gesture")
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # more makes the worst frames worse
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self._session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        values = {v.name: _zeros(v.shape) for v in self._session.get_inputs()}
        self._states = [name for name in values if name.startswith("state")]
        self._z, self._noise, self._y = values["z"], values.get("noise"), _zeros([1, 1, self.card.ratio])
        one = [values[name] for name in self._states]
        two = [_zeros(value.shape()) for value in one]
        self._bindings = [self._bind(one, two), self._bind(two, one)]
        self._sets = (one, two)
        self._turn = 0

    def _bind(self, before: list[ort.OrtValue], after: list[ort.OrtValue]) -> ort.IOBinding:
        binding = self._session.io_binding()
        binding.bind_ortvalue_input("z", self._z)
        if self._noise is not None:
            binding.bind_ortvalue_input("noise", self._noise)
        binding.bind_ortvalue_output("y", self._y)
        for i, name in enumerate(self._states):
            binding.bind_ortvalue_input(name, before[i])
            binding.bind_ortvalue_output(name.replace("state", "after"), after[i])
        return binding

    def reset(self) -> None:
        """The decoder's caches back to silence."""
        for value in self._sets[self._turn]:
            value.update_inplace(np.zeros(value.shape(), np.float32))

    def render(self, z: Vector, noise: Vector) -> Vector:
        """One frame: (latents,), (full_latents - latents,) -> (ratio,)."""
        self._z.update_inplace(z[None, :, None])
        if self._noise is not None:
            self._noise.update_inplace(noise[None, :, None])
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn
        samples: Vector = self._y.numpy()[0, 0].copy()  # (1, 1, ratio) -> (ratio,)
        return samples


def _zeros(shape: list[int]) -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))


def _graph(path: Path) -> bytes:
    """The model's graph from the cache; made, and kept there, where it is not in it yet."""
    cached = places.cache() / f"{sha256(path)}-{GRAPH}.onnx"
    try:
        return cached.read_bytes()
    except OSError:
        pass
    from perform.rave.files import load
    from perform.rave.graph import decoder_graph

    graph = decoder_graph(load(path))
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        part = cached.with_suffix(f".{os.getpid()}")
        part.write_bytes(graph)
        part.replace(cached)
    except OSError:
        pass  # a cache that cannot be written costs time and nothing else
    return graph
