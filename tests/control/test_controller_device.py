"""Device files: facts about each controller, ranges in tables, and errors that say what to write."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.control import controller_device, mapping_files, number_ranges
from perform.control.binding import Binding
from perform.control.controller_device import ControllerDevice, Lamp
from perform.control.mapping import Mapping
from perform.core.errors import WrongUse

DEVICES = {
    path.stem: controller_device.load(path) for path in sorted((controller_device.bundled()).glob("*.toml"))
}

#: as their system names them, see docs/controllers.md
PORTS = {
    "nanoKONTROL2 SLIDER/KNOB": "nanokontrol2",
    "MIDI Mix": "midimix",
    "Launch Control XL": "launch-control-xl",
    "APC MINI": "apc-mini",
    "APC mini mk2": "apc-mini-mk2",
    "Midi Fighter Twister": "midi-fighter-twister",
    "X-TOUCH MINI": "x-touch-mini",
    "Launchpad Mini MK3:Launchpad Mini MK3 LPMiniMK3 MI": "launchpad-mini-mk3",
    "Launchpad X:Launchpad X LPX MIDI": "launchpad-x",
    "16n": "16n",
    "Arturia MiniLab mkII": "minilab-mk2",
    "LinnStrument MIDI": "linnstrument",
    "Seaboard RISE": "seaboard",
    "FootCtrl": "footswitch",
}


def test_the_longest_name_of_a_port_chooses_the_device() -> None:
    found = {port: controller_device.of_port(port, list(PORTS), DEVICES) for port in PORTS}
    assert {port: it and it.name for port, it in found.items()} == {
        port: DEVICES[stem].name for port, stem in PORTS.items()
    }
    assert controller_device.of_port("Keystation", ["Keystation"], DEVICES) is None
    assert (
        controller_device.of_port("MIDI Mix #2", ["MIDI Mix", "MIDI Mix #2"], DEVICES) == DEVICES["midimix"]
    )


@pytest.mark.parametrize("stem", DEVICES)
def test_a_device_has_each_message_once_and_a_mapping_that_plays_a_set(stem: str) -> None:
    facts = DEVICES[stem]
    sent = [(it.binding["control"], it.channel) for it in facts.controls.values()]
    assert len(set(sent)) == len(sent)
    lit = [
        (it.lamp.send or it.binding["control"], it.lamp.channel or it.channel)
        for it in facts.controls.values()
        if it.lamp
    ]
    assert len(set(lit)) == len(lit), "two lamps have one message"
    mapping = mapping_files.load(
        mapping_files.bundled() / f"{'generic' if stem == 'keyboard' else stem}.toml"
    )
    assert mapping.device == stem
    named = [binding for binding in mapping.bindings if binding.kind != "keys"]  # keys are no single control
    assert all(facts.controls_of(binding) for binding in named)


@pytest.mark.parametrize(
    ("control", "numbers"),
    [("knob {1..4}", [1, 2, 3, 4]), ("knob {4..2}", [4, 3, 2]), ("knob {1, 7..8}", [1, 7, 8])],
)
def test_one_table_stands_for_several(control: str, numbers: list[int]) -> None:
    table = {"control": control, "value": control[5:], "lamp": {"send": f"note {control[5:]}"}, "n": 1}
    assert number_ranges.count(table) == len(numbers)
    assert [number_ranges.pick(table, index) for index in range(len(numbers))] == [
        {"control": f"knob {n}", "value": n, "lamp": {"send": f"note {n}"}, "n": 1} for n in numbers
    ]


@settings(max_examples=50)
@given(text=st.text("{}.,0123456789 ab", max_size=20), other=st.text("{}.,0123456789", max_size=9))
def test_any_range_is_read_or_refused(text: str, other: str) -> None:
    table = {"control": text, "to": other}
    try:
        size = number_ranges.count(table)
    except WrongUse as error:
        assert error.hint
        return
    assert 1 <= size <= number_ranges.MOST
    assert all(isinstance(number_ranges.pick(table, index), dict) for index in range(size))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "missing required field `name`"),
        ('name = "x"\nports = 1', "ports"),
        ('name = "x"\nports = []\nhello = ["20 29"]', "begins no MIDI message"),
        ('name = "x"\nports = []\nhello = ["xyz"]', "hexadecimal"),
        ('name = "x"\nports = []\n[controls.a]\nsend = "knob 1"', "'a': unknown control 'knob 1'"),
        (
            'name = "x"\nports = []\n[controls.a]\nsend = "cc 1"\ncolour = 1',
            "'a': Object contains unknown field",
        ),
        (
            'name = "x"\nports = []\n[controls."a {1..3}"]\nsend = "cc {1..4}"',
            "ranges of different sizes: 3, 4",
        ),
        ('name = "x"\nports = []\n[controls.a]\nsend = "cc 1"\nlamp = { on = 200 }', "beyond 0 to 127"),
        (
            'name = "x"\nports = []\n[controls.a]\nsend = "cc 1"\nlamp = { send = "program" }',
            "lights no lamp",
        ),
    ],
)
def test_errors_of_a_device_name_the_file_and_the_control(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "box.toml"
    path.write_text(text)
    with pytest.raises(WrongUse) as caught:
        controller_device.load(path)
    assert says in str(caught.value) and str(path) in str(caught.value)


def test_a_mapping_names_the_controls_of_its_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path))
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "box.toml").write_text(
        'name = "Box"\nports = ["Box"]\n[controls."pad {1..2}"]\nsend = "note {36..37}"\nchannel = 10\n'
    )
    path = tmp_path / "box.toml"
    text = (
        'name = "box"\ndevice = "box"\n\n# both\n[[bind]]\ncontrol = "pad {1..2}"\nto = "deck/{1..2}/mute"\n'
    )
    path.write_text(text + '\n[[bind]]\ncontrol = "cc 5"\nto = "xfade"\n')
    loaded = mapping_files.load(path)
    pads = (Binding("note 36", "deck/1/mute", channel=10), Binding("note 37", "deck/2/mute", channel=10))
    assert (loaded.bindings, loaded.ports) == ((*pads, Binding("cc 5", "xfade")), ("Box",))
    learnt = Binding("cc 6", "deck/1/pan")
    mapping_files.save(loaded, path)
    assert path.read_text().startswith(text)
    for bindings in ((*pads, learnt), (pads[1], learnt), (learnt, *pads)):
        mapping_files.save(Mapping("box", ("Box",), bindings, device="box"), path)
        assert mapping_files.load(path).bindings == bindings
    path.write_text(text.replace("pad {1..2}", "pads {1..2}"))
    with pytest.raises(WrongUse, match=r"box.toml:5: Box has no control 'pads 1'; did you mean pad 1"):
        mapping_files.load(path)
    path.write_text(text.replace('device = "box"', 'device = "boxes"'))
    with pytest.raises(WrongUse, match="no device is called 'boxes'; there are 16n, apc-mini"):
        mapping_files.load(path)


def test_the_lamp_of_a_control_has_its_facts() -> None:
    xl: ControllerDevice = DEVICES["launch-control-xl"]
    assert xl.controls["lower knob 8"].lamp == Lamp("note 127", off=12, on=60, steps=(12, 28, 44, 60))
    assert xl.hello == (bytes.fromhex("F0002029021177 08F7".replace(" ", "")),)
    assert DEVICES["apc-mini-mk2"].controls["pad 64"].lamp == Lamp(channel=7, on=21)
    assert DEVICES["16n"].controls["fader 16"].lamp is None
