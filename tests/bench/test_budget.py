"""The budget of the code that plays: Python calls, memory and wake-ups for each block and frame, not seconds.

The numbers are what the code needs today and a tenth more. Raise one only for something that players hear.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_model

from perform.audio import mixer_process
from perform.audio.mixer import Mixer
from perform.core import memory_order
from perform.core.arena import Arena
from perform.core.arena_layout import CLOCK, LANE, LANES, lanes_of
from perform.core.lifeline import Lifeline
from perform.core.messages.host_messages import StartVoice
from perform.core.messages.message_lines import AnyOrder
from perform.core.params import SLOTS, SOURCES
from perform.core.table_reader import TableReader
from perform.engine.compiled_model import CompiledModel
from perform.offline.render import render
from perform.offline.transfer import Transfer
from perform.voice import scheduler as scheduling
from perform.voice.assignments import Assignments
from perform.voice.scheduler import Scheduler
from perform.voice.voice import render_applied
from perform.voice.voice_lane import VoiceLane

RATE, BLOCK = 48000, 256
OVERSLEPT_S = 0.0001  #: a process wakes a little late


@pytest.fixture(autouse=True)
def no_fences(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budgets are those of a processor that needs no fences; on others each fence is a few calls more."""
    monkeypatch.setattr(memory_order, "FENCES", False)


def calls(work: Callable[[], object]) -> int:
    """Calls of Python and C functions in `work`."""
    counted = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def memory(work: Callable[[], object]) -> int:
    """Bytes that `work` has allocated at once."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


class PlayingMixer:
    """A mixer whose decks always have enough sound."""

    def __init__(self, arena: Arena, decks: int) -> None:
        self._arena, self._lanes = arena, [lanes_of(deck)[0] for deck in range(1, decks + 1)]
        for lane in self._lanes:
            arena.lanes[lane, [LANE["live"], LANE["gate"]]] = 1
        self.mixer, self.out = Mixer(arena, RATE, opening=(1.0, 1.0)), np.zeros((BLOCK, 2), np.float32)
        for _ in range(30):  # until all fades are over
            self.feed()
            self.fill()

    def feed(self) -> None:
        for lane in self._lanes:
            self._arena.rings[lane].write(np.full((BLOCK, 2), 0.05, np.float32))
        log = self._arena.event_logs[LANES]
        log.release(log.oldest + len(log.read(log.oldest)))

    def fill(self) -> None:
        self.mixer.fill(self.out)


@pytest.mark.parametrize(("decks", "budget"), [(0, 62), (2, 172), (8, 343)])
def test_calls_of_a_mixers_block(arena: Arena, decks: int, budget: int) -> None:
    playing = PlayingMixer(arena, decks)
    playing.feed()
    assert calls(playing.fill) <= budget
    assert np.abs(playing.out).max() > 0 or not decks


FIRST_BLOCK = """
import sys
from pathlib import Path
import numpy as np
from perform.audio.mixer import Mixer
from perform.core.arena import Arena
mixer, before = Mixer(Arena.create(Path(sys.argv[1])), 48000), set(sys.modules)
mixer.fill(np.zeros((256, 2), np.float32))
print(*set(sys.modules) - before)
"""


def test_the_first_block_of_a_mixer_imports_nothing(tmp_path: Path) -> None:
    """An import in the audio callback takes tens of milliseconds: `numpy.ma` came with `np.isin`."""
    command = [sys.executable, "-c", FIRST_BLOCK, str(tmp_path / "arena")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_memory_of_a_mixers_block(arena: Arena) -> None:
    playing = PlayingMixer(arena, 8)
    playing.feed()
    assert memory(playing.fill) < 20 * BLOCK * 2 * 8  # twenty blocks of float64


def test_calls_of_a_voices_frame(arena: Arena, tmp_path: Path) -> None:
    model = CompiledModel(tiny_model(tmp_path / "tiny.safetensors"))
    arena.table[SLOTS["deck/1/source"]] = SOURCES.index("walk")
    reader = TableReader(arena)
    lane = VoiceLane(arena, reader, 0, 1, model, RATE, {}, Assignments(model, print))

    def frame() -> None:
        reader.update()
        lane.update()
        lane.write(render_applied(model, [lane.voice], [lane.table])[0])

    for _ in range(5):
        frame()
    assert calls(frame) <= 179


def test_calls_of_a_transfers_frame(tmp_path: Path) -> None:
    model = CompiledModel(tiny_model(tmp_path / "tiny.safetensors"))
    transfer = Transfer(model.encoder, model, RATE, RATE)
    x = np.random.default_rng(0).normal(0.0, 0.1, (128 * model.card.ratio, 1)).astype(np.float32)
    transfer.feed(x)
    assert calls(lambda: transfer.feed(x)) <= 24 * 128


def test_calls_of_an_offline_render(tiny_models: Path, tmp_path: Path) -> None:
    """Per second of two decks, each with 375 frames: what two seconds take more than one."""
    song = 'name = "a"\n[[songs]]\nname = "b"\ndecks = { 1 = "bells", 2 = "choir" }\n'
    values = 'values."deck/1/source" = "walk"\nvalues."deck/2/source" = "loop"\n'
    (tmp_path / "a.toml").write_text(song + values)

    def rendered(seconds: float) -> None:
        out = tmp_path / f"{seconds}.wav"
        render(str(tmp_path / "a.toml"), out, seconds, seed=1, rate=RATE, on_progress=lambda done: None)

    rendered(0.5)  # the graphs are made
    assert calls(lambda: rendered(2.0)) - calls(lambda: rendered(1.0)) <= 91_000


class Enough(Exception):
    """The test has seen enough."""


def test_the_clock_mixer_wakes_seldom_until_a_deck_begins(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It mixes many blocks of silence at once, and one block at a time from the first deck on."""
    arena.set_meter("owner", CLOCK)
    now, frames = 100.0, [0]

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        frames.append(arena.history.written)
        if len(frames) == 30:
            arena.lanes[0, [LANE["live"], LANE["gate"]]] = 1
        if len(frames) == 40:
            raise Enough

    monkeypatch.setattr(mixer_process, "request_real_time", lambda priority: True)
    monkeypatch.setattr(mixer_process, "_stop_garbage_collection", lambda: None)
    monkeypatch.setattr(mixer_process.time, "sleep", sleep)
    monkeypatch.setattr(mixer_process.time, "monotonic", lambda: now)
    with pytest.raises(Enough):
        mixer_process.run_clock(Reports(), arena, RATE, BLOCK, threading.Event())  # type: ignore[arg-type]
    taken = np.diff(frames)
    assert taken[28] == mixer_process.SILENT_FRAMES and (taken[30:] == BLOCK).all()
    assert abs(frames[-1] - (now - 100.0) * RATE) <= mixer_process.SILENT_FRAMES
    assert arena.meter("burst") == arena.meter("block") == BLOCK


class Reports:
    """A lifeline that nobody reads."""

    def report(self, report: object) -> None:
        pass


class ClockedOrders:
    """An order queue in virtual time: while the scheduler waits, a mixer takes a block each 5.3 ms."""

    def __init__(self, arena: Arena, lane: int) -> None:
        self._arena, self._ring = arena, arena.rings[lane]
        self.now, self._next_block = 100.0, 100.01
        self.waits = self.late = self.taken = 0

    def empty(self) -> bool:
        return True

    def get(self, timeout: float) -> AnyOrder:
        self.waits += 1
        self.now += timeout + OVERSLEPT_S
        while self._next_block <= self.now:
            got = self._ring.read(np.zeros((BLOCK, 2), np.float32))
            self.late, self.taken = self.late + (got < BLOCK), self.taken + 1
            self._next_block += BLOCK / RATE
            self._arena.set_meter("until", self._next_block)
        raise queue.Empty


def test_a_host_wakes_once_for_each_frame(
    arena: Arena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = CompiledModel(tiny_model(tmp_path / "tiny.safetensors"))
    arena.lanes[0, [LANE["live"], LANE["gate"]]] = 1
    scheduler = Scheduler(arena, model, RATE, False, Assignments(model, print))
    line, orders = Lifeline.__new__(Lifeline), ClockedOrders(arena, 0)
    monkeypatch.setattr(scheduling.time, "monotonic", lambda: orders.now)
    scheduler._handle(line, StartVoice(0, 1, {}))
    while orders.taken < 4:
        scheduler._turn(line, orders)  # type: ignore[arg-type]
    frames, orders.waits, orders.late = scheduler._frames, 0, 0
    while orders.taken < 100:
        scheduler._turn(line, orders)  # type: ignore[arg-type]
    assert orders.late == 0
    assert orders.waits <= 1.1 * (scheduler._frames - frames)
