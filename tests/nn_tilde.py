"""What nn~ and RAVE VST do with an export, written from their contract and from nothing of ours: torch alone.

python nn_tilde.py EXPORT        plays every method once; prints a line of JSON
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

TYPES = (bool, int, float, str)


class NnTilde:
    """An object in a patch: one method of an export, for a batch of voices."""

    def __init__(
        self, path: Path | str, method: str = "forward", batch: int = 1, optimised: bool = True
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model = torch.jit.load(str(path)).eval()
        self.batch, self.method, self.optimised = batch, method, optimised
        self.methods = self.model.get_methods()
        assert all(isinstance(name, str) for name in self.methods)
        # 1.5 falls back to methods that have parameters beside them: both have to say the same
        assert set(self.methods) == {
            m for m in self.model._c._method_names() if hasattr(self.model, f"{m}_params")
        }
        self.inputs, self.in_ratio, self.outputs, self.out_ratio = self.params(method)
        assert len(getattr(self.model, f"{method}_input_labels")) == self.inputs
        assert len(getattr(self.model, f"{method}_output_labels")) == self.outputs

    def params(self, method: str) -> list[int]:
        """Channels and ratio in, channels and ratio out."""
        return [int(n) for n in getattr(self.model, f"{method}_params")]

    @property
    def buffer(self) -> int:
        """The smallest buffer: a power of two, of the largest ratio of all methods at least."""
        highest = max(max(self.params(m)[1], self.params(m)[3]) for m in self.methods)
        return 1 << (highest - 1).bit_length()

    def perform(self, block: np.ndarray) -> np.ndarray:
        """One buffer at audio rate: (batch, inputs, n) -> (batch, outputs, n)."""
        samples = block.shape[-1]
        x = torch.from_numpy(block.astype(np.float32)).reshape(self.batch, self.inputs, -1, self.in_ratio)
        with torch.inference_mode(), torch.jit.optimized_execution(self.optimised):
            y = self.model._c._get_method(self.method)(x.select(-1, -1))
            assert y.shape == (self.batch, self.outputs, samples // self.out_ratio)
            assert y.dtype == torch.float32
            held: np.ndarray = (
                y.repeat_interleave(self.out_ratio).reshape(self.batch, self.outputs, -1).numpy()
            )
        return held

    def play(self, sound: np.ndarray, blocks: list[int]) -> np.ndarray:
        """A signal in blocks of these sizes, over and over."""
        out, at = [], 0
        while at < sound.shape[-1]:
            size = blocks[len(out) % len(blocks)]
            assert size >= self.buffer
            out.append(self.perform(sound[..., at : at + size]))
            at += size
        return np.concatenate(out, -1)

    @property
    def attributes(self) -> list[str]:
        """What a message can get and set."""
        return [name for name in self.model.get_attributes() if name != "none"]

    def kinds(self, name: str) -> list[type]:
        """The types of an attribute's values."""
        return [TYPES[int(kind)] for kind in getattr(self.model, f"{name}_params")]

    def get(self, name: str) -> list[object]:
        """1.6 takes a list or a tuple and nothing else."""
        values = self.model._c._get_method(f"get_{name}")()
        assert isinstance(values, (list, tuple))
        assert [type(value) for value in values] == self.kinds(name)
        return list(values)

    def set(self, name: str, *words: str) -> bool:
        """Words of a message; whether the model took them."""
        values = [
            kind(float(word)) if kind is not str else word
            for kind, word in zip(self.kinds(name), words, strict=True)
        ]
        return bool(self.model._c._get_method(f"set_{name}")(*values) == 0)


class RaveVst:
    """RAVE VST: it looks for what it knows by name, and widens a mono model by its missing latents."""

    def __init__(self, path: Path | str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model = torch.jit.load(str(path))
        buffers = dict(self.model.named_buffers())
        self.sample_rate = int(buffers["_rave.sampling_rate"].item())
        self.full = int(buffers["_rave.latent_size"].item())
        self.ratio = int(buffers["encode_params"][3])
        self.prior = "prior_params" in buffers
        self.stereo = bool(self.model._rave.stereo)

    def perform(self, frame: np.ndarray, width: float) -> np.ndarray:
        """Mono (n,) to (2, n); width 0..1."""
        with torch.inference_mode():
            z = self.model.encode(torch.from_numpy(frame.astype(np.float32)).reshape(1, 1, -1))
            missing = self.full - z.shape[1]
            if self.stereo and missing > 0:
                left = torch.randn(1, missing, z.shape[2])
                right = (1 - width) * left + width * torch.randn(1, missing, z.shape[2])
                z = torch.cat([torch.cat([z, left], 1), torch.cat([z.clone(), right], 1)], 0)
            y = self.model.decode(z)
            if y.shape[0] == 2:
                y = y.transpose(0, 1)
            second = 1 if y.shape[1] > 1 else 0
            heard: np.ndarray = torch.stack([y[0, 0], y[0, second]]).numpy()
        return heard


def main(path: str) -> None:
    torch.manual_seed(0)
    random, heard = np.random.default_rng(0), {}
    for method in NnTilde(path).methods:
        host = NnTilde(path, method)
        y = host.play(0.3 * random.standard_normal((1, host.inputs, 4 * host.buffer)), [host.buffer])
        heard[method] = float(np.abs(y).max())
    ours = [name for name in sys.modules if name.split(".")[0] == "perform"]
    print(json.dumps({"heard": heard, "modules": ours}))


if __name__ == "__main__":
    main(sys.argv[1])
