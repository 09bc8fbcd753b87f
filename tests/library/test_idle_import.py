"""An import in another process says what it did as the command line does, without its prefixes."""

from __future__ import annotations

from pathlib import Path

import pytest

from perform.library import idle_import
from perform.library.idle_import import import_model


@pytest.mark.parametrize(
    ("words", "says"),
    [([], "/no\x1b[2J/x.ts: no such file"), (["--rate", "5"], "Invalid value for '--rate': 5 is not in")],
)
def test_an_error_is_a_line_for_the_screen(
    own_places: None, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.setattr(idle_import, "_IDLE_VERB", idle_import._VERB)  # tests leave no idle time
    code, lines = import_model(["/no\x1b[2J/x.ts", *words], lambda process: None)
    assert code == 2
    assert lines[-1].startswith(says.replace("\x1b", ""))
    assert all(line.isprintable() for line in lines)


def test_a_process_that_was_ended_says_so(own_places: None) -> None:
    code, lines = import_model([str(Path("x.ts"))], on_start=lambda process: process.kill())
    assert code != 0
    assert lines == [f"the import ended with {code}"]
