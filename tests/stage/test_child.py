"""A child that must always run: how it is started again, and when it is killed."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import until

from perform.core.messages.control_messages import LearnControl
from perform.stage import child as child_module
from perform.stage.child import Child, ChildEvent, KeptChild


class Nursery:
    """Starts real child processes that wait for the end of their orders."""

    def __init__(self, folder: Path) -> None:
        self.log = (folder / "log").open("wb")
        self.events: queue.SimpleQueue[ChildEvent] = queue.SimpleQueue()
        self.started: list[Child] = []
        self.beat = 0.0
        self.error: Exception | None = None

    def spawn(self) -> Child:
        if self.error:
            raise self.error
        self.started.append(Child(self.events, self.log, "tests.stage.waiting_child"))
        return self.started[-1]

    def close(self) -> None:
        for child in self.started:
            child.kill()
            child.wait(5)
        self.log.close()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    made = Nursery(tmp_path)
    yield made
    made.close()


def test_what_raises_while_starting_is_tried_again_after_longer_pauses(nursery: Nursery) -> None:
    """Fourteen recorders a second, without HOME: never again."""
    kept, tries = KeptChild(nursery.spawn, lambda: nursery.beat), 0
    nursery.error = OSError("no room")
    ends = time.monotonic() + 1.0
    while time.monotonic() < ends:
        try:
            kept.tick(1.0)
        except OSError:
            tries += 1
        time.sleep(0.001)
    assert tries == 3, "at once, at once again, after 0.3 s; the next one comes after a second more"
    assert kept.child is None
    nursery.error = None
    until(lambda: kept.tick(1.0), 5, "a child")


def test_a_child_without_a_beat_yet_is_given_time_to_start(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as long at each try; after its first beat it must not stop for longer than `stall`."""
    monkeypatch.setattr(KeptChild, "START_S", 0.2)
    monkeypatch.setattr(KeptChild, "PAUSES", (0.0,))
    kept = KeptChild(nursery.spawn, lambda: nursery.beat)
    lived = []
    for _ in range(3):
        assert kept.tick(0.05)
        began, child = time.monotonic(), nursery.started[-1]
        until(lambda c=child: kept.tick(0.05) or c.exit_code is not None, 5, "killed at last")
        lived.append(time.monotonic() - began)
        assert kept.handle_death(child)
    assert 0.15 < lived[0] < lived[1] < lived[2] and lived[2] > 0.75
    assert kept.tick(0.05)
    nursery.beat = 1.0
    kept.tick(0.05)
    began, child = time.monotonic(), nursery.started[-1]
    until(lambda: kept.tick(0.05) or child.exit_code is not None, 5, "killed for its silence")
    assert time.monotonic() - began < 1.5, "it had begun to work"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process")
def test_a_child_that_reads_no_orders_never_stalls_the_stage_and_is_killed(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe holds 64 kB; the one who kills a stopped process must not wait for it."""
    monkeypatch.setattr(child_module, "MOST_ORDERS", 200)
    threads, child = threading.active_count(), nursery.spawn()
    os.kill(child.pid, signal.SIGSTOP)
    order, began = LearnControl("x" * 1000), time.monotonic()
    for _ in range(200):
        child.order(order)
    assert time.monotonic() - began < 2.0
    assert child.exit_code is None
    until(lambda: child.order(order) or child.exit_code is not None, 10, "killed")
    assert nursery.events.get(timeout=10) == ChildEvent(child, None)
    until(lambda: threading.active_count() == threads, 10, "its threads have ended")
