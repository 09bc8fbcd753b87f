"""The values in a pickle of torch: objects, storages and tensors, all by an allow-list; nothing is called.

All functions raise WrongUse for anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.errors import WrongUse

Array = npt.NDArray[Any]
Storage = Callable[[str, np.dtype[Any], int], Array]  #: (key, dtype, elements) -> (elements,)

ELEMENTS = 1 << 29  #: most elements of a tensor
_CLASS = re.compile(r"__torch__(\.\w+)* \w+", re.ASCII)
_FIELD = re.compile(r"[^.\x00-\x1f]{1,200}")
_TAG = re.compile(r"[\w\[\], .]{1,1000}", re.ASCII)
_DEVICE = re.compile(r"(cpu|cuda|mps|meta)(:\d{1,3})?", re.ASCII)
_BFLOAT16 = np.dtype([("bfloat16", "<u2")])  # numpy has none: it is widened to float32
DTYPES: dict[str, np.dtype[Any]] = {
    "torch DoubleStorage": np.dtype("<f8"),
    "torch FloatStorage": np.dtype("<f4"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch BFloat16Storage": _BFLOAT16,
    "torch LongStorage": np.dtype("<i8"),
    "torch IntStorage": np.dtype("<i4"),
    "torch ShortStorage": np.dtype("<i2"),
    "torch CharStorage": np.dtype("i1"),
    "torch ByteStorage": np.dtype("u1"),
    "torch BoolStorage": np.dtype("?"),
    "torch ComplexFloatStorage": np.dtype("<c8"),
    "torch ComplexDoubleStorage": np.dtype("<c16"),
}
_LISTS: dict[str, type | tuple[type, ...]] = {
    "torch.jit._pickle build_intlist": int,
    "torch.jit._pickle build_doublelist": float,
    "torch.jit._pickle build_boollist": bool,
    "torch.jit._pickle build_tensorlist": np.ndarray,
}
_CALLS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch.jit._pickle restore_type_tag",
    "torch device",
    *_LISTS,
}


@dataclass(eq=False)
class PickledObject:
    """An object of a class that the archive defines. `type` is its name, `__torch__.rave.blocks.Unit`."""

    type: str
    fields: dict[str, Any] = field(default_factory=dict)
    built: bool = False


class PickledGlobal(NamedTuple):
    """A class or a function by its name, `torch.jit._pickle build_intlist`."""

    name: str


class PickledStorage(NamedTuple):
    """The values of a storage, (elements,)."""

    values: Array


def global_named(name: str) -> PickledGlobal:
    """Return a global of the allow-list."""
    if name not in _CALLS and name not in DTYPES and not _CLASS.fullmatch(name):
        raise WrongUse(f"its pickle asks for {name.replace(' ', '.')!r}", hint="no model needs that")
    if name.startswith(("__torch__.torch.classes", "__torch__ torch")):
        raise WrongUse(f"its pickle makes an object of {name.replace(' ', '.')!r}, which is compiled code")
    return PickledGlobal(name)


def new_object(cls: Any, arguments: Any) -> PickledObject:
    """Return an object of a class of the archive, without fields."""
    if not isinstance(cls, PickledGlobal) or not _CLASS.fullmatch(cls.name) or arguments != ():
        raise WrongUse("an object of a class that the archive does not define")
    return PickledObject(cls.name.replace(" ", "."))


def build(record: Any, state: Any) -> None:
    """Give an object its fields."""
    if not isinstance(record, PickledObject) or record.built:
        raise WrongUse("a damaged pickle (no object to fill)")
    if not isinstance(state, dict):
        raise WrongUse(f"{record.type} unpickles itself with code (__setstate__)")
    for key in state:
        if not isinstance(key, str) or not _FIELD.fullmatch(key):
            raise WrongUse(f"{record.type} has an attribute without a valid name")
    record.fields, record.built = state, True


def reduced(function: Any, arguments: Any) -> Any:
    """Return the value of one of the calls that torch writes, without calling it."""
    if (
        not isinstance(function, PickledGlobal)
        or function.name not in _CALLS
        or not isinstance(arguments, tuple)
    ):
        raise WrongUse("its pickle calls a function that no model needs")
    name = function.name
    if name == "collections OrderedDict":
        if arguments:
            raise WrongUse("an ordered dictionary that is not empty")
        return {}
    if name == "torch device":
        (device,) = arguments
        if not isinstance(device, str) or not _DEVICE.fullmatch(device):
            raise WrongUse("an unknown device")
        return device
    if name == "torch.jit._pickle restore_type_tag":
        value, tag = arguments
        if not isinstance(tag, str) or not _TAG.fullmatch(tag) or "torch.classes" in tag:
            raise WrongUse(f"an unreadable type {str(tag)[:80]!r}")
        if not isinstance(value, (list, dict)):
            raise WrongUse("a type tag on a value that is not a list or dictionary")
        return value
    if name in _LISTS:
        (values,) = arguments
        if type(values) is not list or any(not isinstance(value, _LISTS[name]) for value in values):
            raise WrongUse("a list whose items are not of the declared type")
        return values
    return _tensor(*arguments)


def stored(key: Any, storage: Storage) -> PickledStorage:
    """Return the values of the storage that a persistent key names."""
    kind, cls, name, device, count = key
    if kind != "storage" or not isinstance(cls, PickledGlobal) or cls.name not in DTYPES:
        raise WrongUse("a storage of an unknown type")
    if not isinstance(name, str) or type(count) is not int or count < 0:
        raise WrongUse("a storage without a key or a length")
    if not isinstance(device, str) or not _DEVICE.fullmatch(device):
        raise WrongUse("a storage on an unknown device")
    return PickledStorage(storage(name, DTYPES[cls.name], count))


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, gradient: Any, hooks: Any, *more: Any
) -> Array:
    """A read-only view of a storage; `more` is torch's metadata, which must be empty."""
    shape = (*size, *stride, offset)
    if not isinstance(storage, PickledStorage) or len(size) != len(stride) or len(size) > 16 or more:
        raise WrongUse("a malformed tensor")
    if type(gradient) is not bool or hooks != {}:
        raise WrongUse("a tensor with hooks")
    if any(type(n) is not int or n < 0 for n in shape):
        raise WrongUse("a tensor of negative size, stride or offset")
    count = int(np.prod([1, *size], dtype=object))
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count > ELEMENTS or (count and last >= len(storage.values)) or offset > len(storage.values):
        raise WrongUse(f"a tensor of shape {tuple(size)} that reaches beyond its storage")
    values = storage.values
    if values.dtype == _BFLOAT16:
        values = (values.view("<u2").astype("<u4") << 16).view("<f4")
    if not count:
        return np.zeros(tuple(size), values.dtype)
    width = values.dtype.itemsize
    steps = [step * width if n > 1 else width for n, step in zip(size, stride, strict=True)]
    return np.lib.stride_tricks.as_strided(values[offset:], tuple(size), steps, writeable=False)
