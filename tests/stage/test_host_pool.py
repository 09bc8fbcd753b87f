"""Real host processes: shared by the decks that play a model, kept warm, released where memory is short."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import until
from tiny import tiny_model

from perform.core.arena import Arena
from perform.core.arena_layout import LANE_METER, NOW
from perform.core.messages.host_messages import StartHost
from perform.stage import host_pool as hosts_module
from perform.stage import model_host
from perform.stage.child import Child, ChildEvent
from perform.stage.deck_lane import DeckLane, LanePhase
from perform.stage.hang_watch import HangWatch
from perform.stage.host_pool import HostPool
from perform.stage.model_host import HOST_MB, HostProcess


class Rig:
    def __init__(self, arena: Arena, tmp_path: Path) -> None:
        self.events: queue.SimpleQueue[ChildEvent] = queue.SimpleQueue()
        self.lines: list[str] = []
        self.wanted: set[Path] = set()
        log = (tmp_path / "log").open("ab")
        self.hosts = HostPool(
            lambda: Child(self.events, log, "perform.voice.host_process"),
            self.lines.append,
            StartHost(str(arena.path), "", 48000.0, patient=False),
        )

    def step(self) -> bool:
        """One step of a stage's loop."""
        while not self.events.empty():
            child, report = self.events.get()
            self.hosts.handle_death(child) if report is None else self.hosts.handle_report(child, report)
        self.hosts.keep(self.wanted)
        self.hosts.tick()
        return True

    def ready(self, host: HostProcess) -> HostProcess:
        until(lambda: self.step() and (host.ready or host.error), 60, "a host")
        assert host.ready, host.error
        return host


@pytest.fixture
def rig(arena: Arena, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(arena, tmp_path)
    yield made
    made.hosts.end()


def test_one_process_plays_a_model_on_all_its_decks(rig: Rig, arena: Arena, tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "a.safetensors")
    host = rig.ready(rig.hosts.get(path))
    assert rig.hosts.get(path) is host
    lanes = [DeckLane(arena, index, deck) for index, deck in ((0, 1), (4, 3), (5, 3))]
    for lane in lanes:
        lane.fill(host, NOW, {}, 0)
    until(lambda: all(lane.full for lane in lanes), 10, "three lanes full")
    lanes[1].leave(0.0)
    until(lambda: rig.step() and not host.plays(4), 5, "one voice ended")
    frames = [arena.lane_meters(n)[LANE_METER["frames"]] for n in (0, 4, 5)]
    arena.rings[0].clear()
    until(lambda: arena.lane_meters(0)[LANE_METER["frames"]] > frames[0], 5, "the others render on")
    assert arena.lane_meters(4)[LANE_METER["frames"]] == frames[1]
    until(lambda: lanes[1].tick() or lanes[1].phase is LanePhase.FREE, 5, "the lane free")
    assert arena.rings[4].fill == 0


def test_a_rewritten_file_is_another_model(rig: Rig, tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "a.safetensors")
    first = rig.ready(rig.hosts.get(path))
    tiny_model(path, seed=5)
    second = rig.ready(rig.hosts.get(path))
    assert first.sha256 != second.sha256


def test_unused_hosts_are_released_for_memory_the_oldest_first(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tiny_model(tmp_path / f"{name}.safetensors", seed=i) for i, name in enumerate("abc")]
    made = [rig.ready(rig.hosts.get(path)) for path in paths]
    rig.wanted.add(paths[0])
    monkeypatch.setattr(hosts_module, "BUDGET_MB", 2.5 * HOST_MB)
    until(lambda: rig.step() and made[1].gone, 5, "b released")
    assert not made[0].gone  # it is wanted
    assert not made[2].gone  # played later, and there is room again
    assert any("b is unloaded" in line for line in rig.lines)


def test_a_dead_host_is_replaced_until_it_crashes_too_often(rig: Rig, tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "a.safetensors")
    for n in range(3):
        host = rig.ready(rig.hosts.get(path))
        assert rig.hosts.crashed_too_often(path) is False
        host.child.kill()
        until(lambda h=host: rig.step() and h.gone, 5, f"death {n}")
    assert rig.hosts.crashed_too_often(path)
    rig.hosts.forget_crashes(path)
    assert not rig.hosts.crashed_too_often(path)


def test_a_fault_is_noted_once_and_named_in_the_hosts_error(rig: Rig, arena: Arena, tmp_path: Path) -> None:
    """Between the signal and the death, the stage looks at the lane many times."""
    host = rig.ready(rig.hosts.get(tiny_model(tmp_path / "a.safetensors")))
    lane, watch = DeckLane(arena, 0, 1), HangWatch()
    lane.fill(host, NOW, {}, 0)
    until(lambda: rig.step() and lane.full, 10, "a full lane")
    lane.enter(0.0)
    watch.start()
    os.kill(host.child.pid, signal.SIGSTOP)  # it writes this meter no more
    arena.lane_meters(0)[LANE_METER["resets"]] = 4
    faults = []
    while not host.gone:
        watch.check(lane)
        faults.append(host.fault)
        host.fault = host.fault and "noted"
        rig.step()
    assert faults.count("its output was not finite") == 1
    assert len(faults) > 1
    assert host.error == "noted"
    assert host.crashed


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system has no idle class")
def test_a_host_that_the_player_waits_for_leaves_the_idle_class(rig: Rig, tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "a.safetensors")
    host = rig.hosts.get(path, idle=True)
    until(lambda: os.sched_getscheduler(host.child.pid) == os.SCHED_IDLE, 20, "the idle class")
    assert rig.hosts.get(path, idle=True).idle
    assert rig.hosts.get(path) is host
    until(lambda: os.sched_getscheduler(host.child.pid) != os.SCHED_IDLE, 20, "the common class")
    assert not host.ready
    rig.ready(host)


def test_a_slow_host_goes_on_loading_and_one_that_hangs_is_ended(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is stopped before the first step of loading; a step restarts the limit."""
    path = tiny_model(tmp_path / "a.safetensors")
    monkeypatch.setattr(hosts_module, "LOAD_S", 0.25)  # four times that to the first step
    monkeypatch.setattr(model_host, "SLOW_S", 0.2)
    host = rig.hosts.get(path)
    os.kill(host.child.pid, signal.SIGSTOP)
    until(lambda: rig.step() and host.gone, 20, "its end")
    assert "loading made no progress for 1 s; load it again to wait longer" in host.error
    assert any("a still loads after 0 s: the machine is busy" in line for line in rig.lines)
    assert not host.crashed
    monkeypatch.setattr(hosts_module, "LOAD_S", 60.0)
    again = rig.hosts.get(path)
    began = again.progress
    rig.ready(again)
    assert began < again.progress


def test_a_file_that_is_no_model_is_refused_once(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"PK\x03\x04, and no archive")
    host = rig.hosts.get(path)
    until(lambda: rig.step() and host.gone, 20, "its end")
    assert host.error
    assert not host.crashed
    assert not rig.hosts.crashed_too_often(path)
