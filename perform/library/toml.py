"""TOML files as typed values: unknown keys and wrong types are refused, each with one clear line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from perform.errors import WrongUse

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
