"""A player with two controllers on a real stage: they play, are learnt and swapped, and nothing jumps."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from rig import Instrument, Jack, playing, serving, until

from perform.control import mapping_files
from perform.core.params import SLOTS
from perform.library import sets
from perform.stage.commands import Arm, Go, Learn, RecallScene, Save, Undo
from tests.control.device_rig import VirtualDevices

NANO, PEDAL, MIX = "nanoKONTROL2", "Footswitch", "MIDI Mix"
STEP = 0.03  #: share of its range by which one step of a knob moves a parameter at most
GLIDE = 1.5 / 6.6  #: sigmas a second: the fastest glide of the demo's second scene
LEARNT = {16: "deck/1/pan", 17: "deck/2/pan", 18: "focus/z/0/bias"}  #: by CC of the nanoKONTROL2


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jack]:
    """A server with long periods, which loses no MIDI on a busy machine."""
    with serving(monkeypatch, Jack(tmp_path, period=1024)) as server:
        yield server


@contextmanager
def devices() -> Iterator[VirtualDevices]:
    rig = VirtualDevices(dict(os.environ))
    try:
        yield rig
    finally:
        rig.end()


class Player:
    """Moves controls of the virtual devices, and watches the table."""

    def __init__(self, instrument: Instrument, rig: VirtualDevices) -> None:
        self.instrument, self._rig, self.table = instrument, rig, instrument.arena.table
        self.largest = 0.0  #: share of its range by which one step has moved a parameter

    def value(self, address: str) -> float:
        return float(self.table[SLOTS[address]])

    def reaches(self, address: str, value: float) -> None:
        """Wait for a value: a message that was sent twice may be counted before the next one."""
        until(lambda: self.value(address) == value, 10, f"{address} = {value}")

    def connected(self, *names: str) -> None:
        until(lambda: sorted(self.instrument.client.status().midi) == sorted(names), 20, f"{names}")

    def send(self, cc: int, value: int, number: int = 20) -> float:
        """Send a message until the stage has counted it; return the seconds that took."""
        counted, began = self.instrument.meter("control/count"), time.monotonic()
        while self.instrument.meter("control/count") == counted:
            assert time.monotonic() - began < 20, f"cc {cc} moves nothing; {self.instrument.log()}"
            self._rig.send(bytes((0xB0, cc, value)), number=number)
            end = time.monotonic() + 1.0
            while self.instrument.meter("control/count") == counted and time.monotonic() < end:
                time.sleep(0.001)
        return time.monotonic() - began

    def sweep(self, cc: int, values: range, *addresses: str, number: int = 20, glide: float = 0.0) -> None:
        """Move a knob step by step; glide: how far a second the stage moves the parameters besides."""
        slots = [SLOTS[address] for address in addresses]
        spans = np.array([high - low for low, high in map(self.instrument.arena.knobs.of, slots)])
        for value in values:
            before = self.table[slots].copy()
            took = self.send(cc, value, number)
            moved = np.maximum(np.abs(self.table[slots] - before) - glide * took, 0.0)
            self.largest = max(self.largest, float((moved / spans).max()))

    def learn(self, address: str, cc: int) -> None:
        """Learn an address with a knob, as the screen does."""
        status: Callable[[], str] = lambda: self.instrument.client.status().learnt  # noqa: E731
        self.instrument.client.ask(Learn(address))
        end = time.monotonic() + 20
        while status() != address:
            assert time.monotonic() < end, f"{address} is not learnt; {self.instrument.log()}"
            self._rig.send(*(bytes((0xB0, cc, value)) for value in range(60, 65)))
            time.sleep(0.3)


def test_a_new_player_with_two_controllers(
    server: Jack, runtime: Path, shared_cache: None, tiny_models: Path, own_places: Path
) -> None:
    with devices() as rig, playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        player, client = Player(instrument, rig), instrument.client
        rig.plug(NANO, 20)
        rig.plug(PEDAL, 21)
        player.connected(NANO, PEDAL)
        player.sweep(0, range(127, 115, -1), "deck/1/gain")
        player.send(64, 127, number=21)
        player.reaches("deck/1/freeze", 1.0)
        player.send(64, 0, number=21)
        player.reaches("deck/1/freeze", 0.0)

        for cc, address in LEARNT.items():
            player.learn(address, cc)
        client.ask(Learn(""))
        assert {it.address for it in client.status().bindings} >= set(LEARNT.values())
        player.sweep(16, range(65, 75), "deck/1/pan", "deck/2/pan")
        player.send(16, 127)
        player.reaches("deck/1/pan", 1.0)  # the end of the knob is the end of the range

        latents = ("deck/1/z/0/bias", "deck/2/z/0/bias")
        at = 64
        player.sweep(18, range(at, at + 15), *latents)
        client.ask(RecallScene(2))
        player.sweep(18, range(at + 15, at, -1), *latents, glide=GLIDE)
        player.table[SLOTS["focus"]] = 2
        player.sweep(18, range(at, at + 25), *latents, glide=GLIDE)
        client.ask(Arm(2))
        client.ask(Go())
        until(lambda: client.status().songs.now == 2, 30, f"song 2; {instrument.log()}")
        player.sweep(18, range(at + 25, at + 10, -1), *latents)
        here = player.table.copy()
        undone = client.ask(Undo()).value
        until(lambda: np.any(player.table != here), 30, f"undo of {undone}")
        player.sweep(18, range(at + 10, at + 25), *latents)
        print(f"undone: {undone}; largest step {100 * player.largest:.2f} % of the range")
        assert 0.0 < player.largest <= STEP

        player.sweep(17, range(65, 75), "deck/2/pan")  # the song's glide leaves it to the knob
        player.reaches("deck/2/gain", 0.0)  # the song's values have glided in
        kept = [SLOTS[address] for address in ("deck/2/gain", "deck/2/pan", "deck/2/z/0/bias")]
        before = player.table[kept].copy()
        rig.unplug(20)
        player.connected(PEDAL)
        rig.plug(MIX, 22)
        player.connected(PEDAL, MIX)
        assert np.array_equal(player.table[kept], before), "another controller moves nothing by coming"
        player.sweep(23, range(50, 60), "deck/2/gain", number=22)
        player.send(23, 127, number=22)
        assert player.largest <= STEP
        player.reaches("deck/2/gain", 6.0)

        path = Path(client.ask(Save("mine")).value)
        song = sets.read_set(path).songs[client.status().songs.now - 1]
        assert song.values["deck/2/gain"] == 6.0
        assert song.values["deck/2/pan"] == pytest.approx(player.value("deck/2/pan"), abs=1e-5)
        instrument.end()
    learnt = mapping_files.load(own_places / "home" / "controllers" / "nanokontrol2.toml")
    assert [(it.control, it.to) for it in learnt.bindings] == [(f"cc {cc}", to) for cc, to in LEARNT.items()]
