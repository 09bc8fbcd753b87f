"""Reads the pickles of a TorchScript archive as data: opcodes and globals by allow-list, no calls.

Torch's writer (torch/csrc/jit/serialization/pickler.cpp) uses a small part of pickle: plain values, lists,
dictionaries, tensors over numbered storages, objects of the archive's classes. This reader builds those from
numpy arrays and `PickledObject`s, and raises WrongUse for everything else.
"""

from __future__ import annotations

import pickletools
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.errors import WrongUse

Array = npt.NDArray[Any]
Storage = Callable[[str, np.dtype[Any], int], Array]  #: (key, dtype, elements) -> (elements,)

ELEMENTS = 1 << 29  #: most elements of a tensor
DEPTH = 64  #: most containers nested in one another
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


class _Global(NamedTuple):
    name: str


class _Stored(NamedTuple):
    values: Array


class _Mark:
    pass


_PLAIN = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_PUSHES = {"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "BINFLOAT", "LONG1"}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def unpickle(data: bytes, storage: Storage, where: str) -> Any:
    """One pickle as plain values, arrays (read-only views) and PickledObjects; WrongUse for anything else."""
    reader = _Reader(storage)
    try:
        value = reader.read(data)
        _check_depth(value)
    except WrongUse as error:
        raise WrongUse(error.what, where=where, hint=error.hint) from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise WrongUse(f"a damaged pickle ({error})", where=where) from None
    return value


class _Reader:
    """Pickle's stack machine without calls."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def read(self, data: bytes) -> Any:
        """The value of a whole pickle."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in opcodes that are refused later
            operations = list(pickletools.genops(data))
        for opcode, argument, at in operations:
            if opcode.name == "STOP":
                if at is not None and at + 1 != len(data):
                    raise WrongUse("bytes after the pickle's end")
                break
            self._step(opcode.name, argument)
        if len(self._stack) != 1 or isinstance(self._stack[0], (_Global, _Stored, _Mark)):
            raise WrongUse("a pickle that is not one value")
        return self._stack[0]

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _PUSHES:
            if isinstance(argument, int) and not -(1 << 63) <= argument < 1 << 63:
                raise WrongUse("a number of more than 64 bits")
            stack.append(argument)
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name == "MARK":
            stack.append(_Mark())
        elif name in _PLAIN:
            stack.append(_PLAIN[name])
        elif name in _TUPLES:
            count = _TUPLES[name]
            stack.append(tuple(self._pop(count)))
        elif name == "TUPLE":
            stack.append(tuple(self._to_mark()))
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "APPENDS":
            items = self._to_mark()
            _of(stack[-1], list).extend(items)
        elif name == "APPEND":
            (item,) = self._pop(1)
            _of(stack[-1], list).append(item)
        elif name == "SETITEMS":
            items = self._to_mark()
            self._set(items)
        elif name == "SETITEM":
            self._set(self._pop(2))
        elif name == "GLOBAL":
            stack.append(_global(argument))
        elif name == "NEWOBJ":
            cls, arguments = self._pop(2)
            if not isinstance(cls, _Global) or not _CLASS.fullmatch(cls.name) or arguments != ():
                raise WrongUse("an object of a class that the archive does not define")
            stack.append(PickledObject(cls.name.replace(" ", ".")))
        elif name == "BUILD":
            (state,) = self._pop(1)
            _build(stack[-1], state)
        elif name == "BINPERSID":
            (key,) = self._pop(1)
            stack.append(self._stored(key))
        elif name == "REDUCE":
            function, arguments = self._pop(2)
            stack.append(_reduce(function, arguments))
        elif name != "PROTO":
            raise WrongUse(f"the pickle opcode {name}, which torch never writes")

    def _pop(self, count: int) -> list[Any]:
        if count > len(self._stack):
            raise WrongUse("a damaged pickle (its stack is empty)")
        items = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        return _no_marks(items)

    def _to_mark(self) -> list[Any]:
        for at in range(len(self._stack) - 1, -1, -1):
            if isinstance(self._stack[at], _Mark):
                items = self._stack[at + 1 :]
                del self._stack[at:]
                return items
        raise WrongUse("a damaged pickle (a mark is missing)")

    def _set(self, items: list[Any]) -> None:
        target = _of(self._stack[-1], dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, (str, int, float)):
                raise WrongUse("a dictionary with keys that are not text or numbers")
            target[key] = value

    def _stored(self, key: Any) -> _Stored:
        kind, cls, name, device, count = key
        if kind != "storage" or not isinstance(cls, _Global) or cls.name not in DTYPES:
            raise WrongUse("a storage of an unknown type")
        if not isinstance(name, str) or type(count) is not int or count < 0:
            raise WrongUse("a storage without a key or a length")
        if not isinstance(device, str) or not _DEVICE.fullmatch(device):
            raise WrongUse("a storage on an unknown device")
        return _Stored(self._storage(name, DTYPES[cls.name], count))


def _no_marks(items: list[Any]) -> list[Any]:
    if any(isinstance(item, _Mark) for item in items):
        raise WrongUse("a damaged pickle (a mark where a value belongs)")
    return items


def _of(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise WrongUse(f"a damaged pickle (no {kind.__name__} to fill)")
    return value


def _global(name: str) -> _Global:
    if name not in _CALLS and name not in DTYPES and not _CLASS.fullmatch(name):
        raise WrongUse(f"its pickle asks for {name.replace(' ', '.')!r}", hint="no model needs that")
    if name.startswith(("__torch__.torch.classes", "__torch__ torch")):
        raise WrongUse(f"its pickle makes an object of {name.replace(' ', '.')!r}, which is compiled code")
    return _Global(name)


def _build(record: Any, state: Any) -> None:
    if not isinstance(record, PickledObject) or record.built:
        raise WrongUse("a damaged pickle (no object to fill)")
    if not isinstance(state, dict):
        raise WrongUse(f"{record.type} unpickles itself with code (__setstate__)")
    for key in state:
        if not isinstance(key, str) or not _FIELD.fullmatch(key):
            raise WrongUse(f"{record.type} has an attribute without a valid name")
    record.fields, record.built = state, True


def _reduce(function: Any, arguments: Any) -> Any:
    if not isinstance(function, _Global) or function.name not in _CALLS or not isinstance(arguments, tuple):
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


def _tensor(stored: Any, offset: Any, size: Any, stride: Any, gradient: Any, hooks: Any, *more: Any) -> Array:
    """A read-only view of a storage; `more` is torch's metadata, which must be empty."""
    shape = (*size, *stride, offset)
    if not isinstance(stored, _Stored) or len(size) != len(stride) or len(size) > 16 or more:
        raise WrongUse("a malformed tensor")
    if type(gradient) is not bool or hooks != {}:
        raise WrongUse("a tensor with hooks")
    if any(type(n) is not int or n < 0 for n in shape):
        raise WrongUse("a tensor of negative size, stride or offset")
    count = int(np.prod([1, *size], dtype=object))
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count > ELEMENTS or (count and last >= len(stored.values)) or offset > len(stored.values):
        raise WrongUse(f"a tensor of shape {tuple(size)} that reaches beyond its storage")
    values = stored.values
    if values.dtype == _BFLOAT16:
        values = (values.view("<u2").astype("<u4") << 16).view("<f4")
    if not count:
        return np.zeros(tuple(size), values.dtype)
    width = values.dtype.itemsize
    steps = [step * width if n > 1 else width for n, step in zip(size, stride, strict=True)]
    return np.lib.stride_tricks.as_strided(values[offset:], tuple(size), steps, writeable=False)


def _check_depth(value: Any) -> None:
    """Refuse objects that contain themselves or are nested deeper than DEPTH."""
    path: list[Any] = []  # containers above the current one
    done: set[int] = set()
    walk: list[Any] = [(value, 0)]
    while walk:
        item, depth = walk.pop()
        if isinstance(item, (PickledObject, dict, list, tuple)):
            del path[depth:]
            if depth >= DEPTH or any(item is above for above in path):
                raise WrongUse("objects that contain themselves, or are nested too deeply")
            path.append(item)
            if id(item) in done:
                continue
            done.add(id(item))
            children = item.fields if isinstance(item, PickledObject) else item
            values = children.values() if isinstance(children, dict) else children
            walk += [(child, depth + 1) for child in values]
