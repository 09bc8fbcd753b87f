"""Any nn~ module as a host: a stranger's TorchScript, scanned, packed anew and run behind walls.

What comes in is a frame's latents, one for each input channel. A method whose inputs are slower than the
frame takes them as they are; one that reads its inputs sample by sample gets a straight line from the last
frame's to this one's. Outputs beyond two are folded: odd ones left, even ones right.
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
from perform.engine.protocol import Stream, Vector, silence_latents
from perform.foreign import nn_contract, sandbox
from perform.foreign.loaded_module import LoadedModule, ModuleInstance
from perform.foreign.module_file import unwrap
from perform.library.cards import read_card, sha256
from perform.rave.archive import parse


class TorchscriptModel:
    """[render] See `perform.engine.protocol.Host`; and what only a stranger's module has, for the table.

    enter : gives up files, network and the rest, for good, before the module is loaded
    kinds, own : of each attribute of the module, by its own name: what its values are, and what they were
    Raises PerformError where the module cannot be loaded or its first frame is no sound.
    """

    noise = 1  #: see `render`

    def __init__(self, path: Path, enter: Callable[[], object] = sandbox.enter) -> None:
        self.card, self.sha256 = read_card(path), sha256(path)
        data, options = unwrap(path)
        self._original = LoadedModule(parse(data, path), enter)
        self._method = self._original.choose(str(options.get("method") or "") or None)
        self.gesture: Vector = np.zeros((0, self.card.latents), np.float32)
        self.prior, self.has_prior = self._original.prior, self._original.prior is not None
        self._walled = enter is sandbox.enter  # else this process's own time is not to be limited
        self._allowance = sandbox.Allowance()
        facts = (len(self._method.inputs), min(len(self._method.outputs), 2), self._original.frame)
        if facts != (self.card.latents, self.card.channels, self.card.ratio):
            raise WrongUse("its card does not fit the module", where=str(path), hint="import it again")
        first = self._original.instance()
        self.kinds, self.own = self._original.attributes, dict[str, list[Any]]()
        self.actions: Sequence[str] = [name for name, kinds in self.kinds.items() if _is_action(name, kinds)]
        self.attributes: Sequence[Attribute] = []
        for name, kinds in self.kinds.items():
            with suppress(PerformError, TypeError, ValueError):  # one that cannot be read is none
                self.own[name] = [_copy(value) for value in nn_contract.values(first.module, name, kinds)]
                described = nn_contract.described(name, kinds, self.own[name])
                self.attributes = [*self.attributes, *(described if name not in self.actions else ())]
        first.render(self._method, self._original.frame, np.zeros(facts[0], np.float32))
        self._spare = [first]  # of voices that ended: a copy takes longer than a reset

    @functools.cached_property
    def encoder(self) -> TorchscriptEncoder | None:
        """What hears for its decks: the module's `encode`, where that does what it promises."""
        method = self._original.encoder_for(self._method)
        with suppress(PerformError):
            return TorchscriptEncoder(self, method) if method else None
        return None

    def stream(self) -> TorchscriptStream:
        """A new one, at its beginning."""
        instance = self._spare.pop() if self._spare else self._original.instance()
        instance.begin()
        made = TorchscriptStream(self, instance)
        weakref.finalize(made, self._spare.append, instance)
        return made

    def find(self, name: str) -> tuple[str, int]:
        """`gain/1`: the module's own name, and which of its values; WrongUse where there is none."""
        whole, _, number = name.rpartition("/")
        whole, index = (whole, int(number)) if whole in self.own and number.isdecimal() else (name, 0)
        if index >= len(self.own.get(whole, ())):
            names = ", ".join(attribute.name for attribute in self.attributes)
            raise WrongUse(f"the model has no attribute {name!r}", hint=f"it has {names or 'none'}")
        return whole, index

    def render(self, streams: Sequence[Stream], z: Vector, noise: Vector) -> Vector:
        """One frame of each: (B, latents), (B, 1) -> (B, channels, ratio).

        A module draws its noise itself; a voice's own numbers seed it, so that a take sounds the same again.
        """
        self.renew()
        frame, sounds = self._original.frame, []
        for stream, row, chance in zip(cast(Sequence[TorchscriptStream], streams), z, noise, strict=True):
            seed = zlib.crc32(chance.astype(np.float32).tobytes())
            sounds.append(stream.instance.render(self._method, frame, row, seed))
        return np.stack(sounds)

    def renew(self) -> None:
        """A frame begins: the module has its time for it."""
        if self._walled:
            self._allowance.renew()


class TorchscriptStream:
    """[render] One voice: an instance of the module for as long as somebody holds this."""

    def __init__(self, host: TorchscriptModel, instance: ModuleInstance) -> None:
        self._host, self.instance = host, instance

    def reset(self) -> None:
        """Back to the beginning."""
        self.instance.reset()

    def act(self, name: str) -> None:
        """Do one of the host's `actions`; WrongUse where there is none, or it refuses."""
        if name not in self._host.actions:
            hint = f"it has {', '.join(self._host.actions) or 'none'}"
            raise WrongUse(f"the model has no action {name!r}", hint=hint)
        self.instance.set(name, [True])

    def set(self, name: str, value: float | str | Vector | None) -> None:
        """Set one of the host's `attributes`, None to its own; WrongUse where there is none, or it refuses.

        A tensor takes as many numbers as it has, a buffer any: mono sound (n,) at the model's rate, none
        clear it. Both take them as an array, or in words: "0 0.5 1".
        """
        whole, index = self._host.find(name)
        kinds, own = self._host.kinds[whole], self._host.own[whole]
        if kinds[index] == "buffer":
            sound = np.zeros(0, np.float32) if value is None else _numbers(value)
            self.instance.set_buffer(f"{whole}#{index}", sound, self._host.card.sample_rate)
            self.instance.sounds[f"{whole}#{index}"] = sound, self._host.card.sample_rate
            return
        settings = list(self.instance.settings.get(whole, own))
        settings[index] = own[index] if value is None else _cast(kinds[index], value, own[index])
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
        """The next frame's latents (latents,) as the module's own prior goes on."""
        if self._host.prior is None:
            raise PerformError("this model has no prior")
        z = np.zeros(self._host.card.latents, np.float32)
        drawn = self.instance.prior(self._host.prior, temperature, seed)[: len(z)]
        z[: len(drawn)] = drawn
        return z


class TorchscriptEncoder:
    """[render] See `perform.engine.protocol.Encoder`: a module's `encode`, by instances of their own.

    A module that draws from its posterior does so by a chance that is the same for every stream.
    """

    def __init__(self, host: TorchscriptModel, method: nn_contract.NnMethod) -> None:
        self._host, self._method, self.sha256 = host, method, host.sha256
        self.card = msgspec.structs.replace(host.card, channels=min(len(method.inputs), 2))
        self.silence = silence_latents(self)
        if not np.isfinite(self.silence).all():
            raise PerformError("the model makes no numbers of silence")

    def for_another_thread(self) -> TorchscriptEncoder:
        """Itself: its streams share nothing but the parameters, and torch's one chance."""
        return self

    def stream(self) -> TorchscriptStream:
        """A new one, at its beginning."""
        return self._host.stream()

    def encode(self, streams: Sequence[Stream], x: Vector) -> Vector:
        """One frame of each: (B, channels, ratio) -> (B, latents)."""
        self._host.renew()
        pairs = zip(cast(Sequence[TorchscriptStream], streams), x, strict=True)
        return np.stack([stream.instance.encode(self._method, frame) for stream, frame in pairs])


def _is_action(name: str, kinds: tuple[str, ...]) -> bool:
    """A switch that does something once and turns itself off, like AdaIN's `reset_target`."""
    return name.startswith("reset") and kinds == ("bool",)


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) else value


def _cast(kind: str, value: float | str | Vector, own: Any) -> Any:
    """What a player gives, as the module wants it."""
    if kind == "tensor":
        given, shape = _numbers(value), tuple(own.shape)
        if given.size != own.numel():
            raise WrongUse(f"{given.size} numbers are not the {own.numel()} it has")
        return torch.from_numpy(given.reshape(shape)).to(own.dtype)
    if kind == "str":
        return str(value)
    if isinstance(value, str) or not np.isfinite(value):
        raise WrongUse(f"{value} is no number")
    return {"bool": value >= 0.5, "int": round(float(value))}.get(kind, float(value))


def _numbers(value: float | str | Vector) -> Vector:
    """(n,), all of them finite."""
    try:
        words = value.replace(",", " ").split() if isinstance(value, str) else value
        given = np.array(words, np.float32).reshape(-1)
    except ValueError:
        raise WrongUse(f"{str(value)[:80]!r} are no numbers") from None
    if not np.isfinite(given).all():
        raise WrongUse(f"{str(value)[:80]!r} are no numbers")
    return given
