"""Any nn~ module as a host: a stranger's TorchScript, scanned, packed anew and run behind walls.

What comes in is a frame's latents, one for each input channel. A method whose inputs are slower than the
frame takes them as they are; one that reads its inputs sample by sample gets a straight line from the last
frame's to this one's. Outputs beyond two are folded: odd ones left, even ones right.
"""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from perform.errors import PerformError, WrongUse
from perform.hosts import nntilde, sandbox
from perform.hosts.host import Vector
from perform.hosts.module import Instance, Original
from perform.hosts.nntilde import Attribute
from perform.library.cards import read_card, sha256
from perform.library.importing import unwrap
from perform.rave.archive import parse

_CASTS = {"bool": bool, "int": int, "float": float, "str": str}


class TorchscriptHost:
    """[render] See `perform.hosts.host.Host`; and what only a stranger's module has, for the table.

    enter : gives up files, network and the rest, for good, before the module is loaded

    Raises PerformError where the module cannot be loaded or its first frame is no sound.
    """

    noise = 1  #: see `render`
    encoder = None

    def __init__(self, path: Path, enter: Callable[[], object] = sandbox.enter) -> None:
        self.card, self.sha256 = read_card(path), sha256(path)
        data, options = unwrap(path)
        self._original = Original(parse(data, path), enter)
        self._method = self._original.choose(str(options.get("method") or "") or None)
        self.gesture: Vector = np.zeros((0, self.card.latents), np.float32)
        self._kinds = self._original.attributes
        self._settings: dict[str, list[Any]] = {}  # attributes as they were set, for streams to come
        self._sounds: dict[str, tuple[Vector, int]] = {}  # buffers likewise
        self._walled = enter is sandbox.enter  # else this process's own time is not to be limited
        self._allowance = sandbox.Allowance()
        facts = (len(self._method.inputs), min(len(self._method.outputs), 2), self._original.frame)
        if facts != (self.card.latents, self.card.channels, self.card.ratio):
            raise WrongUse("its card does not fit the module", where=str(path), hint="import it again")
        self._front = self._original.instance()  # plays nothing: it is asked for attributes
        self._front.render(self._method, self._original.frame, np.zeros(facts[0], np.float32))
        self._streams: weakref.WeakSet[TorchscriptStream] = weakref.WeakSet()
        self._spare: list[Instance] = []  # of voices that ended: a copy takes longer than a reset

    def stream(self) -> TorchscriptStream:
        """A new one, at its beginning."""
        instance = self._spare.pop() if self._spare else self._original.instance()
        instance.settings, instance.sounds = self._settings, self._sounds
        instance.reset()
        made = TorchscriptStream(instance)
        weakref.finalize(made, self._spare.append, instance)
        self._streams.add(made)
        return made

    def _instances(self) -> Iterator[Instance]:
        yield self._front  # first: what it refuses reaches no voice
        for stream in self._streams:
            yield stream.instance

    def render(self, streams: Sequence[TorchscriptStream], z: Vector, noise: Vector) -> Vector:
        """One frame of each: (B, latents), (B, 1) -> (B, channels, ratio).

        A module draws its noise itself; a voice's own numbers seed it, so that a take sounds the same again.
        """
        if self._walled:
            self._allowance.renew()
        frame, sounds = self._original.frame, []
        for stream, row, chance in zip(streams, z, noise, strict=True):
            seed = zlib.crc32(chance.astype(np.float32).tobytes())
            sounds.append(stream.instance.render(self._method, frame, row, seed))
        return np.stack(sounds)

    @property
    def has_prior(self) -> bool:
        """It can make latents by itself."""
        return self._original.prior is not None

    def prior(self, stream: TorchscriptStream, temperature: float) -> Vector:
        """[render] The next frame's latents (latents,) as the module's own prior goes on."""
        if self._original.prior is None:
            raise PerformError("this model has no prior")
        return stream.instance.prior(self._original.prior, temperature)[: self.card.latents]

    @property
    def attributes(self) -> list[Attribute]:
        """Every attribute as it stands, a value each; for the table and the screen."""
        module, found = self._front.module, []
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
            stream.instance.set(name, [True])

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
            sound = np.ascontiguousarray(value, np.float32)
            for instance in self._instances():
                instance.set_buffer(f"{whole}#{index}", sound, self.card.sample_rate)
            self._sounds[f"{whole}#{index}"] = sound, self.card.sample_rate
            return
        settings = nntilde.values(self._front.module, whole, kinds)
        settings[index] = _cast(kinds[index], value)
        for instance in self._instances():
            instance.set(whole, settings)
        self._settings[whole] = settings


class TorchscriptStream:
    """[render] One voice: an instance of the module for as long as somebody holds this."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def reset(self) -> None:
        """Back to the beginning."""
        self.instance.reset()


def _cast(kind: str, value: Any) -> Any:
    """What a player gives, as the module wants it."""
    if kind == "tensor":
        return torch.from_numpy(np.asarray(value, np.float32))
    if kind != "str" and not np.isfinite(value):
        raise WrongUse(f"{value} is no number")
    return _CASTS[kind](value)
