"""A signal ends the stage, also if it arrives while the stage waits for an event."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time

import pytest

from perform.stage.commands import Quit
from perform.stage.supervisor import Request, Stage

WAIT_S = 0.02


@pytest.mark.skipif(sys.platform == "win32", reason="no signal can be sent there")
def test_a_signal_wakes_a_stage_that_waits_for_an_event() -> None:
    """A busy machine: the wait has already timed out when the handler has run."""
    stage = Stage.__new__(Stage)
    stage._events, stage._ending = queue.SimpleQueue(), False

    def interrupt(*_: object) -> None:
        time.sleep(2 * WAIT_S)
        stage._interrupt()

    before = signal.signal(signal.SIGUSR1, interrupt)
    threading.Timer(WAIT_S / 2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    rescue = threading.Timer(5, stage._events.put, (None,))
    rescue.start()
    try:
        event = stage._events.get(timeout=WAIT_S)
    finally:
        rescue.cancel()
        signal.signal(signal.SIGUSR1, before)
    assert isinstance(event, Request) and isinstance(event.command, Quit)
    assert stage._ending
