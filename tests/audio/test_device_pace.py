"""Bursts of callbacks, from their times alone; and a host that has its frames ready for them."""

from __future__ import annotations

import functools
import itertools
import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_model

from perform.audio import mixer_block
from perform.audio.device_pace import REMEMBERED_S, DevicePace
from perform.audio.mixer_block import MixerBlock
from perform.core.arena import Arena
from perform.core.arena_layout import DEVICE, LANE, RING_FRAMES
from perform.core.lifeline import Lifeline
from perform.core.messages.host_messages import StartVoice
from perform.core.messages.message_lines import AnyOrder
from perform.engine.compiled_model import CompiledModel
from perform.voice import scheduler as scheduler_module
from perform.voice.assignments import Assignments
from perform.voice.scheduler import Scheduler

RATE = 48000
LIMIT = RING_FRAMES // 2
CALLBACK_S = 0.0003  #: of one callback in a row


def bursts(block: int, count: int, seconds: float, start: float = 0.0) -> Iterator[tuple[float, int]]:
    """Times and frames of callbacks that come `count` in a row, at the rate on the whole."""
    period = block * count / RATE
    for i in range(round(seconds / period)):
        for k in range(count):
            yield start + i * period + k * CALLBACK_S, block


def paced(calls: Iterator[tuple[float, int]]) -> DevicePace:
    pace = DevicePace(RATE, LIMIT)
    for now, frames in calls:
        pace.take(now, frames)
    return pace


@pytest.mark.parametrize("block", [64, 256, 1024, 8192])
def test_an_even_pace_is_a_burst_of_one_block(block: int) -> None:
    pace = paced(bursts(block, 1, 3))
    last = list(bursts(block, 1, 3))[-1][0]
    assert pace.burst == block
    assert pace.until == pytest.approx(last + block / RATE)


@pytest.mark.parametrize(("block", "count"), [(256, 8), (256, 32), (1024, 2), (1024, 8), (64, 4)])
def test_callbacks_in_a_row_are_one_burst(block: int, count: int) -> None:
    pace = paced(bursts(block, count, 3))
    last = list(bursts(block, count, 3))[-count][0]
    assert 0.9 * block * count <= pace.burst <= block * count
    assert pace.until == pytest.approx(last + block * count / RATE, abs=0.1 * block * count / RATE)


def test_a_block_that_changes_counts_at_once_and_a_longer_one_is_forgotten() -> None:
    pace = paced(bursts(64, 1, 1))
    pace.take(1.1, 4096)
    assert pace.burst == 4096
    for now, frames in bursts(256, 8, 2, 1.2):
        pace.take(now, frames)
    assert pace.burst == pytest.approx(2048, rel=0.1)
    for now, frames in bursts(256, 1, REMEMBERED_S + 1, 3.2):
        pace.take(now, frames)
    assert pace.burst == 256


def test_a_stall_of_the_machine_is_no_burst_and_neither_is_a_fast_clock() -> None:
    calls = itertools.chain(
        bursts(256, 1, 3), ((3.05, 256) for _ in range(10)), bursts(256, 1, 1, 3 + 10 * 256 / RATE)
    )
    assert paced(calls).burst == 256
    pace = paced((i * 256 / RATE / 1.002, 256) for i in range(5000))  # 0.2 % too fast, for 27 s
    assert pace.burst == 256


def test_a_device_faster_than_real_time_has_a_limit() -> None:
    pace = paced((i * 1e-4, 1024) for i in range(50_000))
    assert pace.burst == LIMIT


class Enough(Exception):
    """The test has what it needs."""


class VirtualTime:
    """A clock that moves only when the host sleeps or renders; on the way it makes the audio callbacks."""

    def __init__(self, callbacks: Iterator[tuple[float, Callable[[], None]]]) -> None:
        self._now, self._callbacks = 0.0, callbacks
        self._next = next(callbacks)

    def monotonic(self) -> float:
        return self._now

    perf_counter = monotonic

    def sleep(self, seconds: float) -> None:
        until = self._now + seconds
        while self._next[0] <= until:
            self._now = self._next[0]
            self._next[1]()
            following = next(self._callbacks, None)
            if following is None:
                raise Enough
            self._next = following
        self._now = until


class ClockedOrders(queue.SimpleQueue):  # type: ignore[type-arg]
    """Orders of a host that waits for them in virtual time."""

    def __init__(self, clock: VirtualTime) -> None:
        super().__init__()
        self._clock = clock

    def get(self, block: bool = True, timeout: float | None = None) -> AnyOrder:
        if self.empty() and timeout is not None:
            self._clock.sleep(timeout)
            raise queue.Empty
        return super().get(block, timeout)


@pytest.mark.parametrize(("block", "count"), [(256, 1), (256, 8), (1024, 8)])
def test_a_host_is_in_time_for_bursts_and_shows_its_latency(
    arena: Arena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, count: int
) -> None:
    """A JACK server of 2048 frames calls eight times in a row for blocks of 256. No deck is late for it."""
    model = CompiledModel(tiny_model(tmp_path / "tiny.safetensors"))
    frame_s = model.card.ratio / model.card.sample_rate
    arena.set_meter("owner", DEVICE)
    out, ring = np.zeros((block, 2), np.float32), arena.rings[0]
    mixer = MixerBlock(arena, DEVICE, RATE, patient=False)
    played: list[tuple[int, float]] = []  # frame of the ring buffer, and when it is heard
    began: list[tuple[int, float]] = []  # the same for the beginning of its rendering

    def call(heard: float) -> None:
        played.append((ring.position, heard))
        mixer.fill(out)

    def open_gate() -> None:
        arena.lanes[0, [LANE["live"], LANE["gate"]]] = 1

    def slow(*args: object) -> list[np.ndarray]:
        began.append((ring.written, clock.monotonic()))
        clock.sleep(0.4 * frame_s)
        return render(*args)  # type: ignore[arg-type]

    events: list[tuple[float, Callable[[], None]]] = [(0.5, open_gate)]
    for i, (now, _) in enumerate(bursts(block, count, 1.7)):
        heard = now + i % count * (block / RATE - CALLBACK_S)  # the device plays evenly
        events.append((now, functools.partial(call, heard)))
    clock = VirtualTime(iter(sorted(events, key=lambda event: event[0])))
    scheduler = Scheduler(arena, model, RATE, False, Assignments(model, print))
    scheduler.warm_up()
    render = scheduler_module.render_applied
    monkeypatch.setattr(scheduler_module, "render_applied", slow)
    monkeypatch.setattr(scheduler_module, "time", clock)
    monkeypatch.setattr(mixer_block, "time", clock)
    orders = ClockedOrders(clock)
    orders.put(StartVoice(0, 1, {}))
    with pytest.raises(Enough):
        scheduler.run(Lifeline.__new__(Lifeline), orders)
    assert arena.meter("deck/1/late") == 0
    positions, heard_at = np.array(played).T
    late = [
        heard_at[at] + (frame - positions[at]) / RATE - start
        for frame, start in began
        if start > 1 and (at := np.searchsorted(positions, frame, "right") - 1) < len(played) - 1
    ]
    assert len(late) > 10
    assert np.mean(late) + frame_s / 2 == pytest.approx(arena.meter("deck/1/latency"), abs=0.003)
