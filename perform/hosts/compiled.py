"""Our RAVE compiled for ONNX Runtime: a frame costs a fifth of what it does in eager torch.

The graph of a model is cached by the file's hash, so only the first load of a model imports torch.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from safetensors import safe_open

from perform.hosts.host import Vector
from perform.library import places
from perform.library.cards import read_card, sha256

PROVIDERS = ["CPUExecutionProvider"]
GRAPH = 1  #: grows whenever the same model would give another graph


class CompiledHost:
    """[render] A `.safetensors` model; see `perform.hosts.host.Host`.

    The states live in two sets of buffers, one read and one written, that change places each frame.
    """

    def __init__(self, path: Path) -> None:
        self.card, self.sha256 = read_card(path), sha256(path)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # more makes the worst frames worse
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self._session = _session(path, self.sha256, options)
        with safe_open(path, framework="numpy") as file:
            self.gesture: npt.NDArray[np.float32] = file.get_tensor("gesture")
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
