"""The stage's server: what it does when a client leaves, sends nonsense, or an answer cannot be sent."""

from __future__ import annotations

import os
import queue
import socket
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Client as connect
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pytest

from perform.core import json_bytes
from perform.stage import client as client_module
from perform.stage.client import STAGE_FILE, Client, StageAddress, StageGone
from perform.stage.commands import Answer, AnyCommand, GetStatus, Learn
from perform.stage.lock import Lock
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
            raise RuntimeError("an error of ours \x1b[31m")
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


def test_an_error_of_ours_closes_the_line_and_is_logged(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """A client that waits for ever is worse than one that is told."""
    line = connect(server.address, authkey=server.key.encode())
    line.send_bytes(msgspec.json.encode(Learn("raise")))
    assert line.poll(10)
    with pytest.raises(EOFError):
        line.recv_bytes()
    logged = capsys.readouterr().err
    assert "an error of ours" in logged and "\x1b" not in logged


unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has named pipes")


@unix
def test_a_stage_that_is_stopped_keeps_no_client_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system accepts connections for a process that does nothing; then nobody answers."""
    monkeypatch.setattr(client_module, "ASK_S", 0.3)
    tmp_path.chmod(0o700)
    lock = Lock(tmp_path)
    assert lock.take()
    with socket.socket(socket.AF_UNIX) as stopped:
        stopped.bind(str(tmp_path / "socket"))
        stopped.listen(1)
        address = StageAddress(os.getpid(), str(tmp_path / "socket"), "key", "")
        (tmp_path / STAGE_FILE).write_bytes(json_bytes.encode(address))
        (tmp_path / STAGE_FILE).chmod(0o600)
        for _ in range(4):  # more than wait in the socket's queue
            with pytest.raises(StageGone, match="does not answer"):
                Client(tmp_path)
    lock.release()


@unix
def test_a_folder_whose_name_is_longer_in_bytes_than_in_letters(tmp_path: Path) -> None:
    letters = 100 - len(str(tmp_path / "x" / "socket"))
    runtime = tmp_path / ("é" * letters + "x")
    runtime.mkdir()
    assert len(str(runtime / "socket")) <= 100
    assert len(os.fsencode(runtime / "socket")) > 108
    made = Server(runtime, lambda command, reply: reply(Answer("done")))
    try:
        assert ask(connect(made.address, authkey=made.key.encode()), Learn("")).value == "done"
    finally:
        made.close()


@unix
def test_a_server_without_a_free_descriptor_waits_and_goes_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    tries, accept = [], server._listener.accept
    monkeypatch.setattr(server._listener, "accept", lambda: tries.append(1) or accept())
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_UNIX) as client:
        os.close(free := os.dup(0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
        try:
            client.connect(server.address)
            time.sleep(0.5)
            tried = len(tries)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert 0 < tried < 20, "it must try again, after a pause"
    assert ask(connect(server.address, authkey=server.key.encode()), Learn("")).value == "done"
