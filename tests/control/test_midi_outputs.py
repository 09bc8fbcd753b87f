"""An output that cannot be opened is tried again after longer and longer pauses."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import rtmidi

from perform.control.controller_device import ControllerDevice
from perform.control.midi_outputs import RETRY_S, MidiOutputs


class Listing:
    """Lists the ports of a system in which another program has opened the only output."""

    def __init__(self) -> None:
        self.ports = ["MIDI Mix 20:0"]

    def get_ports(self) -> list[str]:
        return self.ports


class Refused(MidiOutputs):
    tries: int = 0

    def _open(self, raw: str, hello: Sequence[bytes]) -> rtmidi.MidiOut | None:
        self.tries += 1
        return None


def test_a_refused_output_is_tried_after_longer_pauses_and_at_once_when_it_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("perform.control.midi_outputs.time.monotonic", lambda: now)
    listing = Listing()
    outputs = Refused(0, "perform", listing)  # type: ignore[arg-type]  # rtmidi's dummy lists nothing
    wanted = {"MIDI Mix": ControllerDevice("MIDImix", ("MIDI Mix",), ("MIDI Mix",), (), (), (), {})}

    def tries_at(seconds: float) -> int:
        nonlocal now
        now, outputs.tries = seconds, 0
        for _ in range(4):  # a second has four looks
            assert not outputs.poll(wanted, may_open=True)
        return outputs.tries

    assert tries_at(100.0) == 1
    at = 100.0
    for pause in (*RETRY_S, RETRY_S[-1]):
        assert tries_at(at + 0.9 * pause) == 0
        at += pause
        assert tries_at(at) == 1
    listing.ports = []
    assert tries_at(at + 0.1) == 0
    listing.ports = ["MIDI Mix 20:0"]
    assert tries_at(at + 0.2) == 1, "plugged in again: its pauses are forgotten"
