"""An arena, an arena into which the test source plays, and recorder processes that end with the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from recorder_rig import RATE, Process, feed

from perform.core.arena import Arena


@pytest.fixture
def arena(tmp_path: Path) -> Arena:
    made = Arena.create(tmp_path / "run" / "arena")
    made.set_meter("rate", RATE)
    return made


@pytest.fixture
def live(arena: Arena) -> Iterator[Arena]:
    """The arena, with the source playing into its history in real time."""
    stop = threading.Event()

    def play() -> None:
        began = time.monotonic()
        while not stop.wait(0.005):
            feed(arena, int((time.monotonic() - began) * RATE) - arena.history.written)

    thread = threading.Thread(target=play)
    thread.start()
    yield arena
    stop.set()
    thread.join()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """start(arena, folders) -> a recorder process that ends with the test."""
    running: list[Process] = []

    def run(arena: Arena, folders: list[Path], **how: Any) -> Process:
        running.append(Process(arena, folders, tmp_path / "recorder.log", **how))
        return running[-1]

    yield run
    for process in running:
        process.end()
