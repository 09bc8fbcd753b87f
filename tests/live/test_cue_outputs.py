"""The cue on a real JACK server: a listener on all four outputs, and a second device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jack as jack_library
import numpy as np
import pytest
from rig import Jack, Listener, playing, serving, until
from test_sound import beginning, level, read_take, steps

from perform.core import params
from perform.core.arena import Arena
from perform.core.spec import SILENCE_DB

RATE = 48000


@pytest.fixture
def four_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jack]:
    with serving(monkeypatch, Jack(tmp_path, outputs=4)) as server:
        yield server


def put_on_cue(arena: Arena) -> None:
    """Deck 1 is on cue with its fader down; deck 2 plays to the audience."""
    params.set_value(arena.table, "deck/1/gain", SILENCE_DB)
    params.set_value(arena.table, "deck/1/cue", 1)


def test_the_cue_hears_what_the_audience_does_not(four_outputs: Jack, runtime: Path, tmp_path: Path) -> None:
    with playing(runtime, "--record", "--stems", "--patient", "--cue", "3") as instrument:
        instrument.wait_live(1, 2)
        until(lambda: instrument.meter("take/on"), 10, "a take")
        assert instrument.meter("cue/on") == 1
        assert "cue on outputs 3 and 4" in instrument.log()
        put_on_cue(instrument.arena)
        also = "--also=PortAudio:out_2,PortAudio:out_3"
        heard = Listener(tmp_path, 5, "--freewheel", also).heard()["audio"][RATE:-RATE]
        late = instrument.meter("deck/1/late") + instrument.meter("deck/2/late")
        path = instrument.end().strip().split("\n")[-1]
    take = read_take(path)
    audience, cue = steps(heard[:, :2]), heard[:, 2:]
    offset = beginning(audience, take)
    assert offset is not None and late == 0
    assert np.array_equal(audience, take[offset : offset + len(audience)])
    stem = read_take(path.replace(".wav", "_deck1.wav"))[offset : offset + len(audience)]
    assert np.abs(stem).max() <= 1, "deck 1 is not in the master"
    assert level(cue) > 1e-3 and level(audience / 2**23) > 1e-3
    alike = np.corrcoef(cue[:, 0], heard[:, 0])[0, 1]
    assert abs(alike) < 0.5, "the cue is another deck than the master's"  # bells and choir share a tuning


class Headphones:
    """A JACK client with two inputs: for PortAudio, a device."""

    def __init__(self) -> None:
        self._client = jack_library.Client("headphones", no_start_server=True)
        self._ears = [self._client.inports.register(f"in_{i}") for i in range(2)]
        self._peaks = [0.0]
        self._client.set_process_callback(self._hear)

    def _hear(self, frames: int) -> None:
        self._peaks.append(max(float(np.abs(ear.get_array()).max()) for ear in self._ears))

    @property
    def peak(self) -> float:
        """Of the last 50 blocks."""
        return max(self._peaks[-50:])

    def __enter__(self) -> Headphones:
        self._client.activate()
        return self

    def unplug(self) -> None:
        if self._client is not None:
            self._client.deactivate()
            self._client.close()
            self._client = None

    def __exit__(self, *_: object) -> None:
        self.unplug()


@pytest.mark.parametrize("cue", ["headphones", "3"])
def test_on_a_server_with_two_outputs(jack: Jack, runtime: Path, tiny_models: Path, cue: str) -> None:
    """Another client plays the cue; without one, the log says so and the master plays on."""
    with Headphones() as headphones, playing(runtime, "--cue", cue) as instrument:
        instrument.wait_live(1, 2)
        until(lambda: "cue" in instrument.log(), 10, "a line about the cue")
        put_on_cue(instrument.arena)
        until(lambda: instrument.meter("peak/l") > 1e-3, 10, "the master")
        if cue == "3":
            assert "system has 2 outputs, none called 3 and 4" in instrument.log()
            assert (instrument.meter("cue/on"), headphones.peak) == (0, 0)
        else:
            assert "cue on JACK Audio Connection Kit: headphones" in instrument.log()
            assert instrument.meter("cue/on") == 1
            until(lambda: headphones.peak > 1e-3, 10, "deck 1 in the headphones")
            params.set_value(instrument.arena.table, "deck/1/cue", 0)
            until(lambda: headphones.peak == 0, 10, "silence")
            headphones.unplug()
            params.set_value(instrument.arena.table, "deck/1/cue", 1)
            with Headphones() as again:
                until(lambda: again.peak > 1e-3, 20, "deck 1 once the headphones are back")
        instrument.end()
