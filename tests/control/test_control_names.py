"""How a mapping writes each kind of control, what an encoder's values mean, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perform.control.binding import Binding
from perform.control.control_names import Encoding, clicks, control_label, parse_control, spelled
from perform.core.errors import WrongUse

seven = st.integers(0, 127)
cc = st.integers(0, 119)
CONTROLS = st.one_of(
    cc.map("cc {}".format),
    st.tuples(cc, cc).filter(lambda ccs: ccs[0] != ccs[1]).map(lambda ccs: f"cc {ccs[0]}/{ccs[1]}"),
    st.tuples(st.sampled_from(["nrpn", "rpn"]), seven, seven)
    .filter(lambda it: it[1:] != (127, 127))
    .map(lambda it: f"{it[0]} {it[1]}/{it[2]}"),
    st.sampled_from(["bend", "pressure", "program"]),
    st.tuples(st.integers(1, 10), st.sampled_from(["press", "slide", "bend"])).map(
        lambda it: f"finger {it[0]} {it[1]}"
    ),
    st.tuples(st.sampled_from(["note", "poly"]), seven).map(lambda it: f"{it[0]} {it[1]}"),
    st.integers(1, 128).map("program {}".format),
    st.tuples(seven, seven, st.integers(1, 128)).map(lambda it: "program {}/{}/{}".format(*it)),
)


@given(text=CONTROLS, other=CONTROLS)
def test_a_control_is_written_as_it_was_read(text: str, other: str) -> None:
    assert spelled(*parse_control(text)) == text
    assert (parse_control(text) == parse_control(other)) == (text == other)


@given(text=st.text("ccnotebendrp 0123456789/", max_size=14) | CONTROLS)
def test_a_text_is_a_control_or_an_error_says_what_to_write(text: str) -> None:
    try:
        assert spelled(*parse_control(text)) == text
    except WrongUse as error:
        assert "unknown control" in str(error) or text.strip() in str(error)
        assert error.hint


def test_a_label_is_short() -> None:
    texts = [
        "cc 16",
        "cc 12/44",
        "nrpn 1/2",
        "rpn 0/0",
        "bend",
        "note 36",
        "poly 60",
        "poly",
        "program 0/1/12",
    ]
    labels = [control_label(*parse_control(text)) for text in texts]
    assert labels == [
        "CC16",
        "CC12/44",
        "NRPN1/2",
        "RPN0/0",
        "bend",
        "note36",
        "poly60",
        "poly",
        "program0/1/12",
    ]


@pytest.mark.parametrize(
    ("encoding", "right", "left", "still"),
    [
        ("twos", (1, 5), (127, 123), 0),
        ("sign", (1, 5), (65, 69), 64),
        ("offset", (65, 69), (63, 59), 64),
        ("offset16", (17, 21), (15, 11), 16),
    ],
)
def test_encoders_count_steps(
    encoding: Encoding, right: tuple[int, int], left: tuple[int, int], still: int
) -> None:
    assert [clicks(encoding, value) for value in (*right, *left, still)] == [1, 5, -1, -5, 0]


def test_an_encoder_may_have_14_bits() -> None:
    assert [clicks("twos", value, 16384) for value in (3, 16381)] == [3, -3]
    assert [clicks("offset", value, 16384) for value in (8195, 8189)] == [3, -3]
    assert [clicks("incdec", value) for value in (127, 64, 63, 0)] == [1, 1, -1, -1]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"control": "nrpn 127/127"}, "selects no parameter"),
        ({"control": "cc 12/120"}, "channel mode"),
        ({"control": "cc 12/12"}, "names one cc twice"),
        ({"control": "program 129"}, "1 to 128"),
        ({"control": "program 0"}, "1 to 128"),
        ({"control": "program 128/0/1"}, "banks from 0 to 127"),
        ({"control": "note 1", "encoding": "twos"}, "cannot be an encoder"),
        ({"encoding": "twos", "mode": "toggle"}, "an encoder cannot toggle"),
        ({"encoding": "twos", "value": 0.5}, "an encoder cannot set"),
        ({"encoding": "twos", "takeover": "jump"}, "an encoder has no position"),
        ({"steps": 24}, "are for encoders"),
        ({"encoding": "twos", "steps": 0}, "0 steps"),
        ({"encoding": "twos", "accel": 0.5}, "accel cannot be 0.5"),
        ({"deadzone": 1.5}, "deadzone cannot be 1.5"),
        ({"control": "note 1", "deadzone": 0.1}, "for knobs and pressure"),
        ({"step": -1.0}, "step cannot be -1"),
        ({"step": 3.0}, "not more than the range"),
        ({"curve": (0.0, 0.5)}, "rise from 0 to 1"),
        ({"curve": (0.0, 0.5, 0.4, 1.0)}, "rise from 0 to 1"),
        ({"curve": (0.0, float("nan"), 1.0)}, "rise from 0 to 1"),
        ({"control": "pressure", "mode": "toggle"}, "pressure cannot toggle"),
        ({"control": "program 3", "mode": "momentary"}, "without a release"),
        ({"control": "finger 11 press"}, "unknown control"),
        ({"control": "finger 1 press", "mode": "toggle"}, "a finger cannot toggle"),
        ({"control": "finger 1 press", "value": 0.5}, "a finger cannot set"),
    ],
)
def test_a_binding_that_cannot_work_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(WrongUse, match=says):
        Binding(**{"control": "cc 1", "to": "deck/1/pan"} | fields)  # type: ignore[arg-type]
