"""JSON of structs whose texts may hold paths: every byte of a path survives.

On Linux a file name may have bytes that are not UTF-8. Python reads each as a lone surrogate (PEP 383), which
msgspec refuses. Here it is written as a JSON escape, `\\udce9`. That takes longer, so only where needed.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import msgspec


def encode(value: object) -> bytes:
    """Return a value as JSON. UnicodeEncodeError: a text has half a character that stands for no byte."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(_checked(msgspec.to_builtins(value))).encode()


def decode(data: bytes | str, kind: Any) -> Any:
    """Read JSON as a `kind`. msgspec.DecodeError: it is not one, or a text has half a character."""
    if isinstance(data, str):
        data = data.encode(errors="surrogateescape")
    try:
        return _decoder(kind).decode(data)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        if rb"\ud" not in data.lower():
            raise msgspec.DecodeError(str(error)) from error
        return msgspec.convert(_loaded(data), kind)


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _loaded(data: bytes) -> Any:
    try:
        return _checked(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def _checked(value: Any) -> Any:
    """Return the value; UnicodeEncodeError if a lone surrogate in it stands for no byte."""
    json.dumps(value, ensure_ascii=False).encode(errors="surrogateescape")
    return value
