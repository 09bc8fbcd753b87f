"""What learning makes of the messages of real devices: one control each, and how it speaks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.control.control_names import ControlId, cc_pair, spelled
from perform.control.learn_classifier import TURN_LEFT, LearnClassifier, MovedControl

Message = tuple[int, ...]


class Watch:
    """Sends messages at a pace, and looks every 50 ms, as the control process does."""

    def __init__(self) -> None:
        self.classifier, self.now = LearnClassifier(), 100.0
        self.found: list[MovedControl] = []

    def __call__(self, *messages: Message, pace: float = 0.02) -> Watch:
        for message in messages:
            self.classifier.watch("box", message, self.now)
            self.wait(pace)
        return self

    def wait(self, seconds: float) -> Watch:
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + 0.05, end)
            self.found += self.classifier.found(self.now)
        return self

    @property
    def names(self) -> list[str]:
        return [f"{spelled(it.control.kind, it.control.number)} {it.encoding}" for it in self.found]


def cc(number: int, *values: int) -> list[Message]:
    return [(0xB0, number, value) for value in values]


def learnt(*messages: Message, pace: float = 0.02) -> list[str]:
    return Watch()(*messages, pace=pace).wait(1.5).names


def test_three_steps_one_way_offer_a_knob() -> None:
    assert learnt(*cc(16, 10, 11, 12)) == []
    assert learnt(*cc(16, 10, 11, 12, 13)) == ["cc 16 absolute"]
    assert learnt(*cc(0, 100, 90, 50, 20)) == ["cc 0 absolute"], "fader 1 of a nanoKONTROL2"
    assert learnt(*((0xE0, 0, value) for value in (64, 70, 80, 90))) == ["bend absolute"]
    assert learnt((0xD0, 5), (0xD0, 25), (0xD0, 60), (0xD0, 90)) == ["pressure absolute"]
    assert learnt(*((0xA0, 60, value) for value in (5, 20, 60, 90))) == ["poly 60 absolute"]


def test_a_fader_that_jitters_steals_nothing() -> None:
    watch = Watch()
    for _ in range(200):
        watch(*cc(7, 63, 64, 65, 64), pace=0.01)
    assert watch.names == [] and not watch.classifier.question
    watch(*cc(7, 63, 64), *cc(16, 3, 4, 5, 6), *cc(7, 63, 64)).wait(0.5)
    assert watch.names == ["cc 16 absolute"]
    assert learnt(*cc(7, 60, 61, 62, 63), pace=1.1) == [], "a drift is no movement"


@pytest.mark.parametrize("number", [1, 64])
def test_a_press_offers_a_button(number: int) -> None:
    assert learnt(*cc(number, 127)) == [], "a knob at its end may send this"
    assert learnt(*cc(number, 127, 0)) == [f"cc {number} absolute"]
    assert learnt(*cc(number, 127, 0), pace=1.0) == [f"cc {number} absolute"], "held for a second"


def test_a_note_and_a_program_are_presses() -> None:
    assert learnt((0x90, 36, 90), (0x80, 36, 0)) == ["note 36 absolute"]
    assert learnt((0x90, 36, 90)) == ["note 36 absolute"], "still held"
    assert learnt((0xC0, 3)) == ["program 4 absolute"]
    assert learnt((0x80, 36, 0)) == [] and learnt((0xB0, 0, 5), (0xB0, 121, 0)) == []


def test_cc_n_and_n_plus_32_together_are_14_bits() -> None:
    halves = [message for value in range(8100, 8250, 40) for message in halved(value)]
    assert learnt(*halves, pace=0.001) == ["cc 12/44 absolute"]
    swapped = [halves[i ^ 1] for i in range(len(halves))]
    assert learnt(*swapped, pace=0.001) == ["cc 12/44 absolute"], "LSB first"
    slow = Watch()
    for value in range(8100, 8112, 3):
        slow(*halved(value), pace=0.001).wait(0.1)
    assert slow.wait(0.5).names == ["cc 12/44 absolute"], "only its LSB changes"
    assert learnt(*cc(12, 1, 2, 3, 4), *cc(44, 9, 8, 7, 6)) == ["cc 12 absolute", "cc 44 absolute"]


def halved(value: int) -> list[Message]:
    return [(0xB0, 12, value >> 7), (0xB0, 44, value & 127)]


def test_nrpn_and_rpn_are_one_control() -> None:
    select = [(0xB0, 99, 1), (0xB0, 98, 2)]
    assert learnt(*select, *cc(6, 5, 6, 7, 8)) == ["nrpn 1/2 absolute"]
    fine = [it for value in range(700, 760, 9) for it in (*select, *cc(6, value >> 7), *cc(38, value & 127))]
    assert learnt(*fine, pace=0.001) == ["nrpn 1/2 absolute"]
    assert learnt((0xB0, 101, 0), (0xB0, 100, 5), *cc(6, 5, 6, 7, 8)) == ["rpn 0/5 absolute"]
    assert learnt(*select, *cc(96, 0, 0, 0)) == ["nrpn 1/2 incdec"]


@pytest.mark.parametrize(
    ("right", "left", "encoding"),
    [(1, 127, "twos"), (1, 65, "sign"), (65, 63, "offset"), (17, 15, "offset16")],
)
def test_an_encoder_is_asked_to_turn_left(right: int, left: int, encoding: str) -> None:
    watch = Watch()(*cc(16, right, right, right)).wait(0.3)
    assert watch.classifier.question == TURN_LEFT and watch.found == []
    watch(*cc(16, left)).wait(0.3)
    assert watch.names == [f"cc 16 {encoding}"] and not watch.found[0].invert
    assert not watch.classifier.question
    first_left = Watch()(*cc(16, left, left, left, left)).wait(0.6)
    assert first_left.found == []
    first_left(*cc(16, left)).wait(0.3)
    assert first_left.names == [f"cc 16 {encoding}"] and not first_left.found[0].invert, "it went left twice"
    other_way = Watch()(*cc(16, left, left, left)).wait(0.3)(*cc(16, right)).wait(0.3)
    assert other_way.names[0].startswith("cc 16 ") and other_way.found[0].invert


def test_quick_turns_and_neutral_values_do_not_hide_an_encoder() -> None:
    watch = Watch()(*cc(16, 1, 1, 3, 2, 2, 0, 1)).wait(0.3)
    assert watch.classifier.question == TURN_LEFT
    assert watch(*cc(16, 126, 125)).wait(0.3).names == ["cc 16 twos"]
    assert learnt(*cc(16, 1, 2, 3, 4)) == ["cc 16 absolute"], "a knob at its lower end"


def test_a_note_beside_a_fader_is_a_touch() -> None:
    touch = (0x90, 104, 127), *(((0xE0, 0, value)) for value in (10, 20, 30, 40)), (0x90, 104, 0)
    assert learnt(*touch, pace=0.05) == ["bend absolute"]
    late = Watch()((0x90, 104, 127)).wait(0.5)(*cc(70, 1, 2, 3, 4, 5), pace=0.05)((0x90, 104, 0)).wait(1.0)
    assert late.names[:1] == ["cc 70 absolute"] and "note 104 absolute" not in late.names


def test_a_control_is_offered_again_only_after_another_movement() -> None:
    watch = Watch()(*cc(16, 10, 11, 12, 13)).wait(2.0)
    assert len(watch.found) == 1
    watch(*cc(16, 14, 15, 16, 17)).wait(1.0)
    assert watch.found == [MovedControl("box", ControlId("cc", 16, 1))] * 2


@settings(max_examples=30, derandomize=True)
@given(
    stream=st.lists(
        st.binary(max_size=4).map(tuple)
        | st.tuples(st.integers(0x80, 0xEF), st.integers(0, 127), st.sampled_from([0, 1, 63, 65, 127])),
        max_size=60,
    )
)
def test_any_messages_offer_only_real_controls(stream: list[Message]) -> None:
    watch = Watch()(*stream).wait(1.5)
    for moved in watch.found:
        assert moved.control.kind != "cc" or moved.control.number < cc_pair(32, 0)
    assert len(watch.classifier._watched) <= 256
