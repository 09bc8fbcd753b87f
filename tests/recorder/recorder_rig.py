"""A test source whose frames are computed from their position, and a real recorder process."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from perform.core.arena import Arena
from perform.core.arena_layout import NAMES
from perform.core.ring_buffers import Audio
from perform.recorder.gesture_log import FORMAT, GestureHeader

RATE = 48_000
DEADLINE = 20.0  #: seconds after which a wait has failed
Steps = npt.NDArray[np.int32]


def steps(start: int, frames: int) -> Steps:
    """Frames of the source as 24-bit steps, (frames, 2)."""
    i = np.arange(start, start + frames, dtype=np.uint64)[:, None] + np.uint64(1)
    mixed = i * np.array([2_654_435_761, 40_503_000_047], np.uint64)
    return ((mixed >> np.uint64(7)) % np.uint64(1 << 24)).astype(np.int32) - (1 << 23)


def source(start: int, frames: int) -> Audio:
    """The same frames as in the history buffer: every step is exact in float32."""
    return (steps(start, frames) / np.float32(1 << 23)).astype(np.float32)


def header(tracks: list[str], samples: str = "pcm24") -> GestureHeader:
    """A header of a gesture log."""
    return GestureHeader(
        format=FORMAT,
        perform="test",
        set="demo",
        made="2026-11-22T21:03:11",
        rate=RATE,
        block=256,
        position=0,
        began=0,
        part=1,
        tracks=tracks,
        samples=samples,
        names=list(NAMES),
    )


def until(done: Callable[[], Any]) -> None:
    """Poll until done; fail after DEADLINE."""
    end = time.monotonic() + DEADLINE
    while not done():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


@contextlib.contextmanager
def full_at(size: int) -> Iterator[None]:
    """Limit the size of files: a longer write fails as on a full disk. Not on Windows."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


SHIFT = 7_777  #: frames of the source from one track to the next


def feed(arena: Arena, frames: int) -> None:
    """Play more frames of the source at once; each further track is SHIFT frames ahead of the last."""
    while frames:
        n = min(frames, 4096)
        at = arena.history.written
        if arena.meter("tracks/on"):
            for i, name in enumerate(list(arena.tracks)[1:], 1):
                arena.tracks[name].write_ahead(source(at + i * SHIFT, n))
        arena.history.write(source(at, n))
        if arena.meter("tracks/on") != arena.meter("tracks/seen"):
            arena.set_meter("tracks/from", arena.history.written)
            arena.set_meter("tracks/seen", arena.meter("tracks/on"))
        frames -= n


def track_steps(arena: Arena, track: str, start: int, frames: int) -> Steps:
    """Frames of a track from a frame of the history on."""
    return steps(start + list(arena.tracks).index(track) * SHIFT, frames)


class Process:
    """A real recorder process, with its orders and reports."""

    def __init__(self, arena: Arena, folders: list[Path], log: Path, retro: float = 0.0, **how: Any) -> None:
        with log.open("ab") as stderr:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "perform.recorder.recorder_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                **how,
            )
        self.reports: list[dict[str, Any]] = []
        self._news: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.order("OpenRecorder", arena=str(arena.path), folders=[str(f) for f in folders], retro=retro)

    def _listen(self) -> None:
        assert self.child.stdout
        for line in self.child.stdout:
            self._news.put(json.loads(line))

    def order(self, order: str, **fields: Any) -> None:
        assert self.child.stdin
        self.child.stdin.write(json.dumps({**fields, "order": order}) + "\n")
        self.child.stdin.flush()

    def wait(self, kind: str) -> dict[str, Any]:
        """Wait for the next report of a kind; `reports` has all reports so far."""
        end = time.monotonic() + DEADLINE
        while True:
            report = self._news.get(timeout=max(0.01, end - time.monotonic()))
            self.reports.append(report)
            if report["report"] == kind:
                return report

    def end(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait(DEADLINE)
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe and not pipe.closed:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
