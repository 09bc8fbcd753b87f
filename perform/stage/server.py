"""The stage's server: a local socket (a named pipe on Windows) that accepts commands, one JSON line each.

The key is in the stage's address file (mode 0600). Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path

import msgspec

from perform.core import json_bytes
from perform.core.errors import WrongUse
from perform.core.printable import printable
from perform.stage.commands import Answer, AnyCommand, Learn

SOCKET_PATH = 100  #: bytes of the longest socket path that every system accepts
REFUSED_S = 0.05  #: pause after a client that could not be accepted: no descriptor may be free for a while
LONGEST = 1 << 16  #: largest command, bytes
ANSWER_S = 15.0  #: the longest a client waits for an answer


class Server:
    """[server] A thread that accepts, and one for each client.

    take : called with each command and the function that answers it, on the client's thread
    """

    def __init__(self, runtime: Path, take: Callable[[AnyCommand, Callable[[Answer], None]], None]) -> None:
        self._take = take
        self.key = secrets.token_hex(16)
        self._folder: Path | None = None  # of the socket, where the runtime folder's path is too long for one
        if sys.platform == "win32":
            address = rf"\\.\pipe\perform-{secrets.token_hex(8)}"
        else:
            address = str(runtime / "socket")
            if len(os.fsencode(address)) > SOCKET_PATH:
                self._folder = Path(tempfile.mkdtemp(prefix="perform-"))
                address = str(self._folder / "socket")
            Path(address).unlink(missing_ok=True)
        self._listener, self._closed = Listener(address), False
        self.address = address
        threading.Thread(target=self._accept, name="server", daemon=True).start()

    def _accept(self) -> None:
        while not self._closed:
            try:
                line = self._listener.accept()
            except (OSError, EOFError):
                time.sleep(REFUSED_S)  # the client left before it was accepted, or no descriptor is free
                continue
            threading.Thread(target=self._serve, args=(line,), name="client", daemon=True).start()

    def _serve(self, line: Connection) -> None:
        """Check the key on both sides, then answer commands until the client disconnects.

        Learning that a client began ends with its connection: a screen may be killed.
        """
        key, learning = self.key.encode(), ""
        try:
            deliver_challenge(line, key)
            answer_challenge(line, key)
            while True:
                try:
                    command: AnyCommand = json_bytes.decode(line.recv_bytes(LONGEST), AnyCommand)
                except msgspec.DecodeError as error:
                    answer = Answer(error=str(WrongUse(f"not a command: {error}")), exit_code=2)
                else:
                    learning = command.address if isinstance(command, Learn) else learning
                    answer = self._answer(command)
                line.send_bytes(_encoded(answer))
        except (OSError, EOFError, AuthenticationError):
            pass  # the client has left, or has another key
        except Exception:  # a mistake in our own code
            for text in traceback.format_exc().splitlines():
                print(printable(text), file=sys.stderr, flush=True)
        finally:  # also after a mistake in our own code, or the client would hang
            line.close()
            if learning:
                self._take(Learn("", only=learning), lambda answer: None)

    def _answer(self, command: AnyCommand) -> Answer:
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._take(command, answers.put)
        try:
            return answers.get(timeout=ANSWER_S)
        except queue.Empty:
            return Answer(error=f"the stage did not answer {type(command).__name__} in time", exit_code=1)

    def close(self) -> None:
        """Accept no more clients."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.close()
            if self._folder:
                self._folder.rmdir()


def _encoded(answer: Answer) -> bytes:
    try:
        return json_bytes.encode(answer)
    except (ValueError, TypeError) as error:  # half a character
        return json_bytes.encode(Answer(error=f"the answer cannot be sent: {error!r}", exit_code=1))
