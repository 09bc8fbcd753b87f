"""Requests to a helper process and its answers: lines of JSON with float32 values, over stdin and stdout.

`HelperProcess` asks, `serve` answers. A request is {"call": name, ...arguments}. An answer has the fields
that the handler returns, or {"error": {kind, what, where, hint}}. Values follow their line as raw float32;
the key "values" holds their number.

The helper may run code that is not trusted. So its answers are checked, and every text in them is made
printable here, before anyone can show it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.errors import PerformError, WrongUse
from perform.core.no_window import NO_WINDOW
from perform.core.printable import printable

Values = npt.NDArray[np.float32]

NO_VALUES: Values = np.zeros(0, np.float32)
MAX_LINE = 1 << 24  #: bytes of a line
MAX_VALUES = 1 << 26  #: values of a message
_MAX_TEXT = 500  # characters of each text of an error


class Message(NamedTuple):
    """JSON fields and float32 values (n,)."""

    fields: dict[str, Any]
    values: Values = NO_VALUES


class Pipe:
    """[any] One end of the connection; one thread at a time."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source, self._sink = source, sink

    def send(self, message: Message) -> None:
        """Write a message. OSError: the other end has closed."""
        values = np.ascontiguousarray(message.values, np.float32)
        line = json.dumps(message.fields | {"values": values.size}).encode()
        self._sink.write(line + b"\n" + values.tobytes())
        self._sink.flush()

    def receive(self) -> Message | None:
        """Read the next message; None after the last.

        EOFError: the other end closed within a message. ValueError: too long, or not a message.
        """
        line = self._source.readline(MAX_LINE)
        if not line:
            return None
        if not line.endswith(b"\n"):
            raise ValueError("a line too long") if len(line) == MAX_LINE else EOFError("a line cut short")
        try:
            fields = json.loads(line)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(fields, dict) or not isinstance(count := fields.pop("values", None), int):
            raise ValueError("not a message")
        if not 0 <= count <= MAX_VALUES:
            raise ValueError(f"a message of {count} values")
        data = self._source.read(4 * count)
        if len(data) < 4 * count:
            raise EOFError("values cut short")
        return Message(fields, np.frombuffer(data, np.float32))


class HelperProcess:
    """[any] A Python module that runs as a process and answers requests. It ends when this object does.

    module  : run by `python -m`, with `arguments`
    name    : of the helper in error messages: "the model"
    where, hint : of error messages; without a `where`, the helper's own is shown
    timeout : seconds for an answer, after which the process is killed
    quiet   : drop what the helper prints
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        name: str,
        where: str = "",
        hint: str = "",
        timeout: float | None = None,
        quiet: bool = False,
    ) -> None:
        self._name, self._where, self._hint, self._timeout = name, where, hint, timeout
        self._lock, self._timed_out = threading.Lock(), False
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            creationflags=NO_WINDOW,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._pipe = Pipe(self._process.stdout, self._process.stdin)
        self.close = weakref.finalize(self, _kill, self._process)  #: ends the process

    @property
    def ended(self) -> bool:
        """The process has ended, so that every further request fails."""
        return self._process.poll() is not None

    def ask(self, call: str, values: Values = NO_VALUES, **arguments: object) -> Message:
        """Make a request and return its answer; threads take turns.

        PerformError: the helper answered with an error, has ended, or took too long. WrongUse stays WrongUse.
        """
        with self._lock, self._time_limit():
            try:
                self._pipe.send(Message({"call": call, **arguments}, values))
                answer = self._pipe.receive()
            except (OSError, EOFError):
                answer = None
            except ValueError:
                self.close()  # the next answer could not be told from the rest of this one
                text = f"{self._name} gave an answer that cannot be read"
                raise PerformError(text, where=self._where, hint=self._hint) from None
        if answer is None:
            raise PerformError(self._why_ended(), where=self._where, hint=self._hint)
        fields = _printable(answer.fields)
        if "error" in fields:
            raise self._error(fields["error"])
        return Message(fields, answer.values)

    def _error(self, given: object) -> PerformError:
        fields = given if isinstance(given, dict) else {"what": given}
        what, where, hint = (str(fields.get(key, ""))[:_MAX_TEXT] for key in ("what", "where", "hint"))
        kind = WrongUse if fields.get("kind") == WrongUse.__name__ else PerformError
        return kind(what, where=self._where or where, hint=hint)

    @contextlib.contextmanager
    def _time_limit(self) -> Iterator[None]:
        if self._timeout is None:
            yield
            return
        timer = threading.Timer(self._timeout, self._time_out)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _time_out(self) -> None:
        self._timed_out = True
        self._process.kill()

    def _why_ended(self) -> str:
        if self._timed_out:
            return f"{self._name} did not answer within {self._timeout:g} s"
        try:
            code = self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            return f"{self._name}'s process closed its pipe without an answer"
        if code == -getattr(signal, "SIGXCPU", 0):
            return f"{self._name} hung: its process ended when its processor time was used up"
        return f"{self._name}'s process ended ({f'signal {-code}' if code < 0 else f'exit {code}'})"


def serve(handlers: Mapping[str, Callable[..., Message]], fatal: Collection[str] = ()) -> None:
    """[main] Answer requests on stdin until it closes; prints of libraries go to stderr.

    handlers : call -> handler(values, **arguments); a PerformError of it is sent as the answer
    fatal    : calls that end this process when they fail
    """
    pipe = Pipe(sys.stdin.buffer, os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    while request := pipe.receive():
        call, failed = request.fields.pop("call"), False
        try:
            answer = handlers[call](request.values, **request.fields)
        except PerformError as error:
            failed = True
            kind = WrongUse if isinstance(error, WrongUse) else PerformError
            texts = {"what": error.what, "where": error.where, "hint": error.hint}
            answer = Message({"error": {"kind": kind.__name__} | texts})
        try:
            pipe.send(answer)
        except OSError:  # the asking process has ended
            return
        if failed and call in fatal:
            return


def _printable(value: Any) -> Any:
    """Make every text in a JSON value printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): _printable(item) for key, item in value.items()}
    return value


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):  # a sandbox forbids killing; the end of its stdin ends the process too
        process.kill()
        process.wait()
