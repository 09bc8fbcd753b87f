"""The contract of an nn~ module, read from a loaded one: its methods, attributes and sample rate.

The contract of nn_tilde 1.5 and 1.6: a method M has a buffer `M_params`, the channels and ratio of its input
and of its output. For n samples it takes one tensor, (batch, channels, n / ratio), and returns one. An
attribute A has a buffer `A_params`, one kind per value, and methods `get_A` and `set_A`; `set_A` returns 0 on
success. `get_methods` and `get_attributes` list the names; hand-made modules lack both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from perform.core.attributes import Attribute, Kind, knob_range
from perform.core.errors import PerformError, WrongUse
from perform.core.spec import MODULE_DEFAULT
from perform.engine.protocol import BufferSound
from perform.rave.archive import Archive

KINDS = ("bool", "int", "float", "str", "tensor", "buffer")  #: by their number in `A_params`
ANY_RATE = 48000  #: Hz, of a module that takes the rate of its host
MIN_FRAME = 256  #: samples of a frame
MAX_FRAME = 1 << 16
RATES = range(1000, 768_001)  #: Hz
_MAX_CHANNELS = 1024

Module = Any  #: a loaded torch.jit.ScriptModule


@dataclass(frozen=True)
class NnMethod:
    """A method, with one label per channel."""

    name: str
    inputs: tuple[str, ...]
    in_ratio: int  #: samples per input value
    outputs: tuple[str, ...]
    out_ratio: int  #: samples per output value


def call(module: Module, name: str, *values: Any) -> Any:
    """Call a method of a module. PerformError, with one line of text: it failed."""
    try:
        with torch.inference_mode():
            return module._c._get_method(name)(*values)
    except Exception as error:  # third-party code may raise anything
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        text = (lines or [type(error).__name__])[-1][:200]
        raise PerformError(f"the model's method {name!r} failed ({text})") from None


def methods(module: Module, archive: Archive) -> dict[str, NnMethod]:
    """Return the methods that a module offers, by name."""
    there = set(archive.methods())
    registered = [name.removesuffix("_params") for name in archive.tensors if _is_params(name)]
    names = [name for name in registered if name in there]
    if "get_methods" in there:
        names = [name for name in _texts(call(module, "get_methods")) if name in there and name in registered]
    return {name: _method(name, archive) for name in names}


def _method(name: str, archive: Archive) -> NnMethod:
    numbers = archive.tensors[f"{name}_params"]
    if numbers.shape != (4,) or not all(1 <= n <= MAX_FRAME and n == int(n) for n in numbers.tolist()):
        raise WrongUse(f"its method {name!r} does not say its channels and ratios", where=str(archive.path))
    inputs, in_ratio, outputs, out_ratio = (int(n) for n in numbers)
    if max(inputs, outputs) > _MAX_CHANNELS:
        raise WrongUse(f"its method {name!r} has {max(inputs, outputs)} channels", where=str(archive.path))
    labels = [archive.attributes.get(f"{name}_{side}_labels") for side in ("input", "output")]
    return NnMethod(name, _labels(labels[0], inputs), in_ratio, _labels(labels[1], outputs), out_ratio)


def _labels(given: Any, count: int) -> tuple[str, ...]:
    labels = [label[:80] for label in _texts(given)]
    return tuple(labels) if len(labels) == count else tuple(str(i + 1) for i in range(count))


def _is_params(name: str) -> bool:
    return name.endswith("_params") and "." not in name


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, (list, tuple)) else []


def choose(offered: Mapping[str, NnMethod], wanted: str | None, where: str) -> NnMethod:
    """Return the method to play: the wanted one, else `decode`, `forward`, or the first one.

    Methods that give a value for each sample come first; another holds each value, as nn~ does.
    """
    sounding = {name: method for name, method in offered.items() if method.out_ratio == 1} or offered
    hint = f"it offers {', '.join(offered)}" if offered else "is it made for nn~?"
    if wanted and wanted not in offered:
        raise WrongUse(f"has no method {wanted!r}", where=where, hint=hint)
    if wanted:
        return offered[wanted]
    for name in ("decode", "forward", *sounding):
        if name in sounding:
            return sounding[name]
    raise WrongUse("has no method", where=where, hint=hint)


def frame(offered: Mapping[str, NnMethod], where: str) -> int:
    """Return the samples of a frame: a multiple of every ratio, and at least MIN_FRAME."""
    ratios = [ratio for method in offered.values() for ratio in (method.in_ratio, method.out_ratio)]
    common = math.lcm(*ratios)
    if common > MAX_FRAME:
        raise WrongUse(f"its ratios have no common frame of {MAX_FRAME} samples or less", where=where)
    return common * math.ceil(MIN_FRAME / common)


def attributes(module: Module, archive: Archive) -> dict[str, tuple[str, ...]]:
    """Return the attributes that can be read and set: name -> kinds of their values."""
    there = set(archive.methods())
    names = [name.removesuffix("_params") for name in archive.tensors if _is_params(name)]
    if "get_attributes" in there:
        names = [
            name for name in _texts(call(module, "get_attributes")) if f"{name}_params" in archive.tensors
        ]
    if archive.attributes.get("is_using_adain") is False:  # registered, but without effect
        names = [name for name in names if name not in ADAIN]
    found = {}
    for name in names:
        numbers = archive.tensors[f"{name}_params"].reshape(-1).tolist()
        if {f"get_{name}", f"set_{name}"} <= there and all(n in range(len(KINDS)) for n in numbers):
            found[name] = tuple(KINDS[int(n)] for n in numbers)
    return found


def buffers(attributes: Mapping[str, tuple[str, ...]], archive: Archive) -> dict[str, BufferSound]:
    """Return the buffers that objects of the module hold: `NAME#0` -> its sound in the file, mostly none."""
    if not {"set_buffer_attribute", "clear_buffer_attribute"} <= set(archive.methods()):
        return {}
    found = {}
    for name, kinds in attributes.items():
        held = archive.attributes.get(name)
        for i, kind in enumerate(kinds):
            if kind != "buffer" or not isinstance(held, tuple) or i >= len(held):
                continue
            fields = getattr(held[i], "fields", None)
            if fields is not None:
                value, rate = fields.get("value"), fields.get("sr")
                samples = np.array(value if isinstance(value, np.ndarray) else (), np.float32)
                found[f"{name}#{i}"] = BufferSound(samples, rate if type(rate) is int else -1)
    return found


ADAIN = ("learn_target", "reset_target", "learn_source", "reset_source")


def described(name: str, kinds: tuple[str, ...], held: list[Any]) -> list[Attribute]:
    """Describe each value of an attribute. TypeError, ValueError: a value is not of its declared kind."""
    found = []
    for i, (kind, value) in enumerate(zip(kinds, held, strict=True)):
        default = _default(kind, value)
        low, high = (0.0, 1.0) if isinstance(default, str) else knob_range(default, kind == "int")
        shown = f"{name}/{i}" if len(kinds) > 1 else name
        found.append(Attribute(shown[:80], cast("Kind", kind), default, low, high))
    return found


def _default(kind: str, value: Any) -> float | str:
    if kind == "buffer":
        return "sound"
    if isinstance(value, torch.Tensor) and value.numel() != 1:
        return f"{' x '.join(map(str, value.shape))} values"
    if kind == "str":
        return str(value)[:80]
    number = float(value)
    return number if abs(number) < -MODULE_DEFAULT else 0.0


def values(module: Module, name: str, kinds: tuple[str, ...]) -> list[Any]:
    """Return an attribute's present values, one per kind."""
    given = call(module, f"get_{name}")
    found = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(found) != len(kinds):
        raise PerformError(f"the model's attribute {name!r} gives {len(found)} values, not {len(kinds)}")
    return found


def sample_rate(archive: Archive, chosen: int | None = None) -> int:
    """Return the sample rate in Hz: the player's choice, else the module's, else the file name's."""
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
    if "sr" in archive.attributes and "set_sample_rate" in archive.methods():  # made for any rate
        return ANY_RATE
    raise WrongUse(
        "does not say its sample rate", where=str(archive.path), hint="choose --rate 44100 or --rate 48000"
    )
