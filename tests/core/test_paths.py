"""Paths whose bytes are not UTF-8: as text, in JSON, and for libraries."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.core import json_bytes
from perform.core.messages.message_lines import decode_order, encode
from perform.core.messages.recorder_messages import StartTake
from perform.core.paths import from_text, native, to_text
from perform.core.printable import printable

names = st.binary(min_size=1, max_size=30).filter(lambda b: b"\0" not in b and b"/" not in b).map(os.fsdecode)


class Path2(msgspec.Struct, frozen=True):
    """A struct of a path and its parts."""

    path: str
    parts: tuple[str, ...] = ()


@pytest.mark.skipif(sys.platform == "win32", reason="names of Windows are text")
@settings(max_examples=200, derandomize=True)
@given(names)
def test_every_name_of_a_file_survives_json_and_text(name: str) -> None:
    value = Path2(name, (name, "é"))
    assert json_bytes.decode(json_bytes.encode(value), Path2) == value
    assert os.fsencode(from_text(to_text(name))) == os.fsencode(name)
    to_text(name).encode()  # UTF-8 holds it
    assert printable(name).isprintable()
    assert native(Path(name)) == os.fsencode(Path(name))


def test_json_without_such_bytes_is_that_of_msgspec() -> None:
    value = Path2("café", ("\x1b", "日本"))
    assert json_bytes.encode(value) == msgspec.json.encode(value)


@pytest.mark.parametrize(
    "data", [b'{"path": "\\ud800"}', b'{"path": "\\udfff"}', b'{"path": "\xff"}', b"[" * 100_000, b"{", b""]
)
def test_half_characters_and_nonsense_are_decode_errors(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        json_bytes.decode(data, Path2)
    with pytest.raises(ValueError, match="surrogates not allowed"):
        json_bytes.encode(Path2("\ud800"))


def test_wrong_types_and_unknown_tags_are_refused_beside_such_bytes() -> None:
    for data in (b'{"path": 1, "parts": ["\\udce9"]}', b'{"parts": ["\\udce9"]}'):
        with pytest.raises(msgspec.ValidationError):
            json_bytes.decode(data, Path2)


def test_an_order_with_such_a_path_arrives() -> None:
    order = StartTake("caf\udce9", ("master",), "pcm24", "")
    line = encode(order)
    assert line.isascii() and line.count("\n") == 1
    assert decode_order(line) == order


def test_a_name_reads_alike_on_the_screen_in_a_set_and_when_typed() -> None:
    assert printable("caf\udce9.wav") == to_text("caf\udce9.wav") == "caf�e9.wav"
    assert from_text("caf�e9.wav") == "caf\udce9.wav"
    assert printable("\ud800") == "�"
