"""`perform models import` in another process, which gets only unused processor time. [disk, slow]

It needs torch and takes a while, and the set plays meanwhile.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

from perform.core.no_window import NO_WINDOW
from perform.core.printable import printable

_VERB = "from perform.cli import main; main()"
_IDLE_VERB = f"""
from perform.core.realtime import lower_priority
lower_priority()
{_VERB}
"""
_IDLE_PRIORITY = 0x40  # of Windows

Process = subprocess.Popen[str]


def import_model(words: Sequence[str], on_start: Callable[[Process], None]) -> tuple[int, list[str]]:
    """Run `perform models import` with these words; return its exit code and the lines of its messages.

    on_start : gets the process, which may be terminated
    The lines can be shown as they are: printable, without `perform: ` or `Error: ` before an error. There is
    at least one if the import failed; the last line says why.
    ValueError: a word cannot be given to a process. OSError: no process can be started.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _IDLE_VERB, "models", "import", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        creationflags=NO_WINDOW | (_IDLE_PRIORITY if sys.platform == "win32" else 0),
    )
    on_start(process)
    lines = [_plain(line) for line in process.communicate()[1].strip().splitlines()]
    code = process.returncode
    return code, lines or ([f"the import ended with {code}"] if code else [])


def _plain(line: str) -> str:
    return printable(line).removeprefix("Error: ").removeprefix("perform: ")
