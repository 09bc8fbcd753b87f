"""Mapping files: TOML, read and written with their comments kept. Data, never code.

name = "nanoKONTROL2"
ports = ["nanoKONTROL2"]      # fragments of port names it responds to; none: every port

[[bind]]
control = "cc 16"             # "cc 0".."cc 119", "note 0".."note 127", "bend", "program"
to = "focus/z/0/bias"         # an address; focus/... is the deck that has the focus
range = [-3.0, 3.0]           # plain units; left out: the parameter's range
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomlkit

from perform.control.binding import Binding
from perform.control.mapping import Mapping
from perform.core.errors import WrongUse
from perform.library import places, toml_files

_T = TypeVar("_T", bound=msgspec.Struct)

_BIND_HEADER = re.compile(r"^\s*\[\[\s*bind\s*\]\]", re.MULTILINE)
_UNKNOWN_KEY = re.compile(r"unknown field `(.*)`", re.DOTALL)


def load(path: Path) -> Mapping:
    """[disk] Read a mapping file; WrongUse gives file, line and what is allowed."""
    text = ""
    try:
        text = path.read_bytes().decode()
        raw = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        cause = _cause(error).replace("at end of document", f"at line {len(text.splitlines())}, its end")
        raise WrongUse(cause, where=str(path), hint="a mapping is a TOML file") from error
    binds = raw.pop("bind", [])
    if not isinstance(binds, list):
        raise WrongUse("bind must be a list", where=str(path), hint="write [[bind]] above each")
    frame = _convert(raw, Mapping, str(path))
    lines = [1 + text.count("\n", 0, found.start()) for found in _BIND_HEADER.finditer(text)]
    places_of = [f"{path}:{n}" for n in lines] if len(lines) == len(binds) else [str(path)] * len(binds)
    return msgspec.structs.replace(
        frame,
        binds=tuple(_convert(bind, Binding, where) for bind, where in zip(binds, places_of, strict=True)),
    )


def _cause(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "cannot be read"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    return str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it is too deep or too large"


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
    """[disk] Write a mapping atomically, keeping comments and order of the file at `path`.

    like : the file whose text to start from if `path` does not exist yet
    WrongUse if the existing file is not a legal mapping; it stays as it is.
    """
    source = path if path.exists() else like
    document = tomlkit.document()
    if source is not None:
        load(source)
        document = tomlkit.parse(source.read_bytes().decode())
    _write_into(document, mapping)
    toml_files.write(path, tomlkit.dumps(document))


def _write_into(document: tomlkit.TOMLDocument, mapping: Mapping) -> None:
    """Change only what differs."""
    if document.get("name") != mapping.name:
        document["name"] = mapping.name
    if tuple(document.get("ports", ())) != mapping.ports:
        document["ports"] = list(mapping.ports)
    old = document.get("bind", [])
    tables = {msgspec.convert(table.unwrap(), Binding): table for table in old}
    if tuple(tables) == mapping.binds:
        return
    binds = tomlkit.aot()
    for bind in mapping.binds:
        binds.append(tables.pop(bind, None) or tomlkit.item(msgspec.to_builtins(bind)))
    document["bind"] = binds


def available() -> dict[str, Path]:
    """[disk] Name -> file of every mapping; the player's own hide bundled ones of the same name."""
    known: dict[str, Path] = {}
    for folder in (places.user("controllers"), bundled()):
        for path in sorted(folder.glob("*.toml")):
            known.setdefault(path.stem, path)
    return known


def bundled() -> Path:
    """Folder of the mappings that ship with perform; they are never changed."""
    return places.bundled("presets") / "controllers"


def find(name: str) -> Path:
    """[disk] The file of a mapping, by name or path; WrongUse lists the names."""
    path = Path(name).expanduser()
    if path.suffix == ".toml" and path.is_file():
        return path
    known = available()
    for stem, found in known.items():
        if stem.casefold() == name.casefold():
            return found
    raise WrongUse(
        f"no controller mapping is called {name!r}", hint=f"there are {', '.join(sorted(known)) or 'none'}"
    )
