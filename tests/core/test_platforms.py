"""Other systems: their types are checked here. And each thread priority can be set on this one."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from perform.core.realtime import RENDER_PRIORITY, lower_priority, raise_priority, request_real_time


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_types_are_right_on_other_systems(system: str) -> None:
    command = [sys.executable, "-m", "mypy", "--platform", system]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_thread_can_have_each_priority() -> None:
    """Real time may be refused; nothing may raise, and a thread that was lowered comes back."""
    found: list[bool] = []
    lowered, raised = threading.Event(), threading.Event()

    def work() -> None:
        found.append(request_real_time(RENDER_PRIORITY))
        lower_priority()
        lowered.set()
        raised.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert lowered.wait(10)
    raise_priority(thread.native_id)
    raised.set()
    thread.join()
    raise_priority(thread.native_id)  # it has ended: nothing happens
    assert found in ([True], [False])
