"""A keyboard plays a pitch: `tune` in semitones, a latent in octaves; the last key that is held counts."""

from __future__ import annotations

from typing import Any

import pytest

from perform.control.binding import Binding
from perform.core.errors import WrongUse
from tests.control.test_router import Rig

ON, OFF = 0x90, 0x80


def test_each_key_plays_its_semitone_and_the_held_key_returns() -> None:
    rig = Rig(Binding("keys", "deck/2/tune"))

    def after(message: int, key: int) -> float:
        rig(message, key, 100 if message == ON else 0)
        return rig.get("deck/2/tune")

    assert [after(ON, key) for key in (60, 61, 48, 84, 36)] == [0, 1, -12, 24, -24]
    assert after(ON, 96) == 24, "as far as tune goes"
    for key in (96, 36, 84, 48, 61, 60):
        after(OFF, key)
    assert [after(ON, 64), after(ON, 67), after(OFF, 67), after(OFF, 64)] == [4, 7, 4, 4]
    assert [after(ON, 64), after(ON, 67), after(OFF, 64), after(OFF, 67)] == [4, 7, 7, 7]
    assert rig.meter("unmapped") == 0


def test_keys_play_a_latent_in_octaves_on_the_deck_in_focus() -> None:
    rig = Rig(Binding("keys", "focus/z/0/bias", channel=3), Binding("keys", "deck/1/tune", root=64))
    rig(ON + 2, 69, 1)
    assert rig.get("deck/1/z/0/bias") == 1.0, "A4 is an octave above A3"
    assert rig.get("deck/1/tune") == 5.0
    rig(ON, 45, 1)
    assert rig.get("deck/1/z/0/bias") == 1.0, "another channel"
    rig(ON + 2, 58, 1)
    assert rig.get("deck/1/z/0/bias") == pytest.approx(1 / 12)


@pytest.mark.parametrize(
    ("to", "more", "said"),
    [
        ("deck/1/gain", {}, "keys cannot play"),
        ("deck/1/tune", {"range": (0, 12)}, "its own pitch"),
        ("deck/1/tune", {"mode": "momentary"}, "its own pitch"),
        ("deck/1/tune", {"root": 128}, "root cannot be"),
        ("panic", {}, "keys cannot play"),
    ],
)
def test_what_keys_cannot_do_is_refused(to: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        Binding("keys", to, **more)
    with pytest.raises(WrongUse, match="only keys have a root"):
        Binding("note 3", "deck/1/tune", root=60)
