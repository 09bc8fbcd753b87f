"""Requests to a helper process: values, errors, a helper that dies, answers that cannot be read."""

from __future__ import annotations

import io
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perform.core import pipe
from perform.core.errors import PerformError, WrongUse
from perform.core.pipe import HelperProcess, Message, Pipe

HELPER = """
import os, sys
import numpy as np
from perform.core.errors import PerformError, WrongUse
from perform.core.pipe import Message, serve

def double(values, add=0.0):
    print("a library prints this")
    os.write(1, b"and a C library this\\n")
    return Message({"count": values.size}, 2 * values + add)

def echo(values):
    return Message({}, values)

def fail(values, kind, what="no such model", where="choir.ts", hint="try another"):
    kinds = {"wrong": WrongUse, "failed": PerformError, "below": BelowWrongUse}
    raise kinds[kind](what, where=where, hint=hint)

class BelowWrongUse(WrongUse):
    pass

def crash(values):
    raise ZeroDivisionError

def leave(values, code):
    os._exit(code)

def kill(values):
    os.kill(os.getpid(), 9)

def say(values, text):
    return Message({"name": text, text: [text, {"deep": text}], "number": 1.5, "none": None})

handlers = [double, echo, fail, crash, leave, kill, say]
serve({handler.__name__: handler for handler in handlers} | {"fatal": fail}, fatal=["fatal"])
"""

RAW = """
import sys, time
sys.stdin.readline()
sys.stdout.buffer.write({answer})
sys.stdout.buffer.flush()
if {wait}:
    time.sleep(60)
"""

Start = Callable[..., HelperProcess]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Start a helper process from its source; all of them end with the test."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    started: list[HelperProcess] = []

    def start(source: str = HELPER, **options: object) -> HelperProcess:
        (tmp_path / "helper_source.py").write_text(source)
        started.append(HelperProcess("helper_source", name="the helper", quiet=True, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for helper in started:
        helper.close()


def until_ended(helper: HelperProcess) -> None:
    limit = time.monotonic() + 20
    while not helper.ended and time.monotonic() < limit:
        time.sleep(0.01)
    assert helper.ended


@pytest.mark.parametrize("count", [0, 1, 16, 255, 1023, 2049, 8193, 100_003])
def test_values_of_any_number_go_there_and_back_unchanged(start: Start, count: int):
    helper = start()
    sent = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    for _ in range(3):
        fields, values = helper.ask("double", sent)
        assert fields == {"count": count}
        np.testing.assert_array_equal(values, 2 * sent)
        assert values.dtype == np.float32


def test_values_larger_than_a_pipe_buffer_block_neither_side(start: Start):
    sent = np.arange(1 << 20, dtype=np.float32)  # 4 MiB; a pipe holds 64 KiB
    np.testing.assert_array_equal(start().ask("double", sent).values, 2 * sent)


def test_nan_infinity_and_minus_zero_keep_their_bits(start: Start):
    sent = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], np.float32)
    assert start().ask("echo", sent).values.tobytes() == sent.tobytes()


def test_arguments_arrive_by_name(start: Start):
    assert start().ask("double", np.ones(2, np.float32), add=0.5).values.tolist() == [2.5, 2.5]


@pytest.mark.parametrize(
    ("kind", "expected"), [("wrong", WrongUse), ("failed", PerformError), ("below", WrongUse)]
)
def test_an_error_keeps_its_kind_and_texts_and_the_helper_goes_on(
    start: Start, kind: str, expected: type[PerformError]
):
    helper = start()
    with pytest.raises(PerformError) as caught:
        helper.ask("fail", kind=kind)
    assert type(caught.value) is expected
    assert caught.value.exit_code == expected.exit_code
    assert str(caught.value) == "choir.ts: no such model; try another"
    assert helper.ask("double", np.ones(3, np.float32)).fields == {"count": 3}


def test_the_place_given_by_the_caller_replaces_the_helpers_own(start: Start):
    with pytest.raises(WrongUse, match=r"^here\.ts: no such model"):
        start(where="here.ts").ask("fail", kind="wrong")


def test_a_long_error_text_is_cut(start: Start):
    with pytest.raises(PerformError) as caught:
        start().ask("fail", kind="failed", what="x" * 10_000)
    assert caught.value.what == "x" * 500


def test_an_error_of_a_fatal_call_ends_the_helper(start: Start):
    helper = start()
    with pytest.raises(WrongUse, match="no such model"):
        helper.ask("fatal", kind="wrong")
    until_ended(helper)


HOSTILE = "\x1b[2J\x1b]0;owned\x07gain\r\nnew\tline\x9b31m\u202etxt\x00\x7f"
HARMLESS = "[2J]0;ownedgain  new line31mtxt"


def test_text_from_a_helper_comes_without_control_characters(start: Start):
    fields = start().ask("say", text=HOSTILE).fields
    assert fields == {
        "name": HARMLESS,
        HARMLESS: [HARMLESS, {"deep": HARMLESS}],
        "number": 1.5,
        "none": None,
    }


def test_text_in_any_language_stays_as_it_is(start: Start):
    text = "Größe ピアノ 🎹 z0 → z1"
    assert start().ask("say", text=text).fields["name"] == text


def test_the_texts_of_an_error_come_without_control_characters(start: Start):
    with pytest.raises(WrongUse) as caught:
        start().ask("fail", kind="wrong", what=HOSTILE, where=HOSTILE, hint=HOSTILE)
    assert (caught.value.what, caught.value.where, caught.value.hint) == (HARMLESS,) * 3


@pytest.mark.parametrize(
    ("call", "arguments", "text"),
    [
        ("crash", {}, "the helper's process ended (exit 1); load it again"),
        ("no such call", {}, "the helper's process ended (exit 1); load it again"),
        ("leave", {"code": 7}, "the helper's process ended (exit 7); load it again"),
        pytest.param(
            *("kill", {}, "the helper's process ended (signal 9); load it again"),
            marks=pytest.mark.skipif(os.name == "nt", reason="no signals"),
        ),
    ],
)
def test_a_helper_that_dies_is_reported_and_every_further_request_fails(
    start: Start, call: str, arguments: dict[str, object], text: str
):
    helper = start(hint="load it again")
    for _ in range(2):
        with pytest.raises(PerformError) as caught:
            helper.ask(call, **arguments)
        assert str(caught.value) == text
        assert type(caught.value) is PerformError
    assert helper.ended


UNREADABLE = {
    "no JSON": r"b'a stray print\n'",
    "a list": r"b'[]\n'",
    "a number": r"b'3\n'",
    "no count of values": r"b'{}\n'",
    "a count that is text": r"""b'{"values": "4"}\n'""",
    "a negative count": r"""b'{"values": -1}\n'""",
    "a fraction as count": r"""b'{"values": 1.5}\n'""",
    "a count beyond the limit": r"""b'{"values": 99999999999}\n'""",
    "two things in a line": r"""b'{"values": 0} more\n'""",
    "no UTF-8": r"b'\xff\xfe\n'",
    "nested too deeply": r"b'[' * 200_000 + b'\n'",
}


@pytest.mark.parametrize("answer", list(UNREADABLE.values()), ids=list(UNREADABLE))
def test_an_answer_that_cannot_be_read_ends_the_helper(start: Start, answer: str):
    helper = start(RAW.format(answer=answer, wait=True))
    with pytest.raises(PerformError, match="the helper gave an answer that cannot be read"):
        helper.ask("anything")
    until_ended(helper)
    with pytest.raises(PerformError, match="ended"):
        helper.ask("anything")


@pytest.mark.parametrize("answer", [b"", b'{"val', b'{"values": 8}\n' + bytes(31)])
def test_a_helper_that_dies_within_an_answer_is_reported_by_its_exit(start: Start, answer: bytes):
    with pytest.raises(PerformError, match=r"^the helper's process ended \(exit 0\)$"):
        start(RAW.format(answer=repr(answer), wait=False)).ask("anything")


@pytest.mark.parametrize("error", [b'"text"', b"5", b"{}", b"null", b'{"what": ["list"]}'])
def test_an_error_of_the_wrong_shape_is_still_an_error(start: Start, error: bytes):
    with pytest.raises(PerformError):
        start(RAW.format(answer=repr(b'{"values": 0, "error": ' + error + b"}\n"), wait=True)).ask("anything")


def test_a_helper_that_does_not_answer_in_time_is_killed(start: Start):
    helper = start(RAW.format(answer='b""', wait=True), timeout=0.3)
    with pytest.raises(PerformError, match=r"the helper did not answer within 0\.3 s"):
        helper.ask("anything")
    until_ended(helper)


def test_a_helper_ends_when_its_object_does(start: Start, monkeypatch: pytest.MonkeyPatch):
    processes: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def note(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        processes.append(real(*arguments, **options))  # type: ignore[call-overload]
        return processes[-1]

    monkeypatch.setattr(pipe.subprocess, "Popen", note)
    helper = HelperProcess("json.tool", name="the helper", quiet=True)
    assert processes[0].poll() is None
    del helper
    assert processes[0].wait(20) is not None


def test_a_line_longer_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pipe, "MAX_LINE", 64)
    with pytest.raises(ValueError, match="too long"):
        Pipe(io.BytesIO(b'{"values": 0, "x": "' + b"x" * 100 + b'"}\n'), io.BytesIO()).receive()


def test_messages_follow_each_other_without_a_gap():
    written = io.BytesIO()
    sender = Pipe(io.BytesIO(), written)
    for count in (3, 0, 7):  # the bytes of these values contain line ends: 10 is "\n"
        sender.send(Message({"n": count}, np.full(count, np.frombuffer(b"\n\n\n\n", np.float32)[0])))
    receiver = Pipe(io.BytesIO(written.getvalue()), io.BytesIO())
    for count in (3, 0, 7):
        message = receiver.receive()
        assert message is not None
        assert message.fields == {"n": count}
        assert message.values.tobytes() == b"\n\n\n\n" * count
    assert receiver.receive() is None
