"""The control process's end of a process that reads one MIDI port."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections import deque
from typing import IO

from perform.control.port_reader_process import HEADER
from perform.core.no_window import NO_WINDOW
from perform.core.realtime import CONTROL_PRIORITY, request_real_time

_QUEUE = 1 << 14  #: most messages that wait for the [control] thread; the oldest are dropped
_LEAVE_S = 1.0  #: leaving the MIDI system may take this long


class PortReader:
    """One MIDI port, read by `perform.control.port_reader_process`.

    is_open  : the port is open
    is_gone  : the process has ended: the port could not be opened, or the process died
    """

    def __init__(self, api: int, port: str, arrived: threading.Event) -> None:
        """[main] Begin to open a port, by the system's name; returns at once.

        arrived : set when a message has come
        """
        self.is_open = self.is_gone = False
        self._arrived = arrived
        self._messages: deque[tuple[list[int], float]] = deque(maxlen=_QUEUE)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "perform.control.port_reader_process", str(api), port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            creationflags=NO_WINDOW,
        )
        assert self._process.stdout is not None
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    def _listen(self, pipe: IO[bytes]) -> None:
        """[a thread of each port] Decode the records of the pipe."""
        request_real_time(CONTROL_PRIORITY)
        left = b""
        while chunk := pipe.read(1 << 16):
            left += chunk
            at = 0
            while at + HEADER.size <= len(left):
                seconds, size = HEADER.unpack_from(left, at)
                end = at + HEADER.size + size
                if end > len(left):
                    break
                if size:
                    self._messages.append((list(left[at + HEADER.size : end]), seconds))
                else:
                    self.is_open = True
                at = end
            left = left[at:]
            self._arrived.set()
        self._process.wait()
        self.is_gone = True

    def get_message(self) -> tuple[list[int], float] | None:
        """[control] The next message, and the seconds since the one before; None if there is none."""
        return self._messages.popleft() if self._messages else None

    def close_port(self) -> None:
        """[main] Let the process leave the MIDI system; returns at once."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(b"q")
            self._process.stdin.close()

    def delete(self) -> None:
        """[main] Wait until it has left the MIDI system."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVE_S)
