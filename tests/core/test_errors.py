"""The line that a user reads for an error."""

from __future__ import annotations

import pytest

from perform.core.errors import PerformError, WrongUse


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PerformError("no sound"), "no sound"),
        (PerformError("no sound", where="a.wav"), "a.wav: no sound"),
        (PerformError("no sound", hint="try b.wav"), "no sound; try b.wav"),
        (WrongUse("no\n  sound", where="a.wav", hint="try\tb.wav"), "a.wav: no sound; try b.wav"),
        (WrongUse("\x1b[31mred\x07", where="\u202ea.wav", hint="\x9bb"), "a.wav: [31mred; b"),
    ],
)
def test_an_error_is_one_line_without_control_characters(error: PerformError, line: str):
    assert str(error) == line


def test_wrong_use_has_its_own_exit_code():
    assert (PerformError("").exit_code, WrongUse("").exit_code) == (1, 2)


def test_a_line_stays_short_whatever_text_it_quotes() -> None:
    line = str(WrongUse(f"unknown key {'x' * 60_000}", where="/a.toml", hint="y" * 60_000))
    assert line.startswith("/a.toml: unknown key xxx") and len(line) < 2100
