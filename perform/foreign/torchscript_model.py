"""Any nn~ module as a playable model: its TorchScript is scanned, repacked and run in a sandbox.

A frame has one latent per input channel of the played method.
"""

from __future__ import annotations

import functools
import weakref
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import torch

from perform.core.attributes import Attribute
from perform.core.errors import PerformError, WrongUse
from perform.engine.protocol import BufferSound, Stream, StreamingEncoder, Vector, silence_latents
from perform.engine.sound_passage import SoundPassage
from perform.foreign import nn_contract, sandbox
from perform.foreign.fed_stream import FedStream
from perform.foreign.loaded_module import LoadedModule
from perform.foreign.module_file import unwrap
from perform.foreign.module_instance import ModuleInstance
from perform.library.cards import read_card
from perform.library.hashes import sha256
from perform.rave.archive import parse


class TorchscriptModel:
    """[render] See `perform.engine.protocol.PlayableModel`.

    enter    : enters the sandbox, for good, before the module is loaded
    kinds    : attribute of the module -> kinds of its values
    defaults : attribute of the module -> its values in the file
    PerformError: the module cannot be loaded, or its first frame is not sound.
    """

    noise = 1  #: a seed; see `render`

    def __init__(self, path: Path, enter: Callable[[], object] = sandbox.enter) -> None:
        self.card, self.sha256 = read_card(path), sha256(path)
        data, options = unwrap(path)
        self._module = LoadedModule(parse(data, path), enter)
        self._method = self._module.choose(str(options.get("method") or "") or None)
        self.gesture: Vector = np.zeros((0, self.card.latents), np.float32)
        self.prior, self.has_prior = self._module.prior, self._module.prior is not None
        self.takes_sound = self._module.takes_sound(self._method)
        self._sandboxed = self._module.sandbox is not None  # only then is the processor time limited
        self._allowance = sandbox.Allowance()
        facts = (len(self._method.inputs), min(len(self._method.outputs), 2), self._module.frame)
        if facts != (self.card.latents, self.card.channels, self.card.ratio):
            raise WrongUse("its card does not fit the module", where=str(path), hint="import it again")
        first = self._module.instance()
        self.kinds, self.defaults = self._module.attributes, dict[str, list[Any]]()
        self.actions: Sequence[str] = [name for name, kinds in self.kinds.items() if _is_action(name, kinds)]
        self.attributes: Sequence[Attribute] = []
        for name, kinds in self.kinds.items():
            with suppress(PerformError, TypeError, ValueError):  # leave out an attribute that cannot be read
                self.defaults[name] = [
                    _copy(value) for value in nn_contract.values(first.module, name, kinds)
                ]
                described = nn_contract.described(name, kinds, self.defaults[name])
                self.attributes = [*self.attributes, *(described if name not in self.actions else ())]
        first.render(self._method, self._module.frame, np.zeros(facts[0], np.float32))
        self._spare = [first]  # instances of streams that ended: a reset is faster than a copy

    @functools.cached_property
    def encoder(self) -> StreamingEncoder | None:
        """The module's `encode`; None if there is none or it breaks the contract."""
        if self.takes_sound:
            return SoundPassage(self.card, self.sha256)
        method = self._module.encoder_for(self._method)
        with suppress(PerformError):
            return TorchscriptEncoder(self, method) if method else None
        return None

    def stream(self) -> TorchscriptStream:
        """Return a new stream at its beginning."""
        instance = self._spare.pop() if self._spare else self._module.instance()
        instance.begin()
        made = TorchscriptStream(self, instance)
        weakref.finalize(made, self._spare.append, instance)
        return made

    def find(self, name: str) -> tuple[str, int]:
        """Return the module's attribute and the index of the value: `gain/1` -> ("gain", 1)."""
        whole, _, number = name.rpartition("/")
        whole, index = (whole, int(number)) if whole in self.defaults and number.isdecimal() else (name, 0)
        if index >= len(self.defaults.get(whole, ())):
            names = ", ".join(attribute.name for attribute in self.attributes)
            raise WrongUse(f"the model has no attribute {name!r}", hint=f"it has {names or 'none'}")
        return whole, index

    def render(self, streams: Sequence[Stream], z: Vector, noise: Vector) -> Vector:
        """Decode one frame of each stream: (B, latents), (B, 1) -> (B, channels, ratio).

        A module draws noise itself. Each voice's noise value seeds it, so that a replay draws the same.
        """
        self.renew()
        frame, sounds = self._module.frame, []
        for stream, row, value in zip(cast(Sequence[TorchscriptStream], streams), z, noise, strict=True):
            seed = zlib.crc32(value.astype(np.float32).tobytes())
            sounds.append(stream.instance.render(self._method, frame, row, seed, stream.take_sound()))
        return np.stack(sounds)

    def renew(self) -> None:
        """Allow the module its processor time for the next frame."""
        if self._sandboxed:
            self._allowance.renew()


class TorchscriptStream(FedStream):
    """[render] One voice's instance of the module; the model reuses the instance afterwards."""

    def __init__(self, model: TorchscriptModel, instance: ModuleInstance) -> None:
        super().__init__()
        self._model, self.instance = model, instance

    def reset(self) -> None:
        """Return to the beginning."""
        self.instance.reset()

    def act(self, name: str) -> None:
        """Do one of the model's `actions`. WrongUse: there is none, or the module refuses."""
        if name not in self._model.actions:
            hint = f"it has {', '.join(self._model.actions) or 'none'}"
            raise WrongUse(f"the model has no action {name!r}", hint=hint)
        self.instance.set(name, [True])

    def set(self, name: str, value: float | str | Vector | BufferSound | None) -> None:
        """Set one of the model's `attributes`; None restores the module default.

        A tensor takes as many values as it has. A buffer takes a sound, or mono samples (n,) at the model's
        rate; an empty one clears it. Both take an array or a text: "0 0.5 1".
        WrongUse: there is no such attribute, or the module refuses the value.
        """
        whole, index = self._model.find(name)
        kinds, defaults = self._model.kinds[whole], self._model.defaults[whole]
        if kinds[index] == "buffer":
            sound = _sound(value, self._model.card.sample_rate)
            self.instance.set_buffer(f"{whole}#{index}", sound)
            self.instance.sounds[f"{whole}#{index}"] = sound
            return
        if isinstance(value, BufferSound):
            raise WrongUse(f"{name} is not a buffer")
        settings = list(self.instance.settings.get(whole, defaults))
        default = defaults[index]
        settings[index] = default if value is None else _cast(kinds[index], value, default)
        self.instance.set(whole, settings)
        self.instance.settings[whole] = settings

    @property
    def saved_style(self) -> bytes:
        """The AdaIN style for `restore_style`; empty where it is the file's."""
        return self.instance.saved_style

    def restore_style(self, saved: bytes) -> None:
        """Restore a saved AdaIN style. PerformError: it is another model's."""
        self.instance.restore_style(saved)

    def prior(self, temperature: float, seed: int) -> Vector:
        """Generate the next frame's latents, (latents,), with the module's prior."""
        if self._model.prior is None:
            raise PerformError("this model has no prior")
        z = np.zeros(self._model.card.latents, np.float32)
        drawn = self.instance.prior(self._model.prior, temperature, seed)[: len(z)]
        z[: len(drawn)] = drawn
        return z


class TorchscriptEncoder:
    """[render] See `perform.engine.protocol.StreamingEncoder`: a module's `encode`.

    A module that samples its posterior draws the same noise for every stream.
    """

    def __init__(self, model: TorchscriptModel, method: nn_contract.NnMethod) -> None:
        self._model, self._method, self.sha256 = model, method, model.sha256
        self.card = msgspec.structs.replace(model.card, channels=min(len(method.inputs), 2))
        self.silence = silence_latents(self)
        if not np.isfinite(self.silence).all():
            raise PerformError("the model encodes silence to NaN or infinity")

    def for_another_thread(self) -> TorchscriptEncoder:
        """Return itself: its streams share nothing but parameters and torch's random generator."""
        return self

    def stream(self) -> TorchscriptStream:
        """Return a new stream at its beginning."""
        return self._model.stream()

    def encode(self, streams: Sequence[Stream], x: Vector) -> Vector:
        """Encode one frame of each stream: (B, channels, ratio) -> (B, latents)."""
        self._model.renew()
        pairs = zip(cast(Sequence[TorchscriptStream], streams), x, strict=True)
        return np.stack([stream.instance.encode(self._method, frame) for stream, frame in pairs])


def _is_action(name: str, kinds: tuple[str, ...]) -> bool:
    """Whether an attribute is a switch that acts once and turns itself off, like `reset_target`."""
    return name.startswith("reset") and kinds == ("bool",)


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) else value


def _cast(kind: str, value: float | str | Vector, default: Any) -> Any:
    """Convert a player's value to the kind of an attribute."""
    if kind == "tensor":
        given, shape = _parse_values(value), tuple(default.shape)
        if given.size != default.numel():
            raise WrongUse(f"it takes {default.numel()} values, not {given.size}")
        return torch.from_numpy(given.reshape(shape)).to(default.dtype)
    if kind == "str":
        return str(value)
    if isinstance(value, str) or not np.isfinite(value):
        raise WrongUse(f"{value} is not a finite number")
    return {"bool": value >= 0.5, "int": round(float(value))}.get(kind, float(value))


def _sound(value: float | str | Vector | BufferSound | None, rate: int) -> BufferSound:
    if isinstance(value, BufferSound):
        return value
    samples = np.zeros(0, np.float32) if value is None else _parse_values(value)
    return BufferSound(samples.reshape(1, -1), rate)


def _parse_values(value: float | str | Vector) -> Vector:
    """Return finite values, (n,), from a text or an array."""
    try:
        texts = value.replace(",", " ").split() if isinstance(value, str) else value
        given = np.array(texts, np.float32).reshape(-1)
    except ValueError:
        raise WrongUse(f"{str(value)[:80]!r} are not finite numbers") from None
    if not np.isfinite(given).all():
        raise WrongUse(f"{str(value)[:80]!r} are not finite numbers")
    return given
