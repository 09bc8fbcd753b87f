"""Stable port names from those of ALSA and JACK, and choosing ports by part of a name."""

from __future__ import annotations

from perform.control.mapping import matching_ports
from perform.control.port_names import PortNames


def stable_names(raw: list[str]) -> dict[str, str]:
    return PortNames().names(raw)


def test_the_number_of_a_connection_is_left_out() -> None:
    one = ["Midi Through:Midi Through Port-0 14:0", "nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTRL 20:0"]
    two = ["Midi Through:Midi Through Port-0 14:0", "nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTRL 28:0"]
    assert list(stable_names(one).values()) == list(stable_names(two).values()) == ["nanoKONTROL2"]


def test_names_of_bridges_from_alsa_to_jack_are_shortened() -> None:
    names = [
        "a2j:nanoKONTROL2 [20] (capture): nanoKONTROL2 MIDI 1",
        "a2j:MIDI Mix [24] (capture): MIDI Mix MIDI 1",
    ]
    assert list(stable_names(names).values()) == ["nanoKONTROL2", "MIDI Mix"]


def test_ports_of_one_device_and_two_equal_devices_have_different_names() -> None:
    names = ["Keys:MIDI 28:0", "Keys:DAW 28:1", "Pad:MIDI 32:0", "Pad:MIDI 36:0", "Mix:MIDI 1"]
    assert list(stable_names(names).values()) == ["Keys:MIDI", "Keys:DAW", "Pad", "Pad #2", "Mix"]


def test_each_of_two_equal_devices_keeps_its_name() -> None:
    """Whatever leaves or comes first: its bindings would move to the other one."""
    one, two, elsewhere = "Pad:MIDI 32:0", "Pad:MIDI 36:0", "Pad:MIDI 40:0"
    names = PortNames()
    for there, expected in (
        ([one], ["Pad"]),
        ([two, one], ["Pad #2", "Pad"]),
        ([two], ["Pad #2"]),
        ([two, elsewhere], ["Pad #2", "Pad"]),
        ([two, elsewhere, one], ["Pad #2", "Pad", "Pad #3"]),
        ([], []),
        ([two], ["Pad #2"]),
        ([one, two], ["Pad #3", "Pad #2"]),
    ):
        assert list(names.names(there).values()) == expected, there


def test_ports_of_perform_are_left_out() -> None:
    assert stable_names(["perform 123:pulse", "perform-01:out", "RtMidi:x"]) == {"RtMidi:x": "RtMidi"}


def test_a_part_of_a_name_matches_the_port() -> None:
    assert matching_ports(["nanoKONTROL2", "MIDI Mix"], ["mix", "zz"]) == ["MIDI Mix"]
    assert matching_ports(["a", "b"], []) == ["a", "b"]


def test_a_whole_name_matches_only_that_device() -> None:
    assert matching_ports(["Launch Control XL"], ["launch"]) == ["Launch Control XL"]
    assert matching_ports(["Launch Control", "Launch Control XL"], ["launch control"]) == ["Launch Control"]
    assert matching_ports(["Keys", "Keys:DAW", "Keys:MIDI"], ["Keys"]) == ["Keys", "Keys:DAW", "Keys:MIDI"]
