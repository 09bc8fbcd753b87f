"""The contract of an nn~ module, read from a loaded one: its methods, its attributes, its sample rate.

Facts of the contract, as nn_tilde 1.5 and 1.6 have it. A method M registers a buffer `M_params`: channels and
ratio of its input, channels and ratio of its output. For n samples it is called with one tensor, (batch,
channels, n / ratio), and gives one. An attribute A registers `A_params`, a kind for each of its values, and
`get_A`, `set_A`, the latter giving 0 where all is well. `get_methods`, `get_attributes` list them; hand-made
modules lack both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch

from perform.core.attributes import Attribute, Kind, knob_range
from perform.core.errors import PerformError, WrongUse
from perform.core.params import MODULE_DEFAULT
from perform.rave.archive import Archive

KINDS = ("bool", "int", "float", "str", "tensor", "buffer")  #: by the number that `A_params` has for them
FRAME = 256  #: samples of a frame, at least
LARGEST = 1 << 16  #: and at most
RATES = range(1000, 768_001)  #: Hz
_CHANNELS = 1024

Module = Any  #: a loaded torch.jit.ScriptModule


@dataclass(frozen=True)
class NnMethod:
    """One method; a label a channel."""

    name: str
    inputs: tuple[str, ...]
    in_ratio: int  #: samples to an input value
    outputs: tuple[str, ...]
    out_ratio: int  #: samples to an output value


def call(module: Module, name: str, *values: Any) -> Any:
    """Call a method of a module; PerformError, one line, where it fails."""
    try:
        with torch.inference_mode():
            return module._c._get_method(name)(*values)
    except Exception as error:  # whatever a stranger's code raises
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        words = (lines or [type(error).__name__])[-1][:200]
        raise PerformError(f"the model's method {name!r} failed ({words})") from None


def methods(module: Module, archive: Archive) -> dict[str, NnMethod]:
    """Every method that the module offers, by name."""
    there = set(archive.methods())
    registered = [name.removesuffix("_params") for name in archive.tensors if _is_params(name)]
    names = [name for name in registered if name in there]
    if "get_methods" in there:
        names = [name for name in _words(call(module, "get_methods")) if name in there and name in registered]
    return {name: _method(name, archive) for name in names}


def _method(name: str, archive: Archive) -> NnMethod:
    numbers = archive.tensors[f"{name}_params"]
    if numbers.shape != (4,) or not all(1 <= n <= LARGEST and n == int(n) for n in numbers.tolist()):
        raise WrongUse(f"its method {name!r} has no four ratios and channels", where=str(archive.path))
    inputs, in_ratio, outputs, out_ratio = (int(n) for n in numbers)
    if max(inputs, outputs) > _CHANNELS:
        raise WrongUse(f"its method {name!r} has {max(inputs, outputs)} channels", where=str(archive.path))
    labels = [archive.attributes.get(f"{name}_{side}_labels") for side in ("input", "output")]
    return NnMethod(name, _labels(labels[0], inputs), in_ratio, _labels(labels[1], outputs), out_ratio)


def _labels(given: Any, count: int) -> tuple[str, ...]:
    words = [w[:80] for w in given if isinstance(w, str)] if isinstance(given, (list, tuple)) else []
    return tuple(words) if len(words) == count else tuple(str(i + 1) for i in range(count))


def _is_params(name: str) -> bool:
    return name.endswith("_params") and "." not in name


def _words(value: Any) -> list[str]:
    return [word for word in value if isinstance(word, str)] if isinstance(value, (list, tuple)) else []


def choose(offered: Mapping[str, NnMethod], wanted: str | None, where: str) -> NnMethod:
    """The method to play: the one asked for, else `decode`, `forward`, or the first that gives sound."""
    sounding = {name: method for name, method in offered.items() if method.out_ratio == 1}
    hint = f"it offers {', '.join(offered)}" if offered else "is it made for nn~?"
    if wanted and wanted not in offered:
        raise WrongUse(f"has no method {wanted!r}", where=where, hint=hint)
    if wanted:
        return offered[wanted]
    for name in ("decode", "forward", *sounding):
        if name in sounding:
            return sounding[name]
    raise WrongUse("has no method that gives sound", where=where, hint=hint)


def frame(offered: Mapping[str, NnMethod], where: str) -> int:
    """Samples of a frame: what every method divides, and not too few."""
    ratios = [ratio for method in offered.values() for ratio in (method.in_ratio, method.out_ratio)]
    common = math.lcm(*ratios)
    if common > LARGEST:
        raise WrongUse(f"its ratios have no common frame of {LARGEST} samples or less", where=where)
    return common * math.ceil(FRAME / common)


def attributes(module: Module, archive: Archive) -> dict[str, tuple[str, ...]]:
    """Every attribute that can be read and set, by name, with the kinds of its values."""
    there = set(archive.methods())
    names = [name.removesuffix("_params") for name in archive.tensors if _is_params(name)]
    if "get_attributes" in there:
        names = [
            name for name in _words(call(module, "get_attributes")) if f"{name}_params" in archive.tensors
        ]
    if archive.attributes.get("is_using_adain") is False:  # they are always registered, but do nothing
        names = [name for name in names if name not in ADAIN]
    found = {}
    for name in names:
        numbers = archive.tensors[f"{name}_params"].reshape(-1).tolist()
        if {f"get_{name}", f"set_{name}"} <= there and all(n in range(len(KINDS)) for n in numbers):
            found[name] = tuple(KINDS[int(n)] for n in numbers)
    return found


ADAIN = ("learn_target", "reset_target", "learn_source", "reset_source")


def described(name: str, kinds: tuple[str, ...], held: list[Any]) -> list[Attribute]:
    """An attribute's values as table and screen know them; TypeError, ValueError where they are not."""
    found = []
    for i, (kind, value) in enumerate(zip(kinds, held, strict=True)):
        own = _own(kind, value)
        low, high = (0.0, 1.0) if isinstance(own, str) else knob_range(own, kind == "int")
        shown = f"{name}/{i}" if len(kinds) > 1 else name
        found.append(Attribute(shown[:80], cast("Kind", kind), own, low, high))
    return found


def _own(kind: str, value: Any) -> float | str:
    if kind == "buffer":
        return "sound"
    if isinstance(value, torch.Tensor) and value.numel() != 1:
        return f"{' x '.join(map(str, value.shape))} values"
    if kind == "str":
        return str(value)[:80]
    number = float(value)
    return number if abs(number) < -MODULE_DEFAULT else 0.0


def values(module: Module, name: str, kinds: tuple[str, ...]) -> list[Any]:
    """What an attribute holds now, a value a kind."""
    given = call(module, f"get_{name}")
    found = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(found) != len(kinds):
        raise PerformError(f"the model's attribute {name!r} gives {len(found)} values, not {len(kinds)}")
    return found


def sample_rate(archive: Archive, chosen: int | None = None) -> int:
    """Hz: what the player says, else what the module does, else its file's name; never `set_sample_rate`."""
    found: list[Any] = [chosen] if chosen else []
    for name in ("sr", "sampling_rate"):
        found.append(archive.attributes.get(name))
        found.append(archive.tensors.get(name))
    found.append(archive.tensors.get("_rave.sampling_rate"))
    named = re.search(r"_r(\d{4,6})(?!\d)", archive.path.stem)
    found.append(int(named[1]) if named else None)
    for value in found:
        number = value.item() if getattr(value, "size", 0) == 1 else value
        if isinstance(number, (int, float)) and not isinstance(number, bool) and int(number) in RATES:
            return int(number)
    raise WrongUse(
        "says no sample rate", where=str(archive.path), hint="say it: --rate 44100, or --rate 48000"
    )
