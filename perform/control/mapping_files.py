"""Mapping files: reading and writing TOML; comments in a file are kept.

name = "nanoKONTROL2"
device = "nanokontrol2"       # the device whose controls the file names, and whose ports it responds to

[[bind]]
control = "knob {1..8}"       # or any message: "cc 16", "note 60", "bend", "program"
to = "focus/z/{0..7}/bias"    # an address; focus/... is the deck that has the focus
range = [-3.0, 3.0]           # in the parameter's unit; left out: the parameter's range
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomlkit

from perform.control import controller_device, number_ranges
from perform.control.binding import Binding
from perform.control.controller_device import ControllerDevice
from perform.control.mapping import Mapping
from perform.core.errors import PerformError, WrongUse
from perform.core.paths import expanded, from_text, to_text
from perform.library import places, toml_files

_T = TypeVar("_T", bound=msgspec.Struct)

_BIND_HEADER = re.compile(r"^\s*\[\[\s*bind\s*\]\]", re.MULTILINE)
_NOT_IN_STEMS = re.compile(r'[/\\:*?"<>|#\x00-\x1f\x7f-\x9f]')  # a port or a set may have any name
_UNKNOWN_KEY = re.compile(r"unknown field `(.*)`", re.DOTALL)


def load(path: Path) -> Mapping:
    """[disk] Read a mapping file; WrongUse names the file, the line and what is allowed."""
    text = ""
    try:
        text = toml_files.read_bytes(path, "mapping").decode("utf-8-sig")
        raw = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        cause = _cause(error).replace("at end of document", f"at line {len(text.splitlines())}, its end")
        raise WrongUse(cause, where=str(path), hint="a mapping is a TOML file") from error
    bindings = raw.pop("bind", [])
    if not isinstance(bindings, list):
        raise WrongUse("bind must be a list", where=str(path), hint="write [[bind]] above each binding")
    known = _device_of(raw, str(path))
    if known:
        raw.setdefault("ports", list(known.ports))
    mapping = _convert(raw, Mapping, str(path))
    lines = [1 + text.count("\n", 0, found.start()) for found in _BIND_HEADER.finditer(text)]
    places_of = [f"{path}:{n}" for n in lines] if len(lines) == len(bindings) else [str(path)] * len(bindings)
    return msgspec.structs.replace(
        mapping,
        bindings=tuple(
            binding
            for table, where in zip(bindings, places_of, strict=True)
            for binding in _bindings(table, known, where)
        ),
    )


def _device_of(raw: dict[str, Any], where: str) -> ControllerDevice | None:
    """The device that a mapping names; None if it names none."""
    name = raw.get("device", "")
    try:
        return controller_device.find(name) if name and isinstance(name, str) else None
    except WrongUse as error:
        raise WrongUse(error.what, where=error.where or where, hint=error.hint) from error


def _bindings(table: Any, known: ControllerDevice | None, where: str) -> list[Binding]:
    """The bindings of one table: one, or as many as its ranges have numbers."""
    try:
        if not isinstance(table, dict):
            raise WrongUse("a binding must be a table", hint="write [[bind]] above each binding")
        port = {key: table[key] for key in ("port",) if key in table}  # its name may have braces
        ranges = {key: value for key, value in table.items() if key not in port}
        picked = [number_ranges.pick(ranges, index) | port for index in range(number_ranges.count(ranges))]
        raw = [known.resolve(one) if known else one for one in picked]
    except WrongUse as error:
        raise WrongUse(error.what, where=where, hint=error.hint) from error
    return [_convert(one, Binding, where) for one in raw]


def _cause(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "cannot be read"
    if isinstance(error, UnicodeDecodeError):
        return "the file is not UTF-8 text"
    return (
        str(error)
        if isinstance(error, tomllib.TOMLDecodeError)
        else "the file is nested too deeply or too large"
    )


def _convert(raw: Any, kind: type[_T], where: str) -> _T:
    try:
        return msgspec.convert(raw, kind, strict=True)
    except (msgspec.ValidationError, OverflowError) as error:
        keys = [field.encode_name for field in msgspec.structs.fields(kind)]
        unknown = _UNKNOWN_KEY.search(str(error))
        what = f"unknown key {unknown[1]!r}" if unknown else str(error).replace("`", "")
        raise WrongUse(what, where=where, hint=f"the keys are {', '.join(keys)}") from error
    except WrongUse as error:
        raise WrongUse(error.what, where=where, hint=error.hint) from error


def save(mapping: Mapping, path: Path, *, like: Path | None = None) -> None:
    """[disk] Write a mapping atomically, keeping the comments and the order of the file at `path`.

    like : the file whose comments and order to keep if `path` does not exist yet
    WrongUse if the existing file is not a valid mapping; that file is not changed.
    """
    source = path if path.exists() else like
    document = tomlkit.document()
    if source is not None:
        load(source)
        document = tomlkit.parse(source.read_bytes().decode("utf-8-sig"))
    _write_into(document, mapping)
    toml_files.write(path, tomlkit.dumps(document))


def _write_into(document: tomlkit.TOMLDocument, mapping: Mapping) -> None:
    """Change only the entries that differ, so that comments stay in place."""
    old = document.get("bind", [])
    named, known = _device_of(document.unwrap(), ""), _device_of({"device": mapping.device}, "")
    tables = [(tuple(_bindings(table.unwrap(), named, "")), table) for table in old]
    heads = {
        "name": (mapping.name, None),
        "device": (mapping.device, ""),
        "ports": (list(mapping.ports), list(known.ports) if known else []),
        "takeover": (mapping.takeover, "scale"),
        "extends": (mapping.extends, ""),
    }
    for key, (value, default) in heads.items():
        if document.get(key, default) != value:
            if key not in document and "bind" in document:
                document.remove("bind")  # a key behind the bindings would belong to the last one
            document[key] = value
    if old and "bind" not in document:
        document["bind"] = old
    same = named == known and mapping.bindings == tuple(it for bindings, _ in tables for it in bindings)
    if not same:
        document["bind"] = _arranged(mapping.bindings, tables if named == known else [])


def _arranged(
    bindings: tuple[Binding, ...], tables: list[tuple[tuple[Binding, ...], tomlkit.items.Table]]
) -> tomlkit.items.AoT:
    """The tables of bindings: the old one where all of its bindings are still there, side by side."""
    arranged, at = tomlkit.aot(), 0
    while at < len(bindings):
        kept = next((it for it in tables if it[0] and it[0] == bindings[at : at + len(it[0])]), None)
        if kept:
            tables.remove(kept)
            arranged.append(kept[1])
        else:
            arranged.append(tomlkit.item(msgspec.to_builtins(bindings[at])))
        at += len(kept[0]) if kept else 1
    return arranged


def available() -> dict[str, Path]:
    """[disk] Return all mappings, name -> file. The player's file hides a bundled one of the same name."""
    known: dict[str, Path] = {}
    for path in (*of_player(), *sorted(bundled().glob("*.toml"))):
        known.setdefault(to_text(path.stem), path)
    return known


def of_player() -> list[Path]:
    """[disk] Return the player's mappings."""
    return sorted(places.user("controllers").glob("*.toml"))


def bundled() -> Path:
    """Return the folder of the bundled mappings, which are never changed."""
    return places.bundled("presets") / "mappings"


def find(name: str) -> Path:
    """[disk] Find the file of a mapping by name or path; WrongUse lists the names."""
    path = expanded(from_text(name))
    if path.suffix == ".toml" and path.is_file():
        return path
    known = available()
    for stem, found in known.items():
        if stem.casefold() == to_text(name).casefold():
            return found
    raise WrongUse(
        f"no controller mapping is called {name!r}", hint=f"there are {', '.join(sorted(known)) or 'none'}"
    )


def unused_path(wanted: str) -> Path:
    """Return a path in the player's folder where no file exists; its name is about `wanted`."""
    folder = places.user("controllers")
    stem = _NOT_IN_STEMS.sub("-", to_text(wanted)).strip(". ")[:100] or "mapping"
    for name in (stem, *(f"{stem}-{n}" for n in range(2, 100))):
        if not (folder / f"{name}.toml").exists():
            return folder / f"{name}.toml"
    raise PerformError(f"too many copies of {stem}.toml", where=str(folder), hint="remove some of them")
