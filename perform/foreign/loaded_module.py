"""A stranger's module, loaded behind walls, and copies of it that run apart from one another.

A module keeps its past inside itself, and nobody knows how: caches of 64 batch rows, counters, lists. So who
plays it gets a copy of the whole that shares its parameters, and begins again by putting back everything
else that was in the file. nn~ has no reset; it loads the file again.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.fft
import numpy.ma
import numpy.random  # parts that numpy imports when they are first used: behind the walls they could not be
import torch

from perform.core.errors import PerformError, WrongUse
from perform.engine.protocol import Vector
from perform.foreign import nn_contract, sandbox
from perform.foreign.nn_contract import Module, NnMethod
from perform.foreign.scan.archive_scan import repack
from perform.rave.archive import Archive


class LoadedModule:
    """A module as its file has it, loaded behind walls; it is never played itself, its instances are."""

    def __init__(self, archive: Archive, enter: Callable[[], object] = sandbox.enter) -> None:
        self._where, data = str(archive.path), repack(archive)
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        torch.conv1d(torch.zeros(1, 1, 8), torch.zeros(1, 1, 3))  # looks at the processor while it can
        self.sandbox = enter()
        try:
            load: Any = torch.jit.load  # untyped in torch
            self.module: Module = load(io.BytesIO(data), map_location="cpu").eval()
        except (RuntimeError, ValueError, MemoryError) as error:
            words = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
            raise PerformError(f"torch cannot load it ({words})", where=self._where) from None
        self.archive = archive
        self.methods = nn_contract.methods(self.module, archive)
        self.frame = nn_contract.frame(self.methods, self._where) if self.methods else 0
        self.attributes = nn_contract.attributes(self.module, archive)
        has = archive.attributes.get("_has_prior", "prior" in self.methods)
        self.prior: NnMethod | None = self.methods.get("prior") if has else None
        self._kept = list(_kept(self.module, archive))

    def choose(self, wanted: str | None) -> NnMethod:
        """The method to play."""
        return nn_contract.choose(self.methods, wanted, self._where)

    def encoder_for(self, played: NnMethod) -> NnMethod | None:
        """The method that makes latents of sound for the one that is played; None where there is none."""
        encode = self.methods.get("encode")
        if played.name != "decode" or encode is None or len(encode.outputs) != len(played.inputs):
            return None
        return encode

    def instance(self) -> ModuleInstance:
        """A copy with a past of its own; parameters are shared."""
        made = copy.deepcopy(self.module)
        parts = dict(made.named_modules())
        for path, part in self.module.named_modules():
            for name, tensor in part.named_parameters(recurse=False):
                parts[path]._c.setattr(name, tensor)
        return ModuleInstance(made, self._kept)


_STEP = 2654435761  # between the seeds of two frames: torch takes 32 bits of them
_STYLE = "AdaptiveInstanceNormalization"  # upstream's AdaIN: what it has learnt is not of a stream's past


class _Kept(NamedTuple):
    path: str  # of a part
    name: str  # of an attribute
    value: Any  # in the file
    learnt: bool  # it is a player's style, that outlives a reset


class ModuleInstance:
    """[render] A copy of the module with a past of its own, and how to put that back."""

    def __init__(self, module: Module, kept: list[_Kept]) -> None:
        self.module = module
        parts = dict(module.named_modules())
        self._kept = [(parts[one.path]._c, one) for one in kept]
        self.settings: dict[str, list[Any]] = {}  # attributes that stay as they were set
        self.sounds: dict[str, tuple[Vector, int]] = {}  # and what is in its buffers
        self._last: Vector | None = None  # the last frame's inputs
        self._frames = 0

    def begin(self) -> None:
        """As it was in the file, nothing set and nothing learnt."""
        self.settings, self.sounds = {}, {}
        self._restore([one for one in self._kept if one[1].learnt])
        self.reset()

    def reset(self) -> None:
        """Back to the beginning: as it was in the file, but for what was set, and what AdaIN has learnt."""
        self._last, self._frames = None, 0
        broken = any(one.learnt and not _finite(part.getattr(one.name)) for part, one in self._kept)
        self._restore([one for one in self._kept if broken or not one[1].learnt])
        for name, settings in self.settings.items():
            self.set(name, settings)
        for name, (sound, rate) in self.sounds.items():
            self.set_buffer(name, sound, rate)

    @torch.inference_mode()
    def _restore(self, wanted: list[tuple[Any, _Kept]]) -> None:
        for part, (_, name, value, _) in wanted:
            now = part.getattr(name)
            if not isinstance(value, torch.Tensor):
                part.setattr(name, copy.deepcopy(value))
            elif isinstance(now, torch.Tensor) and (now.shape, now.dtype) == (value.shape, value.dtype):
                now.copy_(value)
            else:
                part.setattr(name, value.clone())

    def render(self, method: NnMethod, frame: int, z: Vector, chance: int = 0) -> Vector:
        """One frame: (inputs,) -> (1 or 2, frame); the same `chance` at the same frame is the same noise."""
        steps = frame // method.in_ratio
        last = z if self._last is None else self._last
        line = last[:, None] + (z - last)[:, None] * (np.arange(1, steps + 1, dtype=np.float32) / steps)
        self._last = z.copy()
        return self.run(method, frame, line.astype(np.float32), chance)

    def run(self, method: NnMethod, frame: int, x: Vector, chance: int = 0) -> Vector:
        """One frame: (inputs, frame / in_ratio) -> (1 or 2, frame)."""
        torch.default_generator.manual_seed((chance + _STEP * self._frames) % (1 << 32))
        self._frames += 1
        y = self._call(method, torch.from_numpy(x[None]), frame).numpy()[0]
        y = np.repeat(y, method.out_ratio, axis=1)  # (outputs, frame / out_ratio) -> (outputs, frame)
        folded: Vector = np.stack([y[i::2].mean(axis=0) for i in range(min(len(y), 2))])
        return folded.astype(np.float32)

    def encode(self, method: NnMethod, x: Vector) -> Vector:
        """One frame of sound: (1 or 2, frame) -> (latents,), the last that the method makes of it.

        Of more channels than two each odd one is the left, each even one the right, as `run` folds them.
        """
        torch.default_generator.manual_seed(_STEP * self._frames % (1 << 32))
        self._frames += 1
        x, frame = x[np.arange(len(method.inputs)) % len(x)], x.shape[1]
        given = np.ascontiguousarray(x[None, :, method.in_ratio - 1 :: method.in_ratio])
        z: Vector = self._call(method, torch.from_numpy(given), frame).numpy()[0, :, -1]
        return z.copy()

    def prior(self, method: NnMethod, temperature: float, seed: int) -> Vector:
        """One frame of the prior: (latents,); the same seed after the same past is the same choice."""
        torch.default_generator.manual_seed(seed)
        x = torch.full((1, len(method.inputs), 1), float(temperature))
        y: Vector = self._call(method, x, method.out_ratio).numpy()[0, :, 0]
        return y

    def _call(self, method: NnMethod, x: torch.Tensor, samples: int) -> torch.Tensor:
        """A method of the module, checked for the shape that it promises."""
        y = nn_contract.call(self.module, method.name, x)
        wanted = (1, len(method.outputs), samples // method.out_ratio)
        if not isinstance(y, torch.Tensor) or y.shape != wanted:
            shape = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
            raise PerformError(f"the model's method {method.name!r} gave {shape}, not {wanted}")
        return y.float()

    @property
    def saved_style(self) -> bytes:
        """What AdaIN has learnt for the one row that is used; empty where that is as in the file."""
        held = [(part.getattr(one.name), one.value) for part, one in self._kept if one.learnt]
        parts = [(_row(now), _row(own)) for now, own in held if isinstance(own, torch.Tensor)]
        if all(torch.equal(now, own) for now, own in parts):
            return b""
        return torch.cat([now.reshape(-1) for now, _ in parts]).numpy().astype("<f4").tobytes()

    @torch.inference_mode()
    def restore_style(self, saved: bytes) -> None:
        """Have AdaIN know what another instance's has saved; PerformError where it is of another model."""
        self._restore([one for one in self._kept if one[1].learnt])
        tensors = [part.getattr(one.name) for part, one in self._kept if one.learnt]
        rows = [_row(tensor) for tensor in tensors if isinstance(tensor, torch.Tensor)]
        values = torch.from_numpy(np.frombuffer(saved, "<f4").astype(np.float32))
        if saved and len(values) != sum(row.numel() for row in rows):
            raise PerformError("this style belongs to another model")
        at = 0
        for row in rows if saved else ():
            row.copy_(values[at : at + row.numel()].reshape(row.shape))
            at += row.numel()

    def set(self, name: str, settings: list[Any]) -> None:
        """Set an attribute; WrongUse where the module refuses."""
        given = [value.clone() if isinstance(value, torch.Tensor) else value for value in settings]
        if nn_contract.call(self.module, f"set_{name}", *given) not in (0, None):
            raise WrongUse(f"the model refuses {settings} for its attribute {name!r}")

    def set_buffer(self, name: str, sound: Vector, rate: int) -> None:
        """Give the module a piece of sound to keep, (n,); an empty one takes it away."""
        if sound.size == 0:
            nn_contract.call(self.module, "clear_buffer_attribute", name)
        elif nn_contract.call(self.module, "set_buffer_attribute", name, torch.from_numpy(sound), rate) != 0:
            raise WrongUse(f"the model refuses sound for its buffer {name!r}")


def _kept(module: Module, archive: Archive) -> Iterator[_Kept]:
    """All that may change as a module runs: everything but its parameters and its parts."""
    for path, part in module.named_modules():
        parameters = {name for name, _ in part.named_parameters(recurse=False)}
        for name in archive.fields(path):
            if name not in parameters:
                value = part._c.getattr(name)
                if isinstance(value, torch.Tensor):
                    value = (
                        value.clone()
                        if value.any()
                        else torch.zeros((), dtype=value.dtype).expand(value.shape)
                    )
                yield _Kept(
                    path, name, copy.deepcopy(value), archive.plain_type(path).rpartition(".")[2] == _STYLE
                )


def _row(tensor: torch.Tensor) -> torch.Tensor:
    """Of AdaIN's buffers, a row for each of a batch or a single number, what a single stream uses."""
    return tensor[:1]


def _finite(value: Any) -> bool:
    return not isinstance(value, torch.Tensor) or bool(torch.isfinite(_row(value)).all())
