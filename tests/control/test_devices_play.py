"""Every bundled device on a real JACK server, from another process: its bytes play, and its lamps light."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest

from perform.control import controller_device, mapping_files
from perform.control.binding import Binding
from perform.control.control_names import parse_control
from perform.control.control_values import centred
from perform.control.controller_device import ControllerDevice, DeviceControl
from perform.control.device_lamps import REST_S
from perform.control.router import REPORT_S
from perform.core import params
from tests.control.conftest import Control, Jack, eventually
from tests.control.device_rig import VirtualDevices

STEMS = sorted(path.stem for path in controller_device.bundled().glob("*.toml"))
#: names that match their device's ports where the pattern alone is no whole name
PORTS = {"launchpad-mini-mk3": "LPMiniMK3 MIDI", "launchpad-x": "LPX MIDI", "keyboard": "Keystation 49"}


@pytest.fixture(scope="module")
def playing(
    _server: Jack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Control, VirtualDevices]]:
    """One control process and one rig for all devices of this file: each test unplugs its devices."""
    if _server.process.poll() is not None:
        _server.start()
    rig, process = VirtualDevices(_server.env), Control(_server.env, tmp_path_factory.mktemp("home"))
    process.report("MidiPortsChanged", open=[])
    yield process, rig
    process.close()
    rig.end()


@pytest.fixture
def process(playing: tuple[Control, VirtualDevices]) -> Control:
    playing[0].arena.table[:] = params.defaults()
    return playing[0]


@pytest.fixture
def devices(playing: tuple[Control, VirtualDevices]) -> Iterator[VirtualDevices]:
    process, rig = playing
    yield rig
    rig.unplug_all()
    process.report("MidiPortsChanged", open=[])


def port_of(stem: str) -> str:
    facts = controller_device.find(stem)
    return PORTS.get(stem) or facts.ports[0]


def sent(control: DeviceControl, value: int) -> bytes:
    """The message of a control: 0..127."""
    kind, number = parse_control(control.binding["control"])
    channel = (control.channel or 1) - 1
    match kind:
        case "cc":
            return bytes((0xB0 + channel, number, value))
        case "note":
            return bytes((0x90 + channel, number, value))
        case "bend":
            return bytes((0xE0 + channel, 0 if value < 127 else 127, value))
        case "poly":  # any key
            return bytes((0xA0 + channel, 60, value))
        case "finger":  # on the member channels 2, 3...
            member, axis = number // 3 + 1, number % 3
            heads = ((0xD0 + member,), (0xB0 + member, 74), (0xE0 + member, 0 if value < 127 else 127))
            return bytes((*heads[axis], value))
    return bytes((0xC0 + channel, value))


def lit(control: DeviceControl, value: int) -> bytes:
    assert control.lamp
    kind, number = parse_control(control.lamp.send or control.binding["control"])
    channel = (control.lamp.channel or control.channel or 1) - 1
    return bytes(((0x90 if kind == "note" else 0xB0) + channel, number, value))


def play_all(process: Control, devices: VirtualDevices, moving: list[tuple[Binding, DeviceControl]]) -> None:
    """Move controls of different addresses to both ends: each parameter does what its binding says."""
    table = process.arena.table
    before = table.copy()
    for binding, _ in moving:
        if binding.effective_mode == "set":
            table[params.slot(binding.addresses[0])] = binding.spec.high

    def expect(what: Callable[[Binding], float]) -> None:
        for binding, control in moving:
            slot = params.slot(binding.addresses[0])
            arrived = lambda slot=slot, binding=binding: table[slot] == pytest.approx(what(binding))  # noqa: E731
            eventually(arrived, f"{control.name} moves {binding.to} to {what(binding)}, not {table[slot]}")

    def pressed(binding: Binding) -> float:
        slot = params.slot(binding.addresses[0])
        return (
            float(before[slot]) + 1
            if binding.spec.action
            else 5
            if binding.kind == "program"
            else binding.ends[1]
        )

    def released(binding: Binding) -> float:
        """A press and release again."""
        slot = params.slot(binding.addresses[0])
        if binding.spec.action:
            return float(before[slot]) + 2
        return 1 if binding.kind == "program" else binding.ends[0]

    follows = [it for it in moving if it[0].effective_mode in ("absolute", "momentary")]
    switches = [it for it in moving if it not in follows]
    devices.send(
        *(sent(control, value) for value in (0, 127) for _, control in follows if control.kind != "program")
    )
    devices.send(*(sent(control, 4) for _, control in follows if control.kind == "program"))
    devices.send(*(sent(control, value) for _, control in switches for value in (127, 0)))
    expect(pressed)
    devices.send(*(sent(control, 0) for _, control in follows))
    devices.send(*(sent(control, value) for _, control in switches for value in (127, 0)))
    expect(released)


@pytest.mark.parametrize("stem", STEMS)
def test_every_control_moves_what_the_map_says_and_every_lamp_lights(
    process: Control, devices: VirtualDevices, stem: str
) -> None:
    facts = controller_device.find(stem)
    mapping = mapping_files.load(
        mapping_files.bundled() / f"{'generic' if stem == 'keyboard' else stem}.toml"
    )
    port, table = port_of(stem), process.arena.table
    devices.plug(port)
    process.report("MidiPortsChanged", open=[port])
    lamps = {lit(control, 0)[:2] for control in facts.controls.values() if control.lamp}
    devices.hears(lambda heard: {message[:2] for message in heard if message[0] != 0xF0} == lamps)
    assert devices.heard()[: len(facts.hello)] == list(facts.hello)

    if any(binding.kind == "finger" for binding in mapping.bindings):
        devices.send(*(bytes((0x90 + member, 60 + member, 100)) for member in (1, 2)))
    rounds: dict[tuple[bool, int], list[tuple[Binding, DeviceControl]]] = {}
    seen: Counter[str] = Counter()
    for (
        binding
    ) in mapping.bindings:  # those of one address one after the other; `focus` moves other addresses
        if binding.kind == "keys":
            continue  # they play notes, see below
        (control,) = facts.controls_of(binding)
        rounds.setdefault((binding.to == "focus", seen[binding.addresses[0]]), []).append((binding, control))
        seen[binding.addresses[0]] += 1
    for moving in rounds.values():
        play_all(process, devices, moving)
    steady(devices)

    table[params.slot("focus")] = 1
    steady(devices)
    heard = len(devices.heard())
    expected = {}
    for binding, control in (it for moving in rounds.values() for it in moving):
        if (
            control.lamp is None
            or binding.spec.action
            or binding.to in ("scene/recall", "song/jump", "focus")
        ):
            continue
        if binding.effective_mode != "set" or binding.ends[1] == 1:
            table[params.slot(binding.addresses[0])] = binding.ends[1]
            steps = binding.effective_mode != "set" and control.lamp.steps
            expected[control.name] = lit(control, steps[-1] if steps else control.lamp.on)
    devices.hears(lambda messages: set(expected.values()) <= set(messages[heard - len(lamps) :]))
    assert {message[:2] for message in devices.heard() if message[0] != 0xF0} == lamps, "and nothing else"
    for binding in mapping.bindings:
        if binding.kind == "keys":
            channels = (binding.channel, binding.channel) if binding.channel else (6, 7)
            play_chord(process, devices, channels)


def play_chord(process: Control, devices: VirtualDevices, channels: tuple[int, int]) -> None:
    """Two keys sound together on a deck with three voices; the unplugged keyboard releases them."""
    table, gates, pitches = (
        process.arena.table,
        params.note_slots(1, "gate"),
        params.note_slots(1, "pitch"),
    )
    table[params.slot("deck/1/voices")] = 3
    devices.send(*(bytes((0x8F + c, key, 90)) for c, key in zip(channels, (57, 61), strict=True)))
    eventually(lambda: sorted(table[pitches][table[gates] == 1]) == [0, 4], "a chord of two notes")
    devices.unplug()
    eventually(lambda: not table[gates].any(), "the notes are released")


def steady(devices: VirtualDevices, number: int = 20) -> int:
    """Wait until nothing was heard for a third of a second; return how much was heard."""
    count, since = len(devices.heard(number)), time.monotonic()
    while time.monotonic() - since < 0.35:
        if len(devices.heard(number)) != count:
            count, since = len(devices.heard(number)), time.monotonic()
        time.sleep(0.01)
    return count


def shown(facts: ControllerDevice, messages: list[bytes]) -> dict[bytes, int]:
    return {message[:2]: message[2] for message in messages if len(message) == 3}


def test_lamps_follow_the_table_and_never_fight_the_hand(process: Control, devices: VirtualDevices) -> None:
    """All lamps at connect and at another focus, only differences in between, none to a moving control."""
    facts = controller_device.find("midi-fighter-twister")
    table = process.arena.table
    devices.plug("Midi Fighter Twister")
    process.report("MidiPortsChanged", open=["Midi Fighter Twister"])
    process.order("ListBindings")
    listed = lambda: [it["rows"] for it in process.reports if it["report"] == "BindingsListed"]  # noqa: E731
    rows = [(row["control"], row["sends"], row["to"]) for row in eventually(listed)[0]]
    assert ("press 1", "2:CC0", "focus/z/0/mute") in rows
    devices.hears(lambda heard: len(shown(facts, heard)) == 128)
    count = steady(devices)
    table[params.slot("deck/1/z/0/bias")] = 4.0
    devices.hears(lambda heard: heard[count:] == [bytes((0xB0, 0, 127))])
    table[params.slot("focus")] = 2
    devices.hears(lambda heard: len(shown(facts, heard[count + 1 :])) == 128)
    assert shown(facts, devices.heard()[count + 1 :])[bytes((0xB0, 0))] == 64

    count = steady(devices)
    slot, sent_at, pause = params.slot("deck/2/z/0/bias"), time.monotonic(), 0.0
    for value in range(65, 105):  # the ring goes on from where it was set: no jump
        devices.send(bytes((0xB0, 0, value)))
        pause, sent_at = max(pause, time.monotonic() - sent_at), time.monotonic()
        eventually(
            lambda value=value: table[slot] == pytest.approx(-4 + 8 * centred(value), abs=0.01),
            f"{value} moves it, not {table[slot]}",
        )
    lit = bytes((0xB0, 0)) in {message[:2] for message in devices.heard()[count:]}
    assert not lit or pause > REST_S / 2, "it moves"  # a busy machine makes a pause of which it rests
    devices.hears(lambda heard: bytes((0xB0, 0, 104)) in heard[count:])

    count = steady(devices)
    devices.send(bytes((0xB3, 0, 0)), bytes((0xB3, 1, 127)))  # another bank: all again
    devices.hears(lambda heard: len(shown(facts, heard[count:])) == 128)
    devices.unplug()
    process.report("MidiPortsChanged", open=[])
    devices.plug("Midi Fighter Twister", 24)
    devices.hears(lambda heard: len(shown(facts, heard)) == 128, 24)


def test_a_pedal_that_was_let_go_while_it_was_unplugged_fires_at_its_first_press(
    process: Control, devices: VirtualDevices
) -> None:
    go, press = params.slot("song/go"), bytes((0xB0, 67, 127))
    for socket in (20, 24):
        devices.plug("Footswitch", socket)
        eventually(lambda: process.report("MidiPortsChanged")["open"] == ["Footswitch"])
        if socket == 24:
            time.sleep(REPORT_S + 0.2)  # a pedal that is still held has said so by now
        devices.send(press, number=socket)
        eventually(lambda n=socket: process.arena.table[go] == (1 if n == 20 else 2), "it fires")
        devices.unplug(socket)
        process.report("MidiPortsChanged", open=[])


def test_each_of_two_equal_devices_has_its_own_lamps(process: Control, devices: VirtualDevices) -> None:
    devices.plug("MIDI Mix", 20), devices.plug("MIDI Mix", 24)
    eventually(lambda: set(process.report("MidiPortsChanged")["open"]) == {"MIDI Mix", "MIDI Mix #2"})
    for number in (20, 24):
        devices.hears(lambda heard: len({message[:2] for message in heard}) == 26, number)
    table, slot = process.arena.table, params.slot("deck/1/mute")
    devices.send(bytes((0x90, 1, 127)), bytes((0x80, 1, 0)), number=24)
    eventually(lambda: table[slot] == 1)
    for number in (20, 24):
        devices.hears(lambda heard: bytes((0x90, 1, 127)) in heard, number)
    devices.unplug(20)
    process.report("MidiPortsChanged", open=["MIDI Mix #2"])
    devices.send(bytes((0x90, 1, 127)), bytes((0x80, 1, 0)), number=24)
    eventually(lambda: table[slot] == 0)
    devices.hears(lambda heard: heard.count(bytes((0x90, 1, 0))) >= 2, 24)


ENDS = (64, 0, 127, 0)  #: moved so, a control has taken over whatever its parameter was


@pytest.mark.alone
@pytest.mark.parametrize("rounds", [1, 20])
def test_each_of_three_is_unplugged_and_replugged_in_a_sweep(
    _server: Jack, process: Control, devices: VirtualDevices, rounds: int
) -> None:
    """The others follow each step, its parameter keeps its value meanwhile, and then it plays on.

    Twenty rounds, the long form: `./check.sh --long`. Alone: an overloaded server removes clients. A stage
    answers with a new MIDI process, and there is no stage here.
    """
    table = process.arena.table
    faders = {  # socket -> device, CC of a fader, its parameter
        30: ("nanoKONTROL2", 0, "deck/1/gain"),
        34: ("MIDI Mix", 23, "deck/2/gain"),
        38: ("16n", 34, "deck/3/gain"),
    }
    slots = {number: params.slot(address) for number, (_, _, address) in faders.items()}
    for number, (name, _, _) in faders.items():
        devices.plug(name, number)
    plugged = lambda: set(process.report("MidiPortsChanged")["open"])  # noqa: E731
    everyone = {name for name, _, _ in faders.values()}
    eventually(lambda: plugged() == everyone, "all three")

    def connections() -> str:
        command = ["jack_lsp", "-c"]
        return subprocess.run(command, env=_server.env, capture_output=True, text=True, check=False).stdout

    def moved(number: int, *values: int) -> None:
        devices.send(*(bytes((0xB0, faders[number][1], value)) for value in values), number=number)

    def reaches(number: int, expected: object) -> bool:
        end = time.monotonic() + 1.5
        while table[slots[number]] != expected and time.monotonic() < end:
            time.sleep(0.002)
        return bool(table[slots[number]] == expected)

    def sweep(*values: int, numbers: Iterable[int]) -> None:
        """Move the faders step by step; each parameter follows each step of its own."""
        for value in values:
            for number in numbers:
                moved(number, value)
            for number in numbers:
                expected = pytest.approx(-60 + 66 * centred(value))
                for _ in range(10):  # JACK lost MIDI, or a reader: the hand moves again, from end to end
                    if reaches(number, expected):
                        break
                    lost.append(faders[number][0])
                    moved(number, *ENDS, value)
                assert table[slots[number]] == expected, f"{faders[number][0]} at {value}; {connections()}"

    def take_over(numbers: Iterable[int]) -> None:
        for number in numbers:
            moved(number, *ENDS)
        before = len(lost)
        sweep(0, numbers=numbers)
        del lost[before:]  # JACK loses what is sent right after a port was opened

    lost: list[str] = []  # devices whose step was not followed at once
    take_over(faders)
    for _ in range(rounds):
        for victim, (name, _, _) in faders.items():
            others = [number for number in faders if number != victim]
            sweep(0, 21, 42, numbers=faders)
            devices.unplug(victim)
            kept = float(table[slots[victim]])
            sweep(63, 84, numbers=others)
            eventually(lambda name=name: name not in plugged(), f"{name} is gone")
            assert table[slots[victim]] == kept
            devices.plug(name, victim)
            sweep(105, 127, numbers=others)
            eventually(lambda: plugged() == everyone, f"{name} is back")
            assert table[slots[victim]] == kept
            take_over([victim])
            sweep(127, 64, numbers=faders)
            # a replug that forgot the others' hands would lose a step of both of them at each victim
            assert len(lost) <= 1, lost
            lost.clear()
