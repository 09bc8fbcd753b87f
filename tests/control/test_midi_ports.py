"""Names of ports, as systems spell them."""

from __future__ import annotations

from perform.control.mapping import chosen
from perform.control.midi_ports import stable_names


def test_numbers_of_a_connection_do_not_count() -> None:
    one = ["Midi Through:Midi Through Port-0 14:0", "nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTRL 20:0"]
    two = ["Midi Through:Midi Through Port-0 14:0", "nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTRL 28:0"]
    assert list(stable_names(one).values()) == list(stable_names(two).values()) == ["nanoKONTROL2"]


def test_bridges_into_jack() -> None:
    names = [
        "a2j:nanoKONTROL2 [20] (capture): nanoKONTROL2 MIDI 1",
        "a2j:MIDI Mix [24] (capture): MIDI Mix MIDI 1",
    ]
    assert list(stable_names(names).values()) == ["nanoKONTROL2", "MIDI Mix"]


def test_a_device_with_two_ports_and_two_of_a_kind() -> None:
    names = ["Keys:MIDI 28:0", "Keys:DAW 28:1", "Pad:MIDI 32:0", "Pad:MIDI 36:0", "Mix:MIDI 1"]
    assert list(stable_names(names).values()) == ["Keys:MIDI", "Keys:DAW", "Pad:MIDI", "Pad:MIDI #2", "Mix"]


def test_our_own_ports_are_left_out() -> None:
    assert stable_names(["perform 123:pulse", "perform-01:out", "RtMidi:x"]) == {"RtMidi:x": "RtMidi"}


def test_choosing_by_fragment() -> None:
    assert chosen(["nanoKONTROL2", "MIDI Mix"], ["mix", "zz"]) == ["MIDI Mix"]
    assert chosen(["a", "b"], []) == ["a", "b"]


def test_a_whole_name_means_that_device_alone() -> None:
    assert chosen(["Launch Control XL"], ["launch"]) == ["Launch Control XL"]
    assert chosen(["Launch Control", "Launch Control XL"], ["launch control"]) == ["Launch Control"]
    assert chosen(["Keys", "Keys:DAW", "Keys:MIDI"], ["Keys"]) == ["Keys", "Keys:DAW", "Keys:MIDI"]
