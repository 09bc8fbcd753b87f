"""The stage's server: what it does when a client leaves, sends nonsense, or an answer cannot be sent."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from multiprocessing.connection import Client as connect
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pytest

from perform.stage.commands import Answer, AnyCommand, GetStatus, Learn
from perform.stage.server import Server

Taken = queue.SimpleQueue[AnyCommand]


@pytest.fixture
def taken() -> Taken:
    return queue.SimpleQueue()


@pytest.fixture
def server(tmp_path: Path, taken: Taken) -> Iterator[Server]:
    def take(command: AnyCommand, reply: Callable[[Answer], None]) -> None:
        taken.put(command)
        if isinstance(command, GetStatus):
            reply(Answer("half a character \ud800"))
        elif isinstance(command, Learn) and command.address == "raise":
            raise RuntimeError("an error of ours")
        else:
            reply(Answer("done"))

    made = Server(tmp_path, take)
    yield made
    made.close()


def ask(line: Connection, command: AnyCommand) -> Answer:
    line.send_bytes(msgspec.json.encode(command))
    assert line.poll(10), "no answer"
    return msgspec.json.decode(line.recv_bytes(), type=Answer)


def test_learning_ends_with_the_client_that_began_it(server: Server, taken: Taken) -> None:
    line = connect(server.address, authkey=server.key.encode())
    assert ask(line, Learn("xfade")).value == "done"
    line.close()  # as a killed screen does
    assert taken.get(timeout=10) == Learn("xfade")
    assert taken.get(timeout=10) == Learn("", only="xfade")
    line = connect(server.address, authkey=server.key.encode())
    ask(line, Learn("xfade")), ask(line, Learn(""))
    line.close()
    other = connect(server.address, authkey=server.key.encode())
    ask(other, Learn("deck/1/gain"))
    assert [taken.get(timeout=10) for _ in range(3)] == [Learn("xfade"), Learn(""), Learn("deck/1/gain")]


def test_an_answer_that_cannot_be_sent_is_an_error_and_the_line_goes_on(server: Server) -> None:
    line = connect(server.address, authkey=server.key.encode())
    assert "cannot be sent" in ask(line, GetStatus()).error
    assert ask(line, Learn("")).value == "done"


@pytest.mark.parametrize(
    "request_bytes", [b"", b"\xff\xfe", b"{}", b'{"type": "Learn", "address": "\\ud800"}']
)
def test_nonsense_is_refused_and_the_line_goes_on(server: Server, request_bytes: bytes) -> None:
    line = connect(server.address, authkey=server.key.encode())
    line.send_bytes(request_bytes)
    assert line.poll(10)
    assert msgspec.json.decode(line.recv_bytes(), type=Answer).exit_code == 2
    assert ask(line, Learn("")).value == "done"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_of_ours_closes_the_line(server: Server) -> None:
    """A client that waits for ever is worse than one that is told."""
    line = connect(server.address, authkey=server.key.encode())
    line.send_bytes(msgspec.json.encode(Learn("raise")))
    assert line.poll(10)
    with pytest.raises(EOFError):
        line.recv_bytes()
