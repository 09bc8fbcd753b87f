"""Requests to a helper process and its answers: lines of JSON with float32 values, over stdin and stdout.

`HelperProcess` is the asking side, `serve` the answering one. A request is {"call": name, ...arguments}; an
answer is whatever the handler returns, or {"error": {what, where, hint}}. Values follow their line as raw
float32; the key "values" holds their number.
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

from perform.core.errors import PerformError

Values = npt.NDArray[np.float32]

NO_VALUES: Values = np.zeros(0, np.float32)
MAX_LINE = 1 << 24  #: bytes of a line
MAX_VALUES = 1 << 26  #: values of a message
_MAX_TEXT = 500  # letters of an error's text: a helper may run code that is not trusted


class Message(NamedTuple):
    """Fields, as JSON has them, and float32 values (n,)."""

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
        """Read the next message; None after the last. ValueError: cut short, too long, or not a message."""
        line = self._source.readline(MAX_LINE)
        if not line:
            return None
        fields = json.loads(line)
        if not isinstance(fields, dict) or not isinstance(count := fields.pop("values", None), int):
            raise ValueError("not a message")
        if not 0 <= count <= MAX_VALUES:
            raise ValueError(f"a message of {count} values")
        data = self._source.read(4 * count)
        if len(data) < 4 * count:
            raise ValueError("a message cut short")
        return Message(fields, np.frombuffer(data, np.float32))


class HelperProcess:
    """[any] A Python module that runs as a process and answers requests. It ends when this object does.

    module  : what `python -m` runs, with `arguments`
    name    : of the helper in error messages: "the model"
    where   : for error messages; by default the helper says it
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

        PerformError: the helper answered with an error, has ended, or took too long.
        """
        with self._lock, self._time_limit():
            try:
                self._pipe.send(Message({"call": call, **arguments}, values))
                answer = self._pipe.receive()
            except (OSError, ValueError):
                answer = None
        if answer is None:
            raise PerformError(self._why_ended(), where=self._where, hint=self._hint)
        if "error" in answer.fields:
            what, where, hint = (
                str(answer.fields["error"][key])[:_MAX_TEXT] for key in ("what", "where", "hint")
            )
            raise PerformError(what, where=self._where or where, hint=hint)
        return answer

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
            return f"{self._name}'s process ended, or gave no answer that can be read"
        if code == -getattr(signal, "SIGXCPU", 0):
            return f"{self._name} hung: its process ended when its processor time was used up"
        return f"{self._name}'s process ended ({f'signal {-code}' if code < 0 else f'exit {code}'})"


def serve(handlers: Mapping[str, Callable[..., Message]], fatal: Collection[str] = ()) -> None:
    """[main] Answer requests on stdin until it closes. What libraries print goes to stderr.

    handlers : call -> handler(values, **arguments); its PerformError is sent as the answer
    fatal    : calls whose error ends this process
    """
    pipe = Pipe(sys.stdin.buffer, os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    while request := pipe.receive():
        call, failed = request.fields.pop("call"), False
        try:
            answer = handlers[call](request.values, **request.fields)
        except PerformError as error:
            failed = True
            answer = Message({"error": {"what": error.what, "where": error.where, "hint": error.hint}})
        try:
            pipe.send(answer)
        except OSError:  # the asking process has ended
            return
        if failed and call in fatal:
            return


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):  # a sandbox forbids it; the end of its stdin ends the process too
        process.kill()
        process.wait()
