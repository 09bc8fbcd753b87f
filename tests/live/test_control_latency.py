"""From a MIDI message to the parameter table, beside a bare rtmidi callback that hears the same messages.

PERFORM_TRIALS=2000 python -m pytest -s tests/live/test_control_latency.py
"""

from __future__ import annotations

import mmap
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rig import Machine

from perform.control import mapping_files
from perform.control.binding import Binding
from perform.control.mapping import Mapping
from perform.core import params
from perform.core.realtime import AUDIO_PRIORITY, CONTROL_PRIORITY, request_real_time
from tests.control.conftest import Control, Controller, Jack

TRIALS = int(os.environ.get("PERFORM_TRIALS", "120"))
SLOWER_MS = 2.0  #: than the bare callback, at the 99th percentile

_BARE = """
import mmap, os, sys, time, rtmidi
times = memoryview(mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 8)).cast("d")
midi = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="perform bare")
midi.set_callback(lambda message, _: times.__setitem__(0, time.monotonic()))
midi.open_port(next(i for i, name in enumerate(midi.get_ports()) if name.startswith("Knob")), "in")
print("ready", flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.mark.alone
def test_a_message_reaches_the_table_as_fast_as_a_bare_callback_hears_it(tmp_path: Path) -> None:
    path, clock = tmp_path / "knob.toml", tmp_path / "clock"
    mapping_files.save(Mapping("knob", (), (Binding("cc 7", "deck/1/pan"),), "jump"), path)
    clock.write_bytes(bytes(8))
    home = tmp_path / "control"
    home.mkdir()
    jack = Jack(tmp_path / "log")
    try:
        with jack.controller("Knob") as knob:
            bare = subprocess.Popen(
                [sys.executable, "-c", _BARE, str(clock)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=jack.env,
            )
            assert bare.stdout and bare.stdout.readline() == b"ready\n"
            process = Control(jack.env, home, mapping=str(path))
            try:
                process.report("MidiPortsChanged", open=["Knob"])
                heard = memoryview(mmap.mmap(os.open(clock, os.O_RDWR), 8)).cast("d")
                with Machine(tmp_path, server=False) as machine:
                    tries = [measured(process, knob, heard)]
                    while len(tries) < 4 and np.percentile(list(tries[-1].values()), 99) * 1000 > SLOWER_MS:
                        tries.append(measured(process, knob, heard))  # another process took the core
                idle = switches_a_second(process.process.pid)
            finally:
                process.close()
                bare.communicate()
    finally:
        jack.stop()
    there = [[late for at, late in trial.items() if not machine.was_away(at)] for trial in tries]
    best = min(there, key=lambda differences: np.percentile(differences, 99))
    late = np.percentile(best, [50, 90, 99]) * 1000
    print(
        f"later than a bare callback: p50 {late[0]:.2f} ms, p90 {late[1]:.2f} ms, p99 {late[2]:.2f} ms; "
        f"of {len(best)} trials; idle: {idle:.0f} switches/s"
    )
    assert max(map(len, tries)) >= 0.95 * TRIALS
    assert len(best) >= 0.5 * TRIALS  # without those that fell where the machine was away
    assert late[2] < SLOWER_MS
    assert idle < 200


def measured(process: Control, knob: Controller, heard: memoryview) -> dict[float, float]:
    """Seconds by which the table changed later than the callback heard the message, by the time of that."""
    table, slot, dice = process.arena.table, params.slot("deck/1/pan"), random.Random(1)
    differences: dict[float, float] = {}
    real_time = request_real_time(AUDIO_PRIORITY)  # or this thread would be late itself
    for trial in range(TRIALS):
        before, bare = float(table[slot]), heard[0]
        knob.send((0xB0, 7, 127 * (trial % 2)))
        end = time.monotonic() + 0.5
        while table[slot] == before and time.monotonic() < end:
            time.sleep(0.0001)
        arrived = time.monotonic()
        while heard[0] == bare and time.monotonic() < end:
            time.sleep(0.0001)
        if arrived < end and heard[0] != bare:
            differences[heard[0]] = arrived - heard[0]
        time.sleep(dice.uniform(0.002, 0.03))
    if real_time:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return differences


def switches_a_second(pid: int) -> float:
    """Voluntary context switches of a process, without the threads that the JACK server wakes."""

    def count() -> int:
        total = 0
        for task in Path(f"/proc/{pid}/task").iterdir():
            status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
            if os.sched_getparam(int(task.name)).sched_priority <= CONTROL_PRIORITY:
                total += int(status["voluntary_ctxt_switches"])
        return total

    time.sleep(1.5)
    before = count()
    time.sleep(2.0)
    return (count() - before) / 2.0
