"""All kinds of MIDI messages, and random ones: no exception, no value outside its range, nothing deaf.

PERFORM_FUZZ=100 is the long form: 10^6 random bytes and 10^5 random messages.
"""

from __future__ import annotations

import math
import os
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.control.binding import Binding
from perform.control.control_names import ControlId
from perform.control.control_values import ControlEvent, centred
from perform.control.hand import Takeover
from perform.control.mapping import Mapping
from perform.control.midi_parser import HOLD_S, MidiParser
from perform.control.router import ControlRouter
from perform.core import params
from perform.core.params import SPEC_AT
from tests.control.test_router import Rig

FUZZ = int(os.environ.get("PERFORM_FUZZ", "1"))
PAIR = ControlId("cc", 128 + 128 * 12 + 44, 1)


def sent(parser: MidiParser, *messages: tuple[int, ...], at: float = 0.0) -> list[ControlEvent]:
    return [event for data in messages for event in parser.parse(data, at)]


def values(events: list[ControlEvent]) -> list[tuple[str, int, int]]:
    return [(event.source.kind, event.source.number, event.value) for event in events]


def test_the_middle_is_exact() -> None:
    assert [centred(value) for value in (0, 64, 127)] == [0.0, 0.5, 1.0]
    assert [centred(value, 16384) for value in (0, 8192, 16383)] == [0.0, 0.5, 1.0]
    for size in (128, 16384):
        positions = [centred(value, size) for value in range(size)]
        assert all(a < b for a, b in pairwise(positions))
    rig = Rig(Binding("cc 1", "deck/1/pan"), Binding("cc 2", "xfade"))
    rig(0xB0, 1, 64), rig(0xB0, 2, 64)
    assert (rig.get("deck/1/pan"), rig.get("xfade")) == (0.0, 0.5)


def test_two_ccs_are_one_14_bit_control_only_if_a_mapping_says_so() -> None:
    parser = MidiParser()
    assert values(sent(parser, (0xB0, 12, 63), (0xB0, 44, 127))) == [("cc", 12, 63), ("cc", 44, 127)]
    parser.use({PAIR})
    sent(parser, (0xB0, 12, 63), (0xB0, 44, 127))
    events = sent(parser, (0xB0, 12, 64), (0xB0, 44, 0), (0xB0, 12, 63), (0xB0, 44, 127))
    assert values(events) == [(*PAIR[:2], 8192), (*PAIR[:2], 8191)], "no value between the two halves"
    assert values(sent(parser, (0xB1, 12, 3))) == [("cc", 12, 3)], "another channel"


def test_an_msb_without_its_lsb_is_heard_after_five_milliseconds() -> None:
    parser = MidiParser()
    parser.use({PAIR})
    assert values(sent(parser, (0xB0, 12, 127))) == [(*PAIR[:2], 127)], "no LSB yet: 7 bits, at once"
    sent(parser, (0xB0, 44, 5))
    assert sent(parser, (0xB0, 12, 1), at=1.0) == [] and parser.is_waiting
    assert list(parser.overdue(1.0 + HOLD_S / 2)) == []
    assert values(list(parser.overdue(1.0 + 1.01 * HOLD_S))) == [(*PAIR[:2], 128 + 5)]
    assert not parser.is_waiting
    events = sent(parser, (0xB0, 12, 2), (0xB0, 12, 3), (0xB0, 44, 9))
    assert values(events) == [(*PAIR[:2], 261), (*PAIR[:2], 393)], "two MSBs in a row lose nothing"


def test_a_device_that_sends_lsbs_first_is_understood_after_two_values() -> None:
    parser = MidiParser()
    parser.use({PAIR})
    heard = []
    for n, value in enumerate((8000, 8050, 8190, 8191, 8192, 8191)):
        events = sent(parser, (0xB0, 44, value & 127), (0xB0, 12, value >> 7), at=0.02 * n)
        heard.append([event.value for event in (*events, *parser.overdue(0.02 * n + 0.01))])
    assert heard[-4:] == [[8190], [8191], [8192], [8191]], "no value between the two halves"
    assert [last for *_, last in heard[:2]] == [8000, 8050]
    assert sent(parser, (0xB0, 44, 5), at=1.0) == []
    assert [event.value for event in parser.overdue(1.1)] == [63 * 128 + 5], "an LSB alone"


def test_nrpn_and_rpn_select_a_parameter_and_set_it() -> None:
    parser = MidiParser()
    first = sent(parser, (0xB0, 99, 1), (0xB0, 98, 2), (0xB0, 6, 100))
    assert values(first) == [("nrpn", 130, 100)] and first[0].position == centred(100)
    assert values(sent(parser, (0xB0, 38, 3))) == [("nrpn", 130, 12803)]
    assert values(sent(parser, (0xB0, 101, 0), (0xB0, 100, 0), (0xB0, 6, 2))) == [("rpn", 0, 2)]
    steps = sent(parser, (0xB0, 96, 0), (0xB0, 97, 0))
    assert [event.step for event in steps] == [1, -1]
    assert values(sent(parser, (0xB0, 101, 127), (0xB0, 100, 127), (0xB0, 6, 2))) == [("cc", 6, 2)], "none"
    assert values(sent(parser, (0xB3, 6, 2))) == [("cc", 6, 2)], "each channel has its own"
    parser.use({ControlId("cc", 6, 1)})
    assert values(sent(parser, (0xB0, 99, 1), (0xB0, 98, 2), (0xB0, 6, 5))) == [("cc", 6, 5)], (
        "mapped as a cc"
    )


def test_bend_pressure_and_program_have_their_values() -> None:
    parser = MidiParser()
    events = sent(parser, (0xE0, 0, 64), (0xD1, 90), (0xA2, 60, 127), (0xC3, 11))
    assert values(events) == [("bend", 0, 0), ("pressure", 0, 90), ("poly", 60, 127), ("program", 0, 11)]
    assert [event.position for event in events[:3]] == [0.5, centred(90), 1.0]
    parser.use({ControlId("program", 12, 4), ControlId("program", 129 + 128 + 11, 4)})
    assert values(sent(parser, (0xC3, 11))) == [("program", 12, 11)]
    assert values(sent(parser, (0xB3, 32, 1), (0xC3, 11))[1:]) == [("program", 268, 11)], "bank 0/1"


@pytest.mark.parametrize("takeover", ["scale", "pickup"])
def test_an_encoder_moves_from_the_parameters_own_value(takeover: str) -> None:
    rig = Rig(
        Binding("cc 1", "deck/1/pan", encoding="twos"),
        Binding("cc 2", "deck/1/pan", encoding="offset16", steps=10),
        Binding("cc 3", "deck/1/pan", encoding="sign", range=(1, -1)),
        Binding("cc 4", "deck/1/source", encoding="offset"),
        Binding("cc 5", "deck/1/z/0/bias", encoding="twos", range=(-1, 1)),
        takeover=takeover,  # type: ignore[arg-type]
    )
    rig.table[params.slot("deck/1/pan")] = -0.5  # a song
    rig(0xB0, 1, 1)
    assert rig.get("deck/1/pan") == pytest.approx(-0.5 + 2 / 128)
    rig(0xB0, 2, 18)
    assert rig.get("deck/1/pan") == pytest.approx(-0.5 + 2 / 128 + 2 * 2 / 10)
    rig.table[params.slot("deck/1/pan")] = 0.0
    rig(0xB0, 3, 1)
    assert rig.get("deck/1/pan") == pytest.approx(-2 / 128), "an inverted range turns the other way"
    rig(0xB0, 1, 64)
    rig(0xB0, 1, 63), rig(0xB0, 1, 63), rig(0xB0, 1, 63)
    assert rig.get("deck/1/pan") == 1.0, "it ends at the end"
    sources = []
    for value in (65, 65, 63, 63, 63):
        rig(0xB0, 4, value)
        sources.append(rig.get("deck/1/source"))
    assert sources == [1, 2, 1, 0, 0], "one choice each step"
    rig.table[params.slot("deck/1/z/0/bias")] = 3.0  # outside the range of the encoder
    rig(0xB0, 5, 1)
    assert rig.get("deck/1/z/0/bias") == 3.0, "not further out"
    rig(0xB0, 5, 127)
    assert rig.get("deck/1/z/0/bias") == pytest.approx(3.0 - 2 / 128), "and no jump on the way back"
    assert np.isnan(rig.hardware).all(), "an encoder stands nowhere"


def test_increments_move_a_parameter() -> None:
    rig = Rig(
        Binding("nrpn 1/2", "deck/1/pan", encoding="incdec", steps=4),
        Binding("cc 70/71", "deck/2/pan", encoding="incdec", steps=4),
        Binding("cc 72", "deck/3/pan", encoding="incdec", steps=4),
    )
    rig(0xB0, 99, 1), rig(0xB0, 98, 2), rig(0xB0, 96, 0)
    rig(0xB0, 70, 1), rig(0xB0, 70, 1), rig(0xB0, 71, 1)
    rig(0xB0, 72, 127), rig(0xB0, 72, 0), rig(0xB0, 72, 127)
    assert [rig.get(f"deck/{deck}/pan") for deck in (1, 2, 3)] == [0.5, 0.5, 0.5]


def test_a_quick_turn_of_an_encoder_moves_further() -> None:
    now = [10.0]
    rig = Rig(Binding("cc 1", "deck/1/pan", encoding="twos", accel=4.0), clock=lambda: now[0])
    pan = params.slot("deck/1/pan")

    def turned(pause: float) -> float:
        rig.table[pan] = -1.0
        for _ in range(20):
            now[0] += pause
            rig(0xB0, 1, 1)
        return (rig.get("deck/1/pan") + 1.0) / (20 * 2 / 128)

    assert turned(0.3) == pytest.approx(1.0)
    assert 2.5 < turned(0.005) <= 4.0


def test_pressure_and_poly_pressure_move_a_parameter_from_its_low_end() -> None:
    rig = Rig(
        Binding("pressure", "deck/1/z/0/bias", range=(0, 3), deadzone=0.1),
        Binding("poly 60", "deck/1/z/1/bias", range=(0, 3)),
        takeover="scale",
    )
    rig(0xD0, 10), rig(0xA0, 60, 64)
    assert (rig.get("deck/1/z/0/bias"), rig.get("deck/1/z/1/bias")) == (0.0, 1.5)
    rig(0xD0, 127), rig(0xA0, 60, 0), rig(0xA0, 61, 90)
    assert (rig.get("deck/1/z/0/bias"), rig.get("deck/1/z/1/bias")) == (3.0, 0.0)


def test_a_program_may_be_a_press() -> None:
    rig = Rig(
        Binding("program 4", "scene/recall", value="3"),
        Binding("program 0/2/5", "song/go"),
        Binding("program", "song/jump"),
    )
    rig(0xC0, 3), rig(0xC0, 4), rig(0xB0, 0, 0), rig(0xB0, 32, 2), rig(0xC0, 4)
    assert (rig.get("scene/recall"), rig.get("song/jump"), rig.get("song/go")) == (3, 5, 1)


@pytest.mark.parametrize("takeover", ["scale", "pickup", "jump"])
def test_increments_of_an_absolute_control_move_its_parameter_by_a_step(takeover: Takeover) -> None:
    """A data increment has no position: it must not move the parameter to the middle."""
    rig = Rig(Binding("nrpn 1/2", "deck/1/gain", range=(-40, 12)), takeover=takeover)
    params.set_value(rig.table, "deck/1/gain", 8.0)
    rig(0xB0, 99, 1), rig(0xB0, 98, 2)
    rig(0xB0, 96, 0)
    raised = rig.get("deck/1/gain")
    assert 8.0 < raised < 8.0 + 0.02 * 52
    rig(0xB0, 97, 0), rig(0xB0, 97, 0)
    assert 8.0 - 0.02 * 52 < rig.get("deck/1/gain") < 8.0
    rig(0xB0, 96, 0)
    before = rig.get("deck/1/gain")
    rig(0xB0, 6, 64), rig(0xB0, 6, 65)  # a knob: where it stands was unknown until now
    assert takeover == "jump" or abs(rig.get("deck/1/gain") - before) < 0.03 * 52


def test_14_bit_and_nrpn_controls_press_and_take_over() -> None:
    rig = Rig(
        Binding("cc 12/44", "deck/1/gain"),
        Binding("nrpn 0/7", "deck/1/mute", mode="toggle"),
        Binding("rpn 0/5", "deck/2/pan"),
        takeover="scale",
    )
    rig(0xB0, 12, 0), rig(0xB0, 44, 0), rig(0xB0, 12, 127), rig(0xB0, 44, 127)
    assert rig.get("deck/1/gain") == 12.0
    rig.table[params.slot("deck/1/gain")] = -40.0  # a song
    rig(0xB0, 12, 127), rig(0xB0, 44, 100)
    assert rig.get("deck/1/gain") == pytest.approx(-40.0, abs=0.2), "and no jump"
    for value in (127, 0, 127):
        rig(0xB0, 99, 0), rig(0xB0, 98, 7), rig(0xB0, 6, value)
    assert rig.get("deck/1/mute") == 0.0, "pressed twice"
    rig(0xB0, 101, 0), rig(0xB0, 100, 5)
    for value in (64, 0, 127, 64):
        rig(0xB0, 6, value)
    assert rig.get("deck/2/pan") == 0.0
    assert rig.meter("unmapped") == 0, "selecting is not a control"


def test_an_msb_left_alone_reaches_its_parameter() -> None:
    rig = Rig(Binding("cc 12/44", "deck/1/pan"))
    rig(0xB0, 12, 3), rig(0xB0, 44, 0), rig(0xB0, 12, 127)
    assert rig.get("deck/1/pan") < 0 and rig.router.is_waiting
    while rig.router.is_waiting:
        rig.router.tick()
    assert rig.get("deck/1/pan") > 0.9


def test_one_knob_moves_several_parameters() -> None:
    rig = Rig(
        Binding("cc 1", "deck/1/z/0/bias"),
        Binding("cc 1", "deck/1/pan", range=(1, -1), curve=(0.0, 0.0, 0.25, 1.0)),
        Binding("cc 1", "deck/2/pan", deadzone=0.2),
        Binding("cc 1", "deck/3/pan", step=0.5),
        takeover="scale",
    )
    for value in (64, 0, 64, 127):
        rig(0xB0, 1, value)
        ends = [rig.get(f"deck/{deck}/pan") for deck in (1, 2, 3)]
        if value != 64:
            assert [rig.get("deck/1/z/0/bias"), *ends] == ([-4, 1, -1, -1] if value == 0 else [4, -1, 1, 1])


@pytest.mark.parametrize(
    ("value", "curved", "zone", "stepped"),
    [
        (64, 0.75, 0.0, 0.0),  # halfway along the second of three pieces
        (70, 1 - 2 * 0.25 * (3 * (0.5 + 6 / 126) - 1), 0.0, 0.0),
        (96, 1 - 2 * (0.25 + 0.75 * (3 * (0.5 + 32 / 126) - 2)), (32 / 126 - 0.1) / 0.4, 0.5),
        (80, 1 - 2 * 0.25 * (3 * (0.5 + 16 / 126) - 1), (16 / 126 - 0.1) / 0.4, 0.5),
    ],
)
def test_curves_dead_zones_and_steps_between_the_ends(
    value: int, curved: float, zone: float, stepped: float
) -> None:
    rig = Rig(
        Binding("cc 1", "deck/1/pan", range=(1, -1), curve=(0.0, 0.0, 0.25, 1.0)),
        Binding("cc 1", "deck/2/pan", deadzone=0.2),
        Binding("cc 1", "deck/3/pan", step=0.5),
    )
    rig(0xB0, 1, value)
    assert rig.get("deck/1/pan") == pytest.approx(curved)
    assert rig.get("deck/2/pan") == pytest.approx(zone)
    assert rig.get("deck/3/pan") == stepped


def test_the_hardest_pressed_key_counts() -> None:
    rig = Rig(Binding("poly", "deck/1/pan", range=(-1, 1)), Binding("poly 62", "deck/2/pan", range=(-1, 1)))
    for key, pressure, hardest in (
        (60, 64, 0.0),
        (62, 127, 1.0),
        (60, 127, 1.0),
        (62, 0, 1.0),
        (60, 64, 0.0),
    ):
        rig(0xA0, key, pressure)
        assert rig.get("deck/1/pan") == hardest, (key, pressure)
    assert rig.get("deck/2/pan") == -1.0
    rig(0xA0, 61, 32), rig(0x80, 60, 0)
    assert rig.get("deck/1/pan") == 2 * centred(32) - 1, "the other key is still pressed"
    rig(0x80, 61, 0)
    assert rig.get("deck/1/pan") == -1.0


def test_a_later_layer_that_binds_one_half_hides_a_14_bit_control() -> None:
    rig = Rig()
    pair, half = Binding("cc 12/44", "deck/1/pan"), Binding("cc 44", "deck/2/pan")
    rig.use(Mapping("device", (), (pair,), "jump"), Mapping("mine", (), (half,), "jump"))
    rig(0xB0, 44, 127)
    assert (rig.get("deck/1/pan"), rig.get("deck/2/pan")) == (0.0, 1.0)
    rig.use(Mapping("device", (), (half,), "jump"), Mapping("mine", (), (pair,), "jump"))
    rig(0xB0, 12, 127), rig(0xB0, 44, 127)
    assert (rig.get("deck/1/pan"), rig.get("deck/2/pan")) == (1.0, 1.0)


BINDINGS = (
    Binding("cc 12/44", "deck/1/pan"),
    Binding("nrpn 1/2", "deck/1/z/0/bias", range=(-3, 3), curve="s"),
    Binding("nrpn 1/3", "deck/1/speed", encoding="incdec"),
    Binding("rpn 0/0", "deck/2/pan", curve=(0.0, 0.3, 1.0)),
    Binding("cc 1", "deck/3/speed", encoding="twos", accel=8.0),
    Binding("cc 2", "deck/1/source", encoding="sign"),
    Binding("cc 70/71", "deck/4/pan", encoding="incdec"),
    Binding("bend", "deck/2/z/1/bias", deadzone=0.3),
    Binding("pressure", "deck/2/z/2/bias", step=0.7),
    Binding("poly 60", "deck/2/z/3/bias"),
    Binding("poly", "deck/3/z/3/bias"),
    Binding("note 60", "deck/5/pan"),
    Binding("note 61", "deck/5/mute"),
    Binding("program", "song/jump"),
    Binding("program 4", "scene/recall", value="3"),
    Binding("program 1/1/4", "song/go"),
    Binding("finger 1 press", "deck/6/z/0/bias"),
    Binding("finger 2 bend", "deck/6/z/1/bias", mode="absolute"),
    Binding("finger 1 slide", "deck/6/mute"),
)


def check(router: ControlRouter, rig: Rig) -> None:
    """Every value is in its range, and the next good message is heard."""
    for slot, value in enumerate(rig.table):
        assert math.isfinite(value) and SPEC_AT[slot].clamp(float(value)) == value
    for velocity in (1, 127):
        rig(0x90, 60, velocity)
        assert rig.get("deck/5/pan") == 2 * centred(velocity) - 1
    rig(0xE0, 127, 127), rig(0xE0, 0, 64), rig(0xE0, 0, 0)
    assert rig.get("deck/2/z/1/bias") == -4.0


def test_random_bytes_do_no_harm() -> None:
    rig = Rig(*BINDINGS)
    random = np.random.default_rng(1)
    noise = random.integers(0, 256, 10_000 * FUZZ).tolist()
    at = 0
    while at < len(noise):
        size = int(random.integers(0, 6))
        rig(*noise[at : at + size])
        at += max(size, 1)
        if at % 997 == 0:
            rig.router.tick()
    check(rig.router, rig)


_data = st.integers(0, 127)
_interesting = st.sampled_from([0, 1, 2, 6, 12, 32, 38, 44, 60, 61, 70, 71, 96, 97, 98, 99, 100, 101])
message = st.one_of(
    st.tuples(st.just(0xB0), _interesting | _data, _interesting | _data),
    st.tuples(st.integers(0x80, 0xEF), _interesting | _data, _data),
    st.tuples(st.sampled_from([0xC0, 0xD0]), _interesting | _data),
    st.binary(max_size=5).map(tuple),
    st.lists(_data, max_size=40).map(lambda inside: (0xF0, *inside)),  # a SysEx without its end
)


@settings(max_examples=25 * FUZZ, derandomize=True)
@given(stream=st.lists(message, min_size=0 if FUZZ == 1 else 40, max_size=80))
def test_random_messages_do_no_harm(stream: list[tuple[int, ...]]) -> None:
    rig = Rig(*BINDINGS, takeover="scale")
    rig.router.song_has_fingers = len(stream) % 2 == 1
    for data in stream:
        rig(*data)
    rig.router.tick()
    check(rig.router, rig)


def test_the_state_stays_small() -> None:
    parser = MidiParser()
    for number in range(1500):
        msb, lsb = divmod(number, 128)
        sent(parser, (0xB0, 99, msb), (0xB0, 98, lsb), (0xB0, 6, 1), (0xB0, 38, 1), (0xB0, 6, 2))
    assert len(parser._halves) <= 1024 and len(parser._held) <= 1024
