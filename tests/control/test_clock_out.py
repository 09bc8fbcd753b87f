"""MIDI clock out: ticks on the beat, start, stop, continue, song positions; to a real device on JACK."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from perform.control.clock_out import ClockOut
from perform.control.midi_clock import MidiClock
from perform.control.tempo_watch import TempoWatch
from perform.core import params
from perform.core.arena import Arena
from perform.core.beat import BeatLine
from perform.core.tempo_meters import PLACED_CLOCK
from perform.stage.beat_keeper import BeatKeeper
from tests.control.conftest import Jack, eventually

TICK, START, CONTINUE, STOP, POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2
PULSE = 1 / 48  #: seconds, at 120 bpm


class Device:
    """What a device gets, in a time that goes on in steps of half a millisecond."""

    def __init__(self, arena: Arena) -> None:
        for name, value in {"began": 1000.0, "delay": 0, "block": 0, "burst": 0}.items():
            arena.set_meter(name, value)
        self.arena, self.now = arena, 1000.0
        self.got: list[tuple[float, list[int]]] = []
        self.clock = ClockOut(arena, lambda message: self.got.append((self.now, list(message))))

    def play(self, seconds: float, step: float = 0.0005) -> list[tuple[float, list[int]]]:
        """The messages of this time."""
        self.got.clear()
        for _ in range(round(seconds / step)):
            self.clock.step(self.now)
            self.now += step
        return list(self.got)

    def act(self, name: str) -> None:
        params.trigger(self.arena.table, f"clock/{name}")

    def begin(self, beat: float = 0.0, bpm: float = 120.0) -> None:
        """The stage moves the beat line: this beat is now."""
        line = self.arena.beat_line
        self.arena.write_beat_line(line.through((self.now - 1000.0) * line.rate, beat, bpm))


@pytest.fixture
def device(arena: Arena) -> Device:
    return Device(arena)


def statuses(messages: list[tuple[float, list[int]]]) -> list[int]:
    return [message[0] for _, message in messages]


def test_ticks_come_all_the_time_on_their_beats(device: Device) -> None:
    messages = device.play(2.0)
    assert statuses(messages) == [TICK] * 96
    assert [at for at, _ in messages] == pytest.approx(1000 + np.arange(96) * PULSE, abs=0.0006)
    device.begin(beat=4.0, bpm=60.0)  # another tempo from here on
    assert statuses(device.play(2.0)) == [TICK] * 48
    assert device.arena.meter("clock/late") < 0.0006


def test_start_stop_and_continue(device: Device) -> None:
    device.play(0.76)
    device.act("start")
    device.play(0.012)  # before the stage has moved the line
    device.begin()
    messages = device.play(0.5)
    assert statuses(messages) == [START, *[TICK] * 24]
    assert device.arena.meter("clock/plays") == 1
    device.act("stop")
    assert statuses(device.play(0.25)) == [STOP, *[TICK] * 12]
    device.play(0.005)
    assert device.arena.meter("clock/plays") == 0
    device.act("continue")  # beat 1.5, so sixteenth 7 comes next
    messages = device.play(0.25)
    assert messages[0][1] == [POSITION, 7, 0]
    begins = statuses(messages).index(CONTINUE)
    beat = device.arena.beat_line.beat_at((messages[begins][0] - 1000.0) * 48000)
    assert beat == pytest.approx(1.75, abs=0.002)
    assert messages[begins + 1] == (messages[begins][0], [TICK])


def test_a_start_that_moves_no_beat_continues_where_the_beat_is(device: Device) -> None:
    """A MIDI clock leads, so that `clock/start` does not move it."""
    device.play(3.01)
    device.act("start")
    messages = device.play(0.3)
    assert [POSITION, 25, 0] in [message for _, message in messages]
    assert statuses(messages).count(CONTINUE) == 1
    assert START not in statuses(messages)


def test_a_song_starts_the_devices_that_play(device: Device) -> None:
    device.play(3.3)
    device.begin()
    assert START not in statuses(device.play(1.0)), "no device plays"
    device.act("start")
    device.play(2.2)
    device.begin()
    messages = device.play(0.1)
    assert statuses(messages)[:2] == [START, TICK]
    assert messages[0][0] == pytest.approx(device.now - 0.1, abs=0.001)
    device.begin(beat=40.2)  # a leading clock was moved to another place
    messages = device.play(0.2)
    assert statuses(messages)[:2] == [STOP, POSITION]
    assert messages[1][1] == [POSITION, 161 & 0x7F, 161 >> 7]
    assert CONTINUE in statuses(messages)


def test_ticks_that_a_stall_held_up_are_not_lost(device: Device) -> None:
    device.act("start")
    device.play(1.0)
    device.now += 0.2
    assert statuses(device.play(0.3)) == [TICK] * 24
    assert device.arena.meter("clock/late") > 0.15


class Leader:
    """Another device's clock at 100 bpm, which the stage follows, and the device that gets ours."""

    PULSE = 60 / 100 / 24

    def __init__(self, device: Device) -> None:
        params.set_value(device.arena.table, "clock/in", 1)
        self.watch, self.beats, self.device = TempoWatch(device.arena), BeatKeeper(device.arena), device
        self.follower, self.said = MidiClock(), list[int]()
        self._heard = device.now

    def send(self, *data: int) -> None:
        now = self.device.now
        self.watch.receive("Box", list(data), now - self._heard, now)
        self._heard = now

    def play(self, ticks: int) -> float:
        """Send ticks; returns the beat that the follower has at the last of them."""
        self.said.clear()
        measured = None
        for _ in range(ticks):
            self.send(TICK)
            for step in range(5):
                if step % 3 == 0:
                    self.beats.tick()
                    self.watch.tick(self.device.now)
                for at, message in self.device.play(self.PULSE / 5, step=self.PULSE / 10):
                    self.said += [message[0]] if message[0] != TICK else []
                    measured = self.follower.receive(message, at) or measured
        assert measured
        return measured.beat + (self.device.now - self.PULSE - measured.seconds) / (24 * self.PULSE)


def test_start_stop_and_position_of_a_leading_clock_are_passed_on(device: Device) -> None:
    leader = Leader(device)
    leader.play(60)
    assert leader.said == [], "it ticks, and has not started"
    leader.send(START)
    assert leader.play(50) == pytest.approx(49 / 24, abs=0.02)
    assert leader.said == [START]
    leader.send(STOP)
    leader.play(30)
    assert (leader.said, device.arena.meter("clock/plays")) == ([STOP], 0)
    leader.send(POSITION, 16, 1)  # 144 sixteenths: beat 36
    leader.send(CONTINUE)
    assert leader.play(50) == pytest.approx(36 + 49 / 24, abs=0.02)
    assert leader.said == [POSITION, CONTINUE]
    leader.send(POSITION, 8, 0)  # it goes to beat 2 while it plays
    assert leader.play(50) == pytest.approx(2 + 49 / 24, abs=0.02)
    assert leader.said == [STOP, POSITION, CONTINUE]
    params.set_value(device.arena.table, "clock/in", 0)
    leader.send(STOP)
    leader.play(30)
    assert (leader.said, device.arena.meter("clock/plays")) == ([], 1), "nobody follows it now"


def test_another_clock_starts_nothing(device: Device) -> None:
    leader = Leader(device)
    leader.play(60)
    for status in (START, CONTINUE, STOP):
        leader.watch.receive("Drums", [status], 0.0, device.now)
        leader.watch.receive("Drums", [TICK], 0.0, device.now)
    leader.play(30)
    assert leader.said == []


@pytest.mark.parametrize("offset", [0, -30, 40])
def test_a_device_that_follows_has_the_same_beat(device: Device, offset: int) -> None:
    params.set_value(device.arena.table, "clock/out/offset", offset)
    dice, follower = np.random.default_rng(0), MidiClock()
    device.play(0.4)
    device.act("start")
    device.begin(bpm=133.7)
    made = [follower.receive(m, at + dice.normal(0, 0.001)) for at, m in device.play(6.0, step=0.001)]
    last = [measured for measured in made if measured][-1]
    assert last.kind == PLACED_CLOCK
    assert last.bpm == pytest.approx(133.7, abs=0.05)
    beat = device.arena.beat_line.beat_at((last.seconds - offset / 1000 - 1000.0) * 48000)
    assert last.beat == pytest.approx(beat, abs=0.003)  # 1.3 ms


def test_no_values_harm(device: Device) -> None:
    for bpm, beat in ((300.0, 1e7), (20.0, -1e4), (300.0, 5.0)):
        device.begin(beat, bpm)
        for action in ("start", "continue", "stop", "continue"):
            device.act(action)
            messages = device.play(0.2, step=0.01)
            assert all(0 <= byte < 128 for _, message in messages for byte in message[1:])


def test_a_real_device_gets_the_clock(jack: Jack, tmp_path: Path) -> None:
    arena = Arena.create(tmp_path / "arena")
    for name, value in {"rate": 48000, "block": 0, "began": time.monotonic()}.items():
        arena.set_meter(name, value)
    arena.write_beat_line(BeatLine(0.0, 150.0, 48000.0))

    def run(*command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=jack.env
        )

    with (
        run(str(Path(__file__).with_name("clock_receiver.py")), "Drum Box") as box,
        run("-m", "perform.control.clock_out_process") as sender,
    ):
        assert box.stdin
        assert box.stdout
        assert sender.stdin
        assert sender.stdout
        assert box.stdout.readline() == "ready\n"
        order = {"order": "StartClockOut", "arena": str(tmp_path / "arena"), "port": "drum"}
        sender.stdin.write(json.dumps(order) + "\n")
        sender.stdin.flush()
        assert json.loads(sender.stdout.readline()) == {"report": "PortOpened", "name": "Drum Box"}
        params.trigger(arena.table, "clock/start")
        frame = (time.monotonic() - arena.meter("began")) * 48000
        arena.write_beat_line(BeatLine(frame, 150.0, 48000.0))
        eventually(lambda: arena.meter("clock/plays"), "a start")
        lines = [box.stdout.readline().split() for _ in range(200)]
        sender.stdin.close()
        box.stdin.close()
    messages = [(float(at), int(status)) for at, status, *_ in lines]
    times = np.array([at for at, status in messages if status == TICK])
    slope = np.polyfit(np.arange(len(times)), times, 1)[0]
    assert START in [status for _, status in messages]
    assert 60 / (24 * slope) == pytest.approx(150, abs=1.5)  # read in 21 ms steps, for 3 seconds
