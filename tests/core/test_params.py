"""Parameters: addresses, slots, ranges and curves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import ADDRESSES, SLOTS, SPECS
from perform.core.spec import Curve, Spec, curve_value

curves = st.sampled_from(["lin", "exp", "s"])
values = [a for a, s in SPECS.items() if not s.action]


def test_every_address_has_one_slot_and_a_deck_is_contiguous() -> None:
    assert len(set(ADDRESSES)) == len(ADDRESSES) == len(params.defaults())
    for deck in range(1, params.DECKS + 1):
        assert all(a.startswith(f"deck/{deck}/") for a in ADDRESSES[params.slots(deck)])
        assert ADDRESSES[params.slots(deck, "bias")] == tuple(f"deck/{deck}/z/{i}/bias" for i in range(32))
        assert ADDRESSES[params.slots(deck, "scale")] == tuple(f"deck/{deck}/z/{i}/scale" for i in range(32))


def test_an_unknown_address_suggests_similar_ones() -> None:
    with pytest.raises(WrongUse, match="deck/1/z/0/bias"):
        params.slot("deck/1/z/0/bia")


@given(st.sampled_from(values), st.floats(0, 1))
def test_a_value_becomes_a_position_and_the_same_value_again(address: str, position: float) -> None:
    spec = SPECS[address]
    value = spec.value(position)
    assert spec.low <= value <= spec.high
    if not spec.choices:
        assert spec.value(spec.position(value)) == pytest.approx(value, abs=1e-9 * (spec.high - spec.low))


@given(curves, st.floats(0.01, 10), st.floats(0.01, 10), st.floats(0, 1))
def test_curves_meet_their_ends_and_stay_between_them(
    curve: Curve, low: float, high: float, position: float
) -> None:
    assert curve_value(0, low, high, curve) == pytest.approx(low)
    assert curve_value(1, low, high, curve) == pytest.approx(high)
    assert min(low, high) * 0.999999 <= curve_value(position, low, high, curve) <= max(low, high) * 1.000001


@given(st.sampled_from(list(SPECS)), st.floats(allow_nan=True, allow_infinity=True))
def test_only_legal_values_enter_the_table(address: str, value: float) -> None:
    table, spec = params.defaults(), SPECS[address]
    stored = params.set_value(table, address, value)
    assert math.isfinite(stored)
    assert spec.action or spec.low <= stored <= spec.high
    assert not spec.choices or stored == int(stored)
    others = np.delete(table, SLOTS[address])
    assert np.array_equal(others, np.delete(params.defaults(), SLOTS[address]))


def test_defaults_are_legal_and_have_a_text() -> None:
    assert all(s.clamp(s.default) == s.default for s in SPECS.values())
    assert Spec(-60, 12, 0, "dB").text(-60) == "-inf dB"
    assert SPECS["deck/1/source"].text(1) == "loop"
    assert SPECS["deck/1/z/0/bias"].text(0.5) == "+0.50 σ"


def test_actions_only_grow() -> None:
    table = params.defaults()
    params.trigger(table, "panic")
    params.trigger(table, "panic")
    assert table[SLOTS["panic"]] == 2
    assert dict(params.changed(table)) == {"panic": 2.0}


def test_the_lowest_gain_is_silent() -> None:
    assert params.gain(-60) == 0.0
    assert params.gain(0) == 1.0
    assert params.gain(6) == pytest.approx(1.9953, abs=1e-4)
