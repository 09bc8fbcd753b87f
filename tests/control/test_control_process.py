"""The control process on a real JACK server, played by virtual controllers: ports, learning and failures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perform.control import mapping_files
from perform.control.binding import Binding
from perform.control.control_values import centred
from perform.control.hand import Takeover
from perform.control.mapping import Mapping
from perform.core import params
from tests.control.conftest import Control, Jack, eventually

Start = Callable[..., Control]
NANO, MIX = "nanoKONTROL2", "MIDI Mix"


def turn(number: int, channel: int = 1) -> list[tuple[int, int, int]]:
    """Four steps of a knob one way: learning wants three."""
    return [(0xAF + channel, number, value) for value in (60, 61, 62, 63, 64)]


def learnt(process: Control, address: str) -> bool:
    return any(r["report"] == "ControlLearned" and r["address"] == address for r in process.reports)


def test_a_known_controller_plays_as_soon_as_it_is_connected(jack: Jack, control: Start) -> None:
    process = control()
    process.report("MidiPortsChanged", open=[], error="")
    assert process.report("MappingChanged")["name"] == "generic"
    with jack.controller(NANO) as nano:
        process.report("MidiPortsChanged", open=[NANO], error="")
        bindings = process.report("MappingChanged", name=NANO)["bindings"]
        assert ["deck/1/gain", "nanoKONTROL2 CC0"] in bindings
        process.plays(nano, "deck/1/gain", 6.0, (0xB0, 0, 127))
        process.plays(nano, "deck/1/z/0/bias", -4.0, (0xB0, 16, 0))
        process.plays(nano, "focus", 3.0, (0xB0, 66, 127), (0xB0, 66, 0))  # R 3
        process.plays(nano, "deck/3/z/0/bias", 4.0, (0xB0, 16, 127))
        assert process.table("deck/1/z/0/bias") == -4.0
        process.plays(nano, "deck/1/mute", 1.0, (0xB0, 48, 127), (0xB0, 48, 0))
        process.plays(nano, "deck/1/mute", 0.0, (0xB0, 48, 127), (0xB0, 48, 0))
        process.plays(nano, "panic", 1.0, (0xB0, 42, 127), (0xB0, 42, 0))
        process.plays(nano, "deck/6/gain", 6.0, (0xB0, 5, 127))
        process.report("ControlTouched", text="nanoKONTROL2 1:CC5=127", address="deck/6/gain")
        eventually(lambda: nano.send((0xB0, 119, 1)) and process.arena.meter("control/unmapped"))
        process.report("ControlTouched", text="nanoKONTROL2 1:CC119=1", address="")


def test_pitch_bend_and_pedal_of_an_unknown_keyboard_play(jack: Jack, control: Start) -> None:
    process = control(mapping="generic")
    with jack.controller("Keystation") as keys:
        process.report("MidiPortsChanged", open=["Keystation"])
        process.plays(keys, "deck/1/z/1/bias", 4.0, (0xE4, 0x7F, 0x7F))
        process.plays(keys, "deck/1/z/1/bias", 0.0, (0xE4, 0, 0x40))
        process.plays(keys, "deck/1/z/1/bias", -4.0, (0xE4, 0, 0))
        process.plays(keys, "deck/1/freeze", 1.0, (0xB0, 64, 127))
        process.plays(keys, "deck/1/freeze", 0.0, (0xB0, 64, 0))


def test_values_stay_when_a_controller_is_unplugged_and_it_plays_when_it_is_back(
    jack: Jack, control: Start
) -> None:
    process = control(mapping="midimix")
    for value in (127, 0, 127):
        with jack.controller(MIX) as mix:
            process.report("MidiPortsChanged", open=[MIX], error="")
            process.plays(mix, "deck/1/gain", 6.0 if value else -60.0, (0xB0, 19, value))
            process.plays(mix, "deck/2/mute", 1.0 if value else 0.0, (0x90, 4, 64), (0x80, 4, 0))
        process.report(
            "MidiPortsChanged", open=[], error="MIDI Mix is unplugged; its parameters keep their values"
        )
        assert process.table("deck/1/gain") == (6.0 if value else -60.0)


def test_a_controller_replugged_between_two_polls_plays_on(jack: Jack, control: Start) -> None:
    process = control(mapping="nanokontrol2")
    ports = [f"{NANO} [{client}] (capture): MIDI 1" for client in (20, 24)]  # as a2j names ALSA's
    with jack.controller("a2j", ports[0]) as nano:
        process.report("MidiPortsChanged", open=[NANO])
        for gain, port in ((6.0, ports[1]), (-60.0, ports[0]), (6.0, ports[1])):
            nano.replug(port)
            process.plays(nano, "deck/1/gain", gain, (0xB0, 0, 127 if gain > 0 else 0))


@pytest.mark.parametrize("takeover", ["scale", "pickup"])
def test_no_step_of_a_knob_makes_a_jump(
    jack: Jack, control: Start, tmp_path: Path, takeover: Takeover
) -> None:
    """While songs, scenes and the focus move what it is mapped to: 3 % of the range at most."""
    path = tmp_path / "hand.toml"
    mapping_files.save(Mapping("hand", (), (Binding("cc 7", "focus/z/0/bias"),), takeover), path)
    process, chance = control(mapping=str(path)), np.random.default_rng(3)
    table, slots = process.arena.table, [params.slot(f"deck/{deck}/z/0/bias") for deck in (1, 2)]
    reached, largest, at, way = set(), 0.0, 64, 6
    with jack.controller("Keys") as keys:
        process.report("MidiPortsChanged", open=["Keys"])
        for step in range(200):
            if step % 30 == 10:
                table[slots] = chance.uniform(-4, 4, 2)
            if step % 30 == 20:
                table[params.slot("focus")] = 3 - table[params.slot("focus")]
            way = -way if at in (0, 127) else way
            at = min(max(at + way, 0), 127)
            before, count = table[slots].copy(), process.arena.meter("control/count")
            process.receives(keys, count + 1, (0xB0, 7, at))
            largest = max(largest, float(np.abs(table[slots] - before).max()) / 8 / 6)
            reached.update({-4.0, 4.0} & set(table[slots].tolist()))
    assert 0.0 < largest <= 0.03
    assert reached == {-4.0, 4.0}


def test_two_controllers_with_the_same_cc_numbers_move_different_parameters(
    jack: Jack, control: Start, tmp_path: Path
) -> None:
    path = tmp_path / "two.toml"
    bindings = [
        Binding(control="cc 20", to="deck/1/pan", port="left"),
        Binding(control="cc 20", to="deck/2/pan", port="Right"),
        Binding(control="cc 21", to="xfade"),
    ]
    mapping_files.save(Mapping("two", bindings=tuple(bindings)), path)
    process = control(mapping=str(path))
    with jack.controller("Left Hand") as left, jack.controller("Right Hand") as right:
        eventually(lambda: sorted(process.report("MidiPortsChanged")["open"]) == ["Left Hand", "Right Hand"])
        process.plays(left, "deck/1/pan", -1.0, (0xB0, 20, 0))
        process.plays(right, "deck/2/pan", 1.0, (0xB0, 20, 127))
        assert process.table("deck/1/pan") == -1.0
        process.plays(right, "xfade", 0.0, (0xB3, 21, 0))
        process.plays(left, "xfade", 1.0, (0xB4, 21, 127))


def test_each_of_several_controllers_has_its_own_mapping(jack: Jack, control: Start) -> None:
    """Plugging in or unplugging one changes nothing for the others."""
    process = control()
    with jack.controller(NANO) as nano, jack.controller("Keystation") as keys:
        eventually(lambda: sorted(process.report("MidiPortsChanged")["open"]) == sorted([NANO, "Keystation"]))
        process.plays(nano, "deck/1/gain", 6.0, (0xB0, 0, 127))
        process.plays(keys, "deck/1/z/1/bias", 4.0, (0xE4, 0x7F, 0x7F))  # generic: pitch bend
        with jack.controller(MIX) as mix:
            eventually(lambda: MIX in process.report("MidiPortsChanged")["open"])
            process.plays(mix, "deck/1/gain", -60.0, (0xB0, 19, 0))
            process.plays(nano, "deck/1/gain", 6.0, (0xB0, 0, 127))
            process.plays(keys, "deck/1/z/1/bias", -4.0, (0xE4, 0, 0))
            bindings = process.report("MappingChanged")["bindings"]
            assert ["deck/1/gain", "nanoKONTROL2 CC0"] in bindings
            assert process.report("MappingChanged")["others"] == 2
            assert any(control.startswith(f"{MIX} ") for _, control in bindings)
        eventually(lambda: MIX not in process.report("MidiPortsChanged")["open"])
        process.plays(nano, "deck/1/gain", -60.0, (0xB0, 0, 0))


def test_a_control_learnt_on_the_second_controller_moves_only_that(jack: Jack, control: Start) -> None:
    process = control()
    with jack.controller(NANO) as nano, jack.controller(MIX) as mix:
        eventually(lambda: sorted(process.report("MidiPortsChanged")["open"]) == sorted([NANO, MIX]))
        process.order("LearnControl", address="xfade", range=None)
        eventually(lambda: mix.send(*turn(19)) and learnt(process, "xfade"))
        process.order("LearnControl", address="", range=None)
        before = process.table("deck/1/gain")
        process.plays(mix, "xfade", 1.0, (0xB0, 19, 127))
        assert process.table("deck/1/gain") == before, "its own mapping no longer binds that fader"
        process.plays(mix, "deck/2/gain", -60.0, (0xB0, 23, 0))
        process.plays(nano, "deck/1/gain", 6.0, (0xB0, 0, 127))


def test_only_the_chosen_ports_are_opened(jack: Jack, control: Start) -> None:
    with jack.controller(NANO), jack.controller(MIX):
        control(ports=("mix",)).report("MidiPortsChanged", open=[MIX], error="")
        lost = control(ports=("launch",)).report("MidiPortsChanged", open=[])
        assert "launch" in lost["error"] and NANO in lost["error"]


def test_learning_binds_a_control_and_writes_the_mapping_file(jack: Jack, control: Start) -> None:
    process = control()
    own, of_mix = (process.home / "controllers" / f"{stem}.toml" for stem in ("nanokontrol2", "midimix"))
    bundled = mapping_files.find("nanokontrol2").read_bytes()
    with jack.controller(NANO) as nano, jack.controller(MIX) as mix:
        eventually(lambda: len(process.report("MidiPortsChanged")["open"]) == 2)
        process.order("LoadMapping", path="nanokontrol2")
        process.report("MappingChanged", name=NANO)
        process.order("LearnControl", address="deck/2/z/7/bias")
        process.order("LearnControl", address="deck/2/zz")
        assert "deck/2/zz" in process.report("ControlFailed")["error"]
        moves = (0xB2, 0, 5), (0xB2, 121, 0), (0x80, 3, 0), *turn(33, 3)
        eventually(lambda: mix.send(*moves) and learnt(process, "deck/2/z/7/bias"))
        process.report("ControlLearned", address="deck/2/z/7/bias", control="MIDI Mix 3:CC33")
        eventually(of_mix.exists)
        mix_bound = mapping_files.load(of_mix)
        assert mix_bound.bindings == (Binding("cc 33", "deck/2/z/7/bias", channel=3, port=MIX),)
        assert (mix_bound.extends, own.exists()) == ("midimix", False), "in the mapping of that device alone"
        process.plays(mix, "deck/2/z/7/bias", 4.0, (0xB2, 33, 127))

        process.order("LearnControl", address="deck/2/pan")  # still learning: knob 1 leaves its latent
        eventually(lambda: nano.send(*turn(16)) and learnt(process, "deck/2/pan"))
        process.report("ControlLearned", control="nanoKONTROL2 1:CC16")
        process.order("LearnControl", address="")
        was = process.table("deck/1/z/0/bias")
        process.plays(nano, "deck/2/pan", 1.0, (0xB0, 16, 127))
        assert process.table("deck/1/z/0/bias") == was

        taught = Binding(control="cc 16", to="deck/2/pan", channel=1, port=NANO)
        eventually(own.exists)
        eventually(lambda: [b for b in mapping_files.load(own).bindings if b.to == "deck/2/pan"] == [taught])
        process.report("MappingChanged", changed=False, path=str(own), name=NANO)
        assert (mapping_files.load(own).name, mapping_files.load(own).extends) == (NANO, "nanokontrol2")
        process.plays(nano, "deck/1/z/1/bias", 4.0, (0xB0, 17, 127))  # the factory's knob 2
        assert mapping_files.find("nanokontrol2").read_bytes() == bundled

        process.order("UnlearnControl", address="deck/2/pan")
        eventually(lambda: all(b.to != "deck/2/pan" for b in mapping_files.load(own).bindings))
        process.order("UnlearnControl", address="deck/2/pan")
        process.report("ControlFailed", error="no control is mapped to 'deck/2/pan'")
        process.order("UnlearnControl", address="focus/z/1/bias")
        eventually(lambda: Binding("cc 17", "nothing") in mapping_files.load(own).bindings)

        process.order("WriteMapping", name="friday", path="")
        process.report("MappingWritten", path=str(process.home / "controllers" / "friday.toml"))
        process.report("MappingChanged", name="friday")
        process.order("WriteMapping", name="nanokontrol2", path="")
        eventually(lambda: "another mapping has that name" in process.report("ControlFailed")["error"])
        process.order("LoadMapping", path="nothing")
        eventually(lambda: "footswitch, friday, generic" in process.report("ControlFailed")["error"])
        process.report("MappingChanged", name="friday")


def test_an_encoder_is_learnt_in_two_turns_and_taken_back(jack: Jack, control: Start) -> None:
    process = control()
    with jack.controller("Box") as box:
        process.report("MidiPortsChanged", open=["Box"])
        process.order("LearnControl", address="deck/1/pan", options={"range": [-0.5, 0.5]})

        def asked() -> bool:
            box.send(*[(0xB0, 30, 1)] * 4)
            return any(r["report"] == "LearnAsked" and "left" in r["question"] for r in process.reports)

        eventually(asked)
        eventually(lambda: box.send((0xB0, 30, 127)) and learnt(process, "deck/1/pan"))
        process.order("LearnControl", address="")
        file = process.home / "controllers" / "Box.toml"
        taught = Binding("cc 30", "deck/1/pan", 1, "Box", range=(-0.5, 0.5), encoding="twos")
        eventually(lambda: file.exists() and mapping_files.load(file).bindings == (taught,))
        process.plays(box, "deck/1/pan", 0.5, *[(0xB0, 30, 63)] * 5)
        process.order("UndoBinding")
        process.report("BindingUndone", change="Box 1:CC30 moves deck/1/pan")
        eventually(lambda: mapping_files.load(file).bindings == ())
        process.order("UndoBinding")
        eventually(lambda: "no change of the mapping" in process.report("ControlFailed")["error"])


def test_a_mapping_that_cannot_be_written_plays_and_is_written_later(jack: Jack, control: Start) -> None:
    process = control()
    folder = process.home / "controllers"
    folder.write_text("in the way")
    with jack.controller("Keys") as keys:
        process.report("MidiPortsChanged", open=["Keys"])
        process.order("LearnControl", address="xfade")
        eventually(lambda: keys.send(*turn(50)) and learnt(process, "xfade"))
        process.report("MappingChanged", changed=True)
        process.plays(keys, "xfade", 1.0, (0xB0, 50, 127))
        folder.unlink()
        process.order("WriteMapping", name="later")
        process.report("MappingChanged", changed=False, name="later")
        assert any(b.to == "xfade" for b in mapping_files.load(folder / "later.toml").bindings)


def test_a_mapping_that_cannot_be_read_is_replaced_by_generic(jack: Jack, control: Start) -> None:
    process = control(mapping="/nowhere/x.toml")
    process.report("ControlFailed")
    process.report("MappingChanged", name="generic")
    with jack.controller("Keys") as keys:
        process.report("MidiPortsChanged", open=["Keys"])
        process.plays(keys, "deck/1/gain", 6.0, (0xB0, 7, 127))


def test_no_message_of_a_burst_is_lost_and_latency_is_under_three_periods(jack: Jack, control: Start) -> None:
    process = control(mapping="generic")
    values = [int(v) for v in np.random.default_rng(0).integers(0, 128, 4999)] + [101]
    with jack.controller("Keys") as keys:
        process.report("MidiPortsChanged", open=["Keys"])

        def whole() -> bool:  # JACK itself loses a period of MIDI where the machine is overloaded
            before = process.arena.meter("control/count")
            keys.send(*((0xB0, 10, v) for v in values))
            process.plays(keys, "deck/1/gain", 6.0, (0xB0, 7, 127))
            process.plays(keys, "deck/1/gain", -60.0, (0xB0, 7, 0))
            return process.arena.meter("control/count") == before + 5000 + 2 * 3

        eventually(whole, "5,000 messages at once")
        assert process.table("deck/1/pan") == pytest.approx(-1 + 2 * centred(101))
        delays = []
        for value in [-1.0, 1.0] * 50:
            sent = time.monotonic()
            process.plays(keys, "deck/1/pan", value, (0xB0, 10, 0 if value < 0 else 127))
            delays.append(time.monotonic() - sent)
    assert np.median(delays) < 3 * 1024 / 48000


def test_the_process_reports_and_ends_when_the_server_dies(jack: Jack, control: Start) -> None:
    process = control()
    with jack.controller(NANO) as nano:
        process.report("MidiPortsChanged", open=[NANO])
        process.plays(nano, "deck/1/gain", 6.0, (0xB0, 0, 127))
        jack.kill()
        assert process.process.wait(10) == 1
        process.report(
            "MidiPortsChanged",
            open=[],
            error="the JACK server is gone or hangs; parameters keep their values",
        )
        assert process.table("deck/1/gain") == 6.0


def test_the_process_ends_when_the_server_hangs(jack: Jack, control: Start) -> None:
    process = control()
    process.report("MidiPortsChanged", open=[])
    os.kill(jack.process.pid, signal.SIGSTOP)
    try:
        assert process.process.wait(10) == 1
    finally:
        os.kill(jack.process.pid, signal.SIGCONT)


def test_the_process_waits_for_a_midi_system(jack: Jack, control: Start) -> None:
    jack.stop()
    process = control()
    assert process.report("MidiPortsChanged", open=[])["error"] == "no MIDI system: JACK server not running"
    jack.start()
    with jack.controller(NANO):
        process.report("MidiPortsChanged", open=[NANO], error="")
    assert sum(r["report"] == "MidiPortsChanged" and "no MIDI" in r["error"] for r in process.reports) == 1


def test_the_process_ends_with_the_stage(jack: Jack, control: Start) -> None:
    process = control()
    process.report("MidiPortsChanged", open=[])
    assert process.close() == 0


def test_the_process_ends_if_the_stage_closes_without_an_order(jack: Jack) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perform.control.control_process"],
        stdin=subprocess.DEVNULL,
        env=jack.env,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0
