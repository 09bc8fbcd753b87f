"""Any nn~ module as a host: a stranger's TorchScript, scanned, packed anew and run behind walls.

What comes in is a frame's latents, one for each input channel. A method whose inputs are slower than the
frame takes them as they are; one that reads its inputs sample by sample gets a straight line from the last
frame's to this one's. Outputs beyond two are folded: odd ones left, even ones right.

A module keeps its past inside itself, and nobody knows how: caches of 64 batch rows, counters, lists. So a
stream is a copy of the whole module that shares its parameters, and begins again by putting back everything
else that was in the file. nn~ has no reset; it loads the file again.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.fft
import numpy.ma
import numpy.random  # parts that numpy imports when they are first used: behind the walls they could not be
import torch

from perform.errors import PerformError, WrongUse
from perform.hosts import nntilde, sandbox
from perform.hosts.host import Vector
from perform.hosts.nntilde import Attribute, Method, Module
from perform.hosts.scan import repack
from perform.library.cards import read_card, sha256
from perform.library.importing import unwrap
from perform.rave.archive import Archive, parse

_CASTS = {"bool": bool, "int": int, "float": float, "str": str}


class TorchscriptHost:
    """[render] See `perform.hosts.host.Host`; and what only a stranger's module has, for the table.

    enter : gives up files, network and the rest, for good, before the module is loaded

    Raises PerformError where the module cannot be loaded or its first frame is no sound.
    """

    def __init__(self, path: Path, enter: Callable[[], object] = sandbox.enter) -> None:
        self.card, self.sha256 = read_card(path), sha256(path)
        data, options = unwrap(path)
        self._original = Original(parse(data, path), enter)
        self._method = self._original.choose(str(options.get("method") or "") or None)
        self.gesture: Vector = np.zeros((0, self.card.latents), np.float32)
        self._kinds = self._original.attributes
        self._settings: dict[str, list[Any]] = {}  # attributes as they were set, for streams to come
        self._allowance = sandbox.Allowance()
        facts = (len(self._method.inputs), min(len(self._method.outputs), 2), self._original.frame)
        if facts != (self.card.latents, self.card.channels, self.card.ratio):
            raise WrongUse("its card does not fit the module", where=str(path), hint="import it again")
        first = self._original.instance()
        first.render(self._method, self._original.frame, np.zeros(facts[0], np.float32))
        self._streams, self._first = [first], True  # the first is there for its attributes, and not yet given

    def stream(self) -> TorchscriptStream:
        """A new one, at its beginning."""
        made = self._streams[0]
        if not self._first:
            made = self._original.instance()
            self._streams.append(made)
        self._first, made.settings = False, self._settings
        made.reset()
        return made

    def render(self, streams: Sequence[TorchscriptStream], z: Vector, noise: Vector) -> Vector:
        """One frame of each: (B, latents), anything -> (B, channels, ratio); its noise is its own, seeded."""
        self._allowance.renew()
        frame = self._original.frame
        return np.stack([s.render(self._method, frame, row) for s, row in zip(streams, z, strict=True)])

    @property
    def has_prior(self) -> bool:
        """It can make latents by itself."""
        return self._original.prior is not None

    def prior(self, stream: TorchscriptStream, temperature: float) -> Vector:
        """[render] The next frame's latents (latents,) as the module's own prior goes on."""
        if self._original.prior is None:
            raise PerformError("this model has no prior")
        return stream.prior(self._original.prior, temperature)[: self.card.latents]

    @property
    def attributes(self) -> list[Attribute]:
        """Every attribute as it stands, a value each; for the table and the screen."""
        module, found = self._streams[0].module, []
        for name, kinds in self._kinds.items():
            for i, (kind, value) in enumerate(zip(kinds, nntilde.values(module, name, kinds), strict=True)):
                shown = f"{name}/{i}" if len(kinds) > 1 else name
                low, high = (0.0, 1.0) if kind == "bool" else (None, None)
                plain = value if kind in _CASTS and isinstance(value, (bool, int, float, str)) else None
                found.append(Attribute(shown, kind, plain, low, high))
        return found

    @property
    def actions(self) -> list[str]:
        """Switches that do something once and turn themselves off: AdaIN's `reset_target`, `reset_source`."""
        return [
            name for name, kinds in self._kinds.items() if name.startswith("reset") and kinds == ("bool",)
        ]

    def act(self, name: str) -> None:
        """[render] Do one of `actions`, in every stream."""
        if name not in self.actions:
            raise WrongUse(
                f"the model has no action {name!r}", hint=f"it has {', '.join(self.actions) or 'none'}"
            )
        for stream in self._streams:
            stream.set(name, [True])

    def set_attribute(self, name: str, value: bool | int | float | str | Vector) -> None:
        """[render] Set one of `attributes`, in every stream; WrongUse where there is none, or it refuses.

        A tensor takes an array; a buffer takes mono sound (n,) at the model's rate, or none to be cleared.
        """
        whole, _, number = name.rpartition("/")
        whole, index = (whole, int(number)) if whole in self._kinds and number.isdigit() else (name, 0)
        kinds = self._kinds.get(whole, ())
        if index >= len(kinds):
            names = ", ".join(a.name for a in self.attributes)
            raise WrongUse(f"the model has no attribute {name!r}", hint=f"it has {names or 'none'}")
        if kinds[index] == "buffer":
            for stream in self._streams:
                stream.set_buffer(f"{whole}#{index}", np.asarray(value, np.float32), self.card.sample_rate)
            return
        settings = nntilde.values(self._streams[0].module, whole, kinds)
        settings[index] = _cast(kinds[index], value)
        for stream in self._streams:
            stream.set(whole, settings)
        self._settings[whole] = settings


class Original:
    """A module as its file has it, loaded behind walls; it is never played itself, its instances are."""

    def __init__(self, archive: Archive, enter: Callable[[], object] = sandbox.enter) -> None:
        self._where, data = str(archive.path), repack(archive)
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        torch.conv1d(torch.zeros(1, 1, 8), torch.zeros(1, 1, 3))  # looks at the processor while it can
        self.walls = enter()
        try:
            load: Any = torch.jit.load  # untyped in torch
            self.module: Module = load(io.BytesIO(data), map_location="cpu").eval()
        except (RuntimeError, ValueError, MemoryError) as error:
            words = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
            raise PerformError(f"torch cannot load it ({words})", where=self._where) from None
        self.archive = archive
        self.methods = nntilde.methods(self.module, archive)
        self.frame = nntilde.frame(self.methods, self._where) if self.methods else 0
        self.attributes = nntilde.attributes(self.module, archive)
        has = archive.attributes.get("_has_prior", "prior" in self.methods)
        self.prior: Method | None = self.methods.get("prior") if has else None
        self._instances = 0
        self._kept = list(_kept(self.module, archive))

    def choose(self, wanted: str | None) -> Method:
        """The method to play."""
        return nntilde.choose(self.methods, wanted, self._where)

    def instance(self) -> TorchscriptStream:
        """A copy with a past of its own; parameters are shared."""
        made = copy.deepcopy(self.module)
        parts = dict(made.named_modules())
        for path, part in self.module.named_modules():
            for name, tensor in part.named_parameters(recurse=False):
                parts[path]._c.setattr(name, tensor)
        self._instances += 1
        return TorchscriptStream(made, self._kept, self._instances)


_Kept = tuple[str, str, Any]  # path of a part, name of an attribute, value in the file


class TorchscriptStream:
    """[render] One voice: a copy of the module, and how to put its past back."""

    def __init__(self, module: Module, kept: list[_Kept], number: int) -> None:
        self.module, self._number = module, number
        parts = dict(module.named_modules())
        self._kept = [(parts[path]._c, name, value) for path, name, value in kept]
        self.settings: dict[str, list[Any]] = {}  # attributes that stay as they were set
        self._last: Vector | None = None  # the last frame's inputs
        self._frames = 0

    @torch.inference_mode()
    def reset(self) -> None:
        """Back to the beginning: everything as it was in the file, but for the attributes that were set."""
        self._last, self._frames = None, 0
        for part, name, value in self._kept:
            now = part.getattr(name)
            if not isinstance(value, torch.Tensor):
                part.setattr(name, copy.deepcopy(value))
            elif isinstance(now, torch.Tensor) and (now.shape, now.dtype) == (value.shape, value.dtype):
                now.copy_(value)
            else:
                part.setattr(name, value.clone())
        for name, settings in self.settings.items():
            self.set(name, settings)

    def render(self, method: Method, frame: int, z: Vector) -> Vector:
        """One frame: (inputs,) -> (1 or 2, frame)."""
        steps = frame // method.in_ratio
        last = z if self._last is None else self._last
        line = last[:, None] + (z - last)[:, None] * (np.arange(1, steps + 1, dtype=np.float32) / steps)
        self._last = z.copy()
        return self.run(method, frame, line.astype(np.float32))

    def run(self, method: Method, frame: int, x: Vector) -> Vector:
        """One frame: (inputs, frame / in_ratio) -> (1 or 2, frame)."""
        y = self._call(method, torch.from_numpy(x[None]), frame).numpy()[0]
        y = np.repeat(y, method.out_ratio, axis=1)  # (outputs, frame / out_ratio) -> (outputs, frame)
        folded: Vector = np.stack([y[i::2].mean(axis=0) for i in range(min(len(y), 2))])
        return folded.astype(np.float32)

    def prior(self, method: Method, temperature: float) -> Vector:
        """One frame of the prior: (latents,)."""
        x = torch.full((1, len(method.inputs), 1), float(temperature))
        y: Vector = self._call(method, x, method.out_ratio).numpy()[0, :, 0]
        return y

    def _call(self, method: Method, x: torch.Tensor, samples: int) -> torch.Tensor:
        """A method of the module, checked for the shape it promises; its chance is seeded by the frame."""
        torch.default_generator.manual_seed((self._number << 40) + self._frames)
        self._frames += 1
        y = nntilde.call(self.module, method.name, x)
        wanted = (1, len(method.outputs), samples // method.out_ratio)
        if not isinstance(y, torch.Tensor) or y.shape != wanted:
            shape = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
            raise PerformError(f"the model's method {method.name!r} gave {shape}, not {wanted}")
        return y.float()

    def set(self, name: str, settings: list[Any]) -> None:
        """Set an attribute; WrongUse where the module refuses."""
        if nntilde.call(self.module, f"set_{name}", *settings) not in (0, None):
            raise WrongUse(f"the model refuses {settings} for its attribute {name!r}")

    def set_buffer(self, name: str, sound: Vector, rate: int) -> None:
        """Give the module a piece of sound to keep, (n,); an empty one takes it away."""
        if sound.size == 0:
            nntilde.call(self.module, "clear_buffer_attribute", name)
        elif nntilde.call(self.module, "set_buffer_attribute", name, torch.from_numpy(sound), rate) != 0:
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
                yield path, name, copy.deepcopy(value)


def _cast(kind: str, value: Any) -> Any:
    """What a player gives, as the module wants it."""
    if kind == "tensor":
        return torch.from_numpy(np.asarray(value, np.float32))
    if kind != "str" and not np.isfinite(value):
        raise WrongUse(f"{value} is no number")
    return _CASTS[kind](value)
