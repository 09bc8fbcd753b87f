"""Logs what a third-party module prints: a pipe takes the place of its process's standard output.

A thread logs a few lines a second. A full pipe drops further prints, so that a print never waits and memory
does not grow.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import time
from collections.abc import Callable

from perform.core.printable import printable
from perform.core.realtime import raise_priority

LINES = 10  #: lines logged in a second
CHARACTERS = 200  #: of each line
MOST_LINES = 300  #: lines logged in all
_PIPE = 1 << 16  # bytes that a pipe holds


class ModulePrints(io.TextIOBase):
    """The standard output of this process, from now on. Make it before the sandbox, which forbids new pipes.

    Torch sends the prints of TorchScript to `sys.stdout`, and C libraries write to descriptor 1.

    log : takes a printable line
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._read_end, write_end = os.pipe()
        if hasattr(os, "set_blocking"):  # Windows has it since Python 3.12; before, a long print may wait
            os.set_blocking(write_end, False)
        os.dup2(write_end, 1)
        os.close(write_end)
        sys.stdout = self

    def write(self, text: str) -> int:
        """[render] Write what fits into the pipe; it never waits and never fails."""
        with contextlib.suppress(OSError):
            os.write(1, text.encode(errors="replace"))
        return len(text)

    def start(self) -> None:
        """Start the thread that reads, inside the sandbox."""
        threading.Thread(target=self._read, name="prints", daemon=True).start()

    def _read(self) -> None:
        # it inherits the priority of a host that began idle, and the voices wait for its interpreter
        raise_priority(threading.get_native_id())
        left = MOST_LINES
        while left > 0:
            # only what is logged is decoded: meanwhile the voices wait for the interpreter
            lines = [line for line in os.read(self._read_end, _PIPE).splitlines() if line.strip()]
            for line in lines[: min(LINES, left)]:
                text = line[: 4 * CHARACTERS].decode(errors="replace")  # UTF-8 has up to 4 bytes a character
                self._log(printable(text)[:CHARACTERS])
            if len(lines) > LINES:
                self._log(f"(and {len(lines) - LINES} more lines)")
            left -= LINES if len(lines) > LINES else len(lines)
            time.sleep(1.0)
        self._log("(it prints too much; the rest is left out)")
