"""TOML files as typed values: unknown keys and wrong types are refused, each with one clear line.

Written back, a file keeps its comments and the order of what did not change.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomlkit
from tomlkit.items import AoT, Table

from perform.errors import PerformError, WrongUse

LIMIT = 1 << 20  #: bytes; nobody writes a larger set or mapping by hand

_T = TypeVar("_T", bound=msgspec.Struct)


def read(path: Path, kind: type[_T]) -> _T:
    """A TOML file as a `kind`; WrongUse says what is wrong, in which file, at which key or line."""
    name = kind.__name__.lower()
    try:
        data = path.read_bytes()
        if len(data) > LIMIT:
            raise WrongUse(f"too large for a {name} ({len(data)} bytes)", where=str(path))
        return msgspec.convert(tomllib.loads(data.decode()), kind)
    except OSError as error:
        raise WrongUse(f"cannot be read ({error.strerror})", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise WrongUse(f"not a {name}: not UTF-8 text", where=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise WrongUse(
            f"broken TOML: {error}", where=str(path), hint="see docs/sets.md for the format"
        ) from error
    except msgspec.ValidationError as error:
        hint = f"its keys are {', '.join(kind.__struct_encode_fields__)}"
        if "- at `$" in str(error):  # deeper down: those are not the keys it takes there
            hint = f"docs/{name}s.md shows what goes there"
        raise WrongUse(f"not a {name}: {error}", where=str(path), hint=hint) from error


def write(path: Path, document: tomlkit.TOMLDocument) -> None:
    """[disk] Put a document in the place of a file, whole or not at all; PerformError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                # tables taken over keep the blank lines after them: not one more each time
                file.write(re.sub(r"\n{3,}", "\n\n", tomlkit.dumps(document)).encode())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise PerformError("cannot be written", where=str(path), hint=error.strerror or str(error)) from error


def update(table: Table | tomlkit.TOMLDocument, values: Mapping[str, Any], key: str = "name") -> None:
    """Make a table equal to plain values; what is equal already stays as it is written, comments and all.

    key : what tells the tables of a list apart, wherever they stand
    """
    for gone in [name for name in table if name not in values]:
        del table[gone]
    for name, value in values.items():
        old = table.get(name)
        if isinstance(value, Mapping) and isinstance(old, Table):
            update(old, value, key)
        elif _tables(value) and isinstance(old, AoT):
            if [item.unwrap() for item in old] != value:
                table[name] = _list(old, value, key)
        elif (
            old is None
            or tomlkit.item(old).unwrap() != value
            or type(tomlkit.item(old).unwrap()) is not type(value)
        ):
            table[name] = _fresh(value)


def _tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _list(old: AoT, values: list[dict[str, Any]], key: str) -> AoT:
    known = list(old)
    fresh = tomlkit.aot()
    for value in values:
        item = next((t for t in known if t.unwrap() == value), None)
        item = item or next((t for t in known if t.get(key) == value.get(key)), None)
        if item is None:
            fresh.append(_fresh(value))
            continue
        known = [t for t in known if t is not item]
        update(item, value, key)
        fresh.append(item if _reads_back(item, value) else _fresh(value))
    return fresh


def _reads_back(item: Table, value: Mapping[str, Any]) -> bool:
    """Whether a table that was updated in place says what it should: dotted keys do not always bear it."""
    document, alone = tomlkit.document(), tomlkit.aot()
    alone.append(item)
    document["item"] = alone
    with contextlib.suppress(tomllib.TOMLDecodeError):
        return bool(tomllib.loads(tomlkit.dumps(document))["item"] == [value])
    return False


def _fresh(value: Any) -> Any:
    """A plain value as TOML that a person would write: a table for a mapping, one each in a list of them."""
    if isinstance(value, Mapping):
        table = tomlkit.table()
        for name, inner in value.items():
            table.append(name, _fresh(inner))
        return table
    if _tables(value):
        tables = tomlkit.aot()
        for item in value:
            tables.append(_fresh(item))
        return tables
    return tomlkit.item(value)
