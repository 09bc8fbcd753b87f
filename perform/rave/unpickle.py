"""Reads the pickles of a TorchScript archive as data: opcodes and globals by allow-list, no calls.

Torch's writer (torch/csrc/jit/serialization/pickler.cpp) uses a small part of pickle: plain values, lists,
dictionaries, tensors over numbered storages, objects of the archive's classes. This reader builds those from
numpy arrays and `PickledObject`s, and raises WrongUse for everything else.
"""

from __future__ import annotations

import pickletools
import warnings
from typing import Any

from perform.core.errors import WrongUse
from perform.rave.pickled_values import (
    PickledGlobal,
    PickledObject,
    PickledStorage,
    Storage,
    build,
    global_named,
    new_object,
    reduced,
    stored,
)

DEPTH = 64  #: most containers nested in one another
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
        if len(self._stack) != 1 or isinstance(self._stack[0], (PickledGlobal, PickledStorage, _Mark)):
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
            stack.append(global_named(argument))
        elif name == "NEWOBJ":
            stack.append(new_object(*self._pop(2)))
        elif name == "BUILD":
            (state,) = self._pop(1)
            build(stack[-1], state)
        elif name == "BINPERSID":
            (key,) = self._pop(1)
            stack.append(stored(key, self._storage))
        elif name == "REDUCE":
            stack.append(reduced(*self._pop(2)))
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


class _Mark:
    pass


def _no_marks(items: list[Any]) -> list[Any]:
    if any(isinstance(item, _Mark) for item in items):
        raise WrongUse("a damaged pickle (a mark where a value belongs)")
    return items


def _of(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise WrongUse(f"a damaged pickle (no {kind.__name__} to fill)")
    return value


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
