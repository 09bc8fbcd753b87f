"""The screen in a pseudo-terminal of 256 colours: whatever signal ends it, the terminal is as before."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

SCRIPT = """
import sys, time
from pathlib import Path
from stand_in import FakeStage, deck, play, status
from perform.tui import terminal
stage = FakeStage(Path(sys.argv[1]), status(deck("bells", 8)))
play(stage)
print("left by", terminal.run(stage))
"""
MODE = re.compile(rb"\x1b\[\?(1000|1003|1006|1049|2004)([hl])")  #: mouse, other screen, bracketed paste


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_leaves_the_terminal_as_it_was(tmp_path: Path, name: str) -> None:
    main, end = pty.openpty()
    before = termios.tcgetattr(end)
    colours = {name: value for name, value in os.environ.items() if name != "COLORTERM"}
    screen = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        stdin=end, stdout=end, stderr=end, cwd=Path(__file__).parent, start_new_session=True,
        env=colours | {"TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    drawn, sent, deadline = b"", False, time.monotonic() + 60
    while screen.poll() is None or select.select([main], [], [], 0.1)[0]:
        assert time.monotonic() < deadline, drawn[-2000:]
        if select.select([main], [], [], 0.05)[0]:
            drawn += os.read(main, 65536)
        if not sent and b"?1000h" in drawn and b"LIVE" in drawn:
            sent = True
            screen.send_signal(getattr(signal, name))
    modes = dict(MODE.findall(drawn))
    assert modes[b"1000"] == b"l"
    assert set(modes.values()) == {b"l"}, modes
    assert termios.tcgetattr(end)[3] == before[3], "lines and echo as before"
    assert b"left by leave" in drawn
    assert b"38;5;" in drawn and b"38;2;" not in drawn, "only the colours that the terminal has"
    os.close(main)
    os.close(end)
