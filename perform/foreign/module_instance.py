"""A copy of a third-party module that one stream plays, with separate state.

The state is everything in the file except parameters and submodules. A reset restores it, but keeps the AdaIN
style and the attributes that the player has set.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from perform.core.errors import PerformError, WrongUse
from perform.engine.protocol import BufferSound, Vector
from perform.foreign import nn_contract
from perform.foreign.nn_contract import Module, NnMethod
from perform.rave.archive import Archive
from perform.rave.pickled_values import PickledObject

SEED_STEP = 2654435761  #: between the seeds of two frames: torch takes 32 bits of a seed
_ADAIN = "AdaptiveInstanceNormalization"  # RAVE's class


class InitialValue(NamedTuple):
    """One value of a module's state in the file."""

    path: str  #: of the submodule
    name: str  #: of its attribute
    value: Any
    is_style: bool  #: part of an AdaIN style, which a reset keeps


class ModuleInstance:
    """[render] A copy of the module, and the state that a reset restores."""

    def __init__(
        self, module: Module, initial: list[InitialValue], buffers: Mapping[str, BufferSound]
    ) -> None:
        """buffers: buffer of the module -> its sound in the file."""
        self.module, self._buffers = module, buffers
        parts = dict(module.named_modules())
        self._initial = [(parts[one.path]._c, one) for one in initial]
        self.settings: dict[str, list[Any]] = {}  # attributes that the player has set
        self.sounds: dict[str, BufferSound] = {}  # and the sounds in its buffers
        self._last: Vector | None = None  # inputs of the last frame
        self._frames = 0

    def begin(self) -> None:
        """Return to the state in the file, without attributes set or a style learnt."""
        self.settings, self.sounds = {}, {}
        self._restore([one for one in self._initial if one[1].is_style])
        self.reset()

    def reset(self) -> None:
        """Return to the beginning; the attributes that the player set and the AdaIN style stay."""
        self._last, self._frames = None, 0
        damaged = any(one.is_style and not _finite(part.getattr(one.name)) for part, one in self._initial)
        self._restore([one for one in self._initial if damaged or not one[1].is_style])
        for name, settings in self.settings.items():
            self.set(name, settings)
        for name, sound in {**self._buffers, **self.sounds}.items():
            self.set_buffer(name, sound)

    @torch.inference_mode()
    def _restore(self, wanted: list[tuple[Any, InitialValue]]) -> None:
        for part, (_, name, value, _) in wanted:
            now = part.getattr(name)
            if not isinstance(value, torch.Tensor):
                part.setattr(name, copy.deepcopy(value))
            elif isinstance(now, torch.Tensor) and (now.shape, now.dtype) == (value.shape, value.dtype):
                now.copy_(value)
            else:
                part.setattr(name, value.clone())

    def render(
        self, method: NnMethod, frame: int, z: Vector, seed: int = 0, sound: Vector | None = None
    ) -> Vector:
        """Render a frame from latents, (inputs,) -> (1 or 2, frame).

        A method with several input values per frame gets a straight line from the last frame's latents.

        seed  : the same seed at the same frame gives the same noise
        sound : (inputs, frame), added to the latents; as in nn~, the last of `in_ratio` samples counts
        """
        steps = frame // method.in_ratio
        last = z if self._last is None else self._last
        line = last[:, None] + (z - last)[:, None] * (np.arange(1, steps + 1, dtype=np.float32) / steps)
        self._last = z.copy()
        if sound is not None:
            line = line + sound[:, method.in_ratio - 1 :: method.in_ratio]
        return self.run(method, frame, line.astype(np.float32), seed)

    def run(self, method: NnMethod, frame: int, x: Vector, seed: int = 0) -> Vector:
        """Call a method for one frame, (inputs, frame / in_ratio) -> (1 or 2, frame).

        Outputs beyond two are folded: odd ones to the left, even ones to the right.
        """
        torch.default_generator.manual_seed((seed + SEED_STEP * self._frames) % (1 << 32))
        self._frames += 1
        y = self._call(method, torch.from_numpy(x[None]), frame).numpy()[0]
        y = np.repeat(y, method.out_ratio, axis=1)  # (outputs, frame / out_ratio) -> (outputs, frame)
        folded: Vector = np.stack([y[i::2].mean(axis=0) for i in range(min(len(y), 2))])
        return folded.astype(np.float32)

    def encode(self, method: NnMethod, x: Vector) -> Vector:
        """Encode one frame, (1 or 2, frame) -> (latents,), the last ones of the frame.

        A method with more than two inputs gets left and right in turn, as `run` folds its outputs.
        """
        torch.default_generator.manual_seed(SEED_STEP * self._frames % (1 << 32))
        self._frames += 1
        x, frame = x[np.arange(len(method.inputs)) % len(x)], x.shape[1]
        given = np.ascontiguousarray(x[None, :, method.in_ratio - 1 :: method.in_ratio])
        z: Vector = self._call(method, torch.from_numpy(given), frame).numpy()[0, :, -1]
        return z.copy()

    def prior(self, method: NnMethod, temperature: float, seed: int) -> Vector:
        """Generate a frame's latents, (latents,); the same seed in the same state gives the same ones."""
        torch.default_generator.manual_seed(seed)
        x = torch.full((1, len(method.inputs), 1), float(temperature))
        y: Vector = self._call(method, x, method.out_ratio).numpy()[0, :, 0]
        return y

    def _call(self, method: NnMethod, x: torch.Tensor, samples: int) -> torch.Tensor:
        """Call a method, and check the shape of its result."""
        y = nn_contract.call(self.module, method.name, x)
        wanted = (1, len(method.outputs), samples // method.out_ratio)
        if not isinstance(y, torch.Tensor) or y.shape != wanted:
            shape = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
            raise PerformError(f"the model's method {method.name!r} gave {shape}, not {wanted}")
        return y.float()

    @property
    def saved_style(self) -> bytes:
        """The AdaIN style for `restore_style`; empty where it is the file's."""
        held = [(part.getattr(one.name), one.value) for part, one in self._initial if one.is_style]
        parts = [(_row(now), _row(first)) for now, first in held if isinstance(first, torch.Tensor)]
        if all(torch.equal(now, first) for now, first in parts):
            return b""
        return torch.cat([now.reshape(-1) for now, _ in parts]).numpy().astype("<f4").tobytes()

    @torch.inference_mode()
    def restore_style(self, saved: bytes) -> None:
        """Restore a saved AdaIN style. PerformError: it is another model's."""
        self._restore([one for one in self._initial if one[1].is_style])
        tensors = [part.getattr(one.name) for part, one in self._initial if one.is_style]
        rows = [_row(tensor) for tensor in tensors if isinstance(tensor, torch.Tensor)]
        values = torch.from_numpy(np.frombuffer(saved, "<f4").astype(np.float32))
        if saved and len(values) != sum(row.numel() for row in rows):
            raise PerformError("this style belongs to another model")
        at = 0
        for row in rows if saved else ():
            row.copy_(values[at : at + row.numel()].reshape(row.shape))
            at += row.numel()

    def set(self, name: str, settings: list[Any]) -> None:
        """Set an attribute. WrongUse: the module refuses."""
        given = [value.clone() if isinstance(value, torch.Tensor) else value for value in settings]
        if nn_contract.call(self.module, f"set_{name}", *given) not in (0, None):
            raise WrongUse(f"the model refuses {settings} for its attribute {name!r}")

    def set_buffer(self, name: str, sound: BufferSound) -> None:
        """Put sound into a buffer of the module; an empty one clears it. WrongUse: the module refuses."""
        if sound.samples.size == 0:
            nn_contract.call(self.module, "clear_buffer_attribute", name)
            return
        given = torch.from_numpy(sound.samples.copy())
        if nn_contract.call(self.module, "set_buffer_attribute", name, given, sound.rate) != 0:
            length = sound.samples.shape[-1]
            raise WrongUse(f"the model refuses a sound of {length} samples for its buffer {name!r}")


def initial_state(module: Module, archive: Archive) -> Iterator[InitialValue]:
    """Yield everything that may change while a module runs: all except parameters and submodules."""
    for path, part in module.named_modules():
        parameters = {name for name, _ in part.named_parameters(recurse=False)}
        for name in archive.fields(path):
            # an object of a class of the archive, as in a buffer attribute, cannot be read from outside
            if name not in parameters and not contains_object(archive.records[path].fields[name]):
                value = part._c.getattr(name)
                if isinstance(value, torch.Tensor):
                    value = (
                        value.clone()
                        if value.any()
                        else torch.zeros((), dtype=value.dtype).expand(value.shape)
                    )
                yield InitialValue(
                    path, name, copy.deepcopy(value), archive.plain_type(path).rpartition(".")[2] == _ADAIN
                )


def contains_object(value: Any) -> bool:
    """Return whether a value is an object of a class of the archive, or a collection that holds one."""
    if isinstance(value, (list, tuple)):
        return any(contains_object(one) for one in value)
    if isinstance(value, dict):
        return any(contains_object(one) for one in value.values())
    return isinstance(value, PickledObject)


def _row(tensor: torch.Tensor) -> torch.Tensor:
    """Return the part of an AdaIN buffer that one stream uses: the first row of its batch."""
    return tensor[:1]


def _finite(value: Any) -> bool:
    return not isinstance(value, torch.Tensor) or bool(torch.isfinite(_row(value)).all())
