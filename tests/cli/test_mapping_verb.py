"""`perform mapping show`: what a running stage says about its controllers, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from perform.cli import main
from perform.core import json_bytes
from perform.core.messages.control_messages import BindingRow
from perform.stage.client import STAGE_FILE, StageAddress
from perform.stage.commands import Answer, AnyCommand, ListMapping
from perform.stage.lock import Lock
from perform.stage.server import Server

ROWS = (
    BindingRow(
        "Box", "knob 1", "1:CC16", "focus/z/0/bias", "absolute", "scale", "device", "box", audible=True
    ),
    BindingRow("Box", "1:CC9", "1:CC9", "deck/1/mute", "toggle", "", "player", "my box"),
    BindingRow("Pedal", "sustain", "CC64", "song/go", "trigger", "", "generic", "generic", "song dawn"),
)


@pytest.fixture
def rows(runtime: Path) -> Iterator[list[BindingRow]]:
    """The bindings of a stage that answers as a real one does; a test may change them."""
    listed = list(ROWS)

    def take(command: AnyCommand, reply: Callable[[Answer], None]) -> None:
        assert command == ListMapping()
        reply(Answer(bindings=tuple(listed)))

    lock = Lock(runtime)
    assert lock.take()
    server = Server(runtime, take)
    address = StageAddress(1, server.address, server.key, "")
    (runtime / STAGE_FILE).write_bytes(json_bytes.encode(address))
    yield listed
    server.close()
    lock.release()


def shown(*words: str) -> str:
    done = CliRunner().invoke(main, ["mapping", "show", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_each_device_has_a_table_with_what_moves_and_why(rows: list[BindingRow]) -> None:
    assert shown().split("\n") == [
        "Box",
        "  knob 1  1:CC16  focus/z/0/bias  absolute, scale, audible  device box",
        "  1:CC9           deck/1/mute     toggle                    player my box",
        "Pedal",
        "  sustain  CC64  song/go  trigger  hidden by song dawn",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "kept"), [("pedal", ()), ("Pedal", (2,)), ("deck/", (1,)), ("CC", (0, 1, 2))]
)
def test_a_text_chooses_rows(rows: list[BindingRow], text: str, kept: tuple[int, ...]) -> None:
    listed = json.loads(shown(text, "--json"))
    assert listed == [msgspec.to_builtins(ROWS[i]) for i in kept]
    if not kept:
        assert shown(text) == f"no control has {text!r}\n"


def test_json_has_every_field_of_every_row(rows: list[BindingRow]) -> None:
    listed = json.loads(shown("--json"))
    assert [msgspec.convert(row, BindingRow) for row in listed] == list(ROWS)
    assert listed[2]["hidden_by"] == "song dawn"


def test_without_a_controller_it_says_so(rows: list[BindingRow]) -> None:
    rows.clear()
    assert shown() == "no controller is connected\n"
    assert json.loads(shown("--json")) == []
