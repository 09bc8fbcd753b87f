"""TOML files as typed values. Unknown keys and wrong types are refused, with one clear line.

A file that is saved again keeps its comments, and the order of unchanged parts.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomlkit
from tomlkit.items import AoT, Table

from perform.core.errors import PerformError, WrongUse
from perform.core.files import write_atomically

LIMIT = 1 << 23  #: bytes of a file: 128 songs, each with eight loops of half a minute

_T = TypeVar("_T", bound=msgspec.Struct)


def read(path: Path, kind: type[_T], page: str = "sets") -> _T:
    """Read a TOML file as a `kind`. WrongUse: names the fault, the file, and the key or line.

    page : of the manual, which describes the format
    """
    name = kind.__name__.removeprefix("Player").lower()
    try:
        data = read_bytes(path, name)
        return msgspec.convert(tomllib.loads(data.decode("utf-8-sig")), kind)
    except OSError as error:
        raise WrongUse(f"cannot be read ({error.strerror})", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise WrongUse(f"not a {name}: not UTF-8 text", where=str(path)) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise WrongUse(
            f"invalid TOML: {error}", where=str(path), hint=f"`perform docs {page}` describes the format"
        ) from error
    except msgspec.ValidationError as error:
        hint = f"its keys are {', '.join(kind.__struct_encode_fields__)}"
        if "- at `$" in str(error):  # the fault is in a table, which has other keys
            hint = f"`perform docs {page}` describes the format"
        raise WrongUse(f"not a {name}: {error}", where=str(path), hint=hint) from error


def read_bytes(path: Path, name: str) -> bytes:
    """[disk] Read a file, called a `name`. WrongUse: it has more than LIMIT bytes; no more are read."""
    with path.open("rb") as file:
        data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        what = f"too large for a {name} (more than {LIMIT >> 20} MiB)"
        raise WrongUse(what, where=str(path), hint="perform writes no such file: choose another one")
    return data


def write(path: Path, text: str) -> None:
    """[disk] Write a file atomically. PerformError: it cannot be written, or would be too large to read."""
    # each reused table keeps the blank lines after it: do not let them grow
    try:
        data = re.sub(r"\n{3,}", "\n\n", text).encode()
    except UnicodeEncodeError as error:
        raise PerformError(f"it has a text that cannot be written ({error})", where=str(path)) from error
    if len(data) > LIMIT:
        what = f"too large to be read again ({len(data) / 2**20:.1f} MiB, the limit is {LIMIT >> 20})"
        raise PerformError(what, where=str(path), hint="remove some loops, or split it in two")
    try:
        write_atomically(path, data, private=True)
    except OSError as error:
        raise PerformError("cannot be written", where=str(path), hint=error.strerror or str(error)) from error


def rewritten(text: str, values: Mapping[str, Any], long: str = "") -> str:
    """Return a TOML text with other `values`, and the comments and layout of `text` as far as possible.

    long : a key of long lists of lists of numbers. They bypass tomlkit, which takes 50 us for each byte
    TOMLKitError: `text` is not TOML.
    """
    lists = _LongLists(long)
    document = tomlkit.parse(lists.hide_in(text))  # first, so that equal lists keep their layout
    hidden = lists.hide(values)
    update(document, hidden)
    made = tomlkit.dumps(document)
    with contextlib.suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(made) == hidden:
            return lists.restore(made)
    document = tomlkit.document()  # the layout could not be kept: write it anew, without comments
    update(document, hidden)
    return lists.restore(tomlkit.dumps(document))


class _LongLists:
    """Replaces long lists in a document by short placeholders, and restores them. Equal lists share one."""

    def __init__(self, key: str) -> None:
        self._key, self._mark = key, secrets.token_hex(8)
        self._texts: list[str] = []
        self._placeholders: dict[str, str] = {}  # list in `_plain` form -> placeholder

    def _placeholder(self, value: object, text: str) -> str:
        plain = _plain(value)
        if plain not in self._placeholders:
            self._placeholders[plain] = f"{self._mark}.{len(self._texts)}"
            self._texts.append(text)
        return self._placeholders[plain]

    def hide_in(self, text: str) -> str:
        """Replace the lists in a text; each must have its lines for itself."""
        head = rf"(?m)^(\s*{re.escape(self._key)}\s*=\s*)"
        return re.sub(head + _ROWS, self._hide_match, text) if self._key else text

    def _hide_match(self, match: re.Match[str]) -> str:
        try:
            value = tomllib.loads(f"x = {match[2]}")["x"]
        except tomllib.TOMLDecodeError:
            return match[0]
        return f'{match[1]}"{self._placeholder(value, match[2])}"'

    def hide(self, values: Any) -> Any:
        """Replace the lists in values."""
        if isinstance(values, Mapping):
            return {
                key: self._placeholder(value, _plain(value))
                if key == self._key and value
                else self.hide(value)
                for key, value in values.items()
            }
        return [self.hide(value) for value in values] if isinstance(values, list) else values

    def restore(self, text: str) -> str:
        """Restore the lists, in the layout that they had, else in one line."""
        return re.sub(rf'"{self._mark}\.(\d+)"', lambda match: self._texts[int(match[1])], text)


#: a list of lists of numbers in TOML
_ROWS = r"(\[\s*(?:\[[-+.\deE_,\s]*\][\s,]*)+\])"


def _plain(rows: object) -> str:
    """Write lists of lists of numbers in one line."""
    assert isinstance(rows, list)
    return str([[float(number) for number in row] for row in rows])


def update(table: Table | tomlkit.TOMLDocument, values: Mapping[str, Any], key: str = "name") -> None:
    """Make a table equal to plain values; equal parts keep their layout and comments.

    key : identifies the tables of a list, in any order
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
    """Return whether an updated table is read back right: tomlkit fails with some dotted keys."""
    document, alone = tomlkit.document(), tomlkit.aot()
    alone.append(item)
    document["item"] = alone
    with contextlib.suppress(tomllib.TOMLDecodeError):
        return bool(tomllib.loads(tomlkit.dumps(document))["item"] == [value])
    return False


def _fresh(value: Any) -> Any:
    """Return a plain value as TOML that a person would write: a table for each mapping."""
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
