"""Takeover: a knob never makes its parameter jump. Presses: a release restores what its press changed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perform.control.hand import Hand, Presses, Span, Takeover, take_over
from perform.core import params
from perform.core.params import SLOTS, SPECS, Table
from perform.core.spec import Curve

PAN = SLOTS["deck/1/pan"]
STEP = 1 / 127
LARGEST = {"scale": 0.03, "pickup": 0.017}  #: change of the parameter by one step of the knob


def span(address: str = "deck/1/pan", low: float = -1.0, high: float = 1.0, curve: Curve = "lin") -> Span:
    return Span(SPECS[address], low, high, curve)


def walk(takeover: Takeover, seed: int) -> tuple[float, set[float]]:
    """A knob walks while songs move its parameter -> the largest change by one step, and the ends reached."""
    chance = np.random.default_rng(seed)
    table, hand, pan = params.defaults(), Hand(), span()
    at, way, largest = 64, 1, 0.0
    ends = set()
    for _ in range(2000):
        if chance.random() < 0.01:
            table[PAN] = chance.uniform(-1, 1)
        if chance.random() < 0.02 or not 0 <= at + way <= 127:
            way = -way
        at = min(max(at + way, 0), 127)
        before = table[PAN]
        hand.move(PAN, pan, at / 127, takeover, table)
        hand.position = at / 127
        largest = max(largest, abs(table[PAN] - before) / 2)
        if at in (0, 127) and table[PAN] in (-1.0, 1.0):
            ends.add(float(table[PAN]))
    return largest, ends


@pytest.mark.parametrize("takeover", ["scale", "pickup"])
def test_one_step_of_a_knob_changes_little(takeover: Takeover) -> None:
    """200 walks: at most 3 % of the range by one step, and both ends are reached."""
    walks = [walk(takeover, seed) for seed in range(200)]
    assert max(largest for largest, _ in walks) <= LARGEST[takeover]
    assert set.union(*(ends for _, ends in walks)) == {-1.0, 1.0}


def test_takeover_jump_sets_the_parameter_at_once() -> None:
    assert walk("jump", 0)[0] > 0.5


def turn(hand: Hand, table: Table, *positions: float, takeover: Takeover = "scale") -> list[float]:
    """The parameter after each position of the knob."""
    values = []
    for position in positions:
        hand.move(PAN, span(), position, takeover, table)
        hand.position = position
        values.append(float(table[PAN]))
    return values


def test_the_first_message_of_a_knob_only_tells_its_position() -> None:
    for takeover in ("scale", "pickup"):
        table = params.defaults()
        assert turn(Hand(), table, 0.9, takeover=takeover) == [0.0]
    table = params.defaults()
    assert turn(Hand(), table, 0.9, takeover="jump") == [pytest.approx(0.8)]


def test_a_knob_at_its_parameter_takes_over_at_once() -> None:
    table = params.defaults()
    assert turn(Hand(), table, 0.5, 0.75, 1.0, 0.0) == [0.0, 0.5, 1.0, -1.0]


def test_scale_reaches_the_end_together_with_the_knob() -> None:
    table, hand = params.defaults(), Hand()
    turn(hand, table, 0.5, 0.8)
    table[PAN] = -0.6  # a song: position 0.2, while the knob stands at 0.8
    assert turn(hand, table, 0.7) == [pytest.approx(-1 + 2 * 0.175)]
    assert turn(hand, table, *np.linspace(0.7, 0.0, 50))[-1] == -1.0
    assert turn(hand, table, 0.5, 1.0) == [0.0, 1.0], "from there on they are one"


def test_pickup_waits_until_the_knob_passes() -> None:
    table, hand = params.defaults(), Hand()
    turn(hand, table, 0.5, 0.8, takeover="pickup")
    table[PAN] = -0.6
    assert turn(hand, table, 0.7, 0.5, 0.3, takeover="pickup") == [-0.6, -0.6, -0.6]
    assert turn(hand, table, 0.19, 0.4, takeover="pickup") == pytest.approx([-0.62, -0.2])


def test_a_parameter_outside_the_span_comes_back_step_by_step() -> None:
    table, hand = params.defaults(), Hand()
    slot, narrow = SLOTS["deck/1/z/0/bias"], span("deck/1/z/0/bias", -1.0, 1.0)
    table[slot] = 4.0
    last = 4.0
    for position in np.linspace(0.5, 0.0, 64):
        hand.move(slot, narrow, position, "scale", table)
        hand.position = float(position)
        assert 0.0 <= last - table[slot] <= 3.1 * 2 * 0.5 / 63
        last = float(table[slot])
    assert last <= 1.0 + 1e-9


def test_a_knob_within_the_step_of_a_choice_keeps_control() -> None:
    """A song that chooses what the knob already points at leaves the knob in control."""
    table, hand = params.defaults(), Hand()
    slot, source = SLOTS["deck/1/source"], span("deck/1/source", 0, 6)
    hand.position = 0.3  # between steps: walk
    table[slot] = 2.0
    assert hand.move(slot, source, 0.3 + STEP, "scale", table)
    assert table[slot] == 2.0


@given(
    takeover=st.sampled_from(["scale", "pickup"]),
    before=st.floats(0, 1),
    now=st.floats(0, 1),
    parameter=st.floats(0, 1),
)
def test_take_over_stays_in_range_and_never_backs_away(
    takeover: Takeover, before: float, now: float, parameter: float
) -> None:
    to = take_over(takeover, before, now, parameter)
    if to is None:
        return
    assert 0.0 <= to <= 1.0
    assert (to - parameter) * (now - before) >= 0 or abs(to - parameter) <= 2 / 127 + 1e-9
    assert abs(to - parameter) <= max(3 * abs(now - before), abs(now - before) + 2 / 127) + 1e-9


@given(
    position=st.floats(0, 1),
    ends=st.sampled_from([(0.3, 2.9), (2.9, 0.3), (0.1, 4.0)]),
    curve=st.sampled_from(["lin", "exp", "s"]),
)
def test_positions_and_values_are_inverses(position: float, ends: tuple[float, float], curve: Curve) -> None:
    speed = span("deck/1/speed", *ends, curve=curve)
    assert speed.position(speed.value(position)) == pytest.approx(position, abs=1e-6)


@given(value=st.floats(), position=st.floats(0, 1), curve=st.sampled_from(["lin", "exp", "s"]))
def test_any_value_in_the_table_becomes_a_valid_one(value: float, position: float, curve: Curve) -> None:
    table, hand, slot = params.defaults(), Hand(), SLOTS["deck/1/speed"]
    table[slot], hand.position = value, 0.5
    if hand.move(slot, span("deck/1/speed", 0.3, 2.9, curve), position, "scale", table):
        assert math.isfinite(table[slot]) and 0.1 <= table[slot] <= 4.0


def test_a_release_acts_on_the_parameter_of_its_press() -> None:
    table, presses = params.defaults(), Presses()
    presses.press("pad", PAN, 0.5, -0.25, table)
    assert table[PAN] == 0.5
    assert presses.release("pad", table) == [PAN] and table[PAN] == -0.25
    presses.press("pad", PAN, 0.5, -0.25, table)
    table[PAN] = 0.1  # a song came in between
    assert presses.release("pad", table) == [] and table[PAN] == 0.1
    assert presses.release("pad", table) == []


def test_two_pads_on_one_parameter_restore_its_value() -> None:
    table, presses = params.defaults(), Presses()
    presses.press("a", PAN, 0.5, table[PAN], table)
    presses.press("b", PAN, 0.8, table[PAN], table)
    presses.press("b", PAN, 0.9, table[PAN], table)  # a second note-on
    presses.release("b", table)
    assert table[PAN] == 0.5, "the pad that is still held"
    presses.press("b", PAN, 0.9, table[PAN], table)
    presses.release("a", table)
    assert table[PAN] == 0.9
    presses.release("b", table)
    assert table[PAN] == 0.0


def test_a_panic_releases_everything() -> None:
    table, presses = params.defaults(), Presses()
    presses.press("a", PAN, 0.5, 0.0, table)
    presses.press("b", PAN + 1, 1.0, 0.0, table)
    presses.release_all(table)
    assert np.array_equal(table, params.defaults())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from([0.25, 0.5, 0.75]))))
def test_after_all_releases_the_parameters_have_their_old_values(
    steps: list[tuple[str, bool, float]],
) -> None:
    table, presses = params.defaults(), Presses()
    for control, down, value in steps:
        if down:
            presses.press(control, PAN, value, float(table[PAN]), table)
        else:
            presses.release(control, table)
    presses.release_all(table)
    assert np.array_equal(table, params.defaults())
