"""Keys play chords on a deck with several voices: the note they take, the pedal, fingers, its end."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.control.binding import Binding
from perform.control.router import ControlRouter
from perform.core import params
from perform.core.params import VOICES
from tests.control.test_router import PORT, Rig

KEYS = Binding("keys", "focus/voices")
A3 = 57


def rig(*bindings: Binding, voices: int = VOICES, ports: tuple[str, ...] = (PORT,)) -> Rig:
    made = Rig(*(bindings or (KEYS,)), on=ports)
    made.table[params.slot("deck/1/voices")] = voices
    return made


def sounding(made: Rig, deck: int = 1) -> dict[int, float]:
    """Number of each note that sounds -> its pitch."""
    gates, pitches = (made.table[params.note_slots(deck, name)] for name in ("gate", "pitch"))
    return {number: float(pitches[number - 1]) for number in range(1, VOICES + 1) if gates[number - 1]}


def on(made: Rig, *keys: int, channel: int = 1, port: str = PORT) -> None:
    for key in keys:
        made(0x8F + channel, key, 100, port=port)


def off(made: Rig, *keys: int, channel: int = 1, port: str = PORT) -> None:
    for key in keys:
        made(0x7F + channel, key, 0, port=port)


def test_a_key_takes_the_note_released_longest_ago_and_steals_the_oldest() -> None:
    made = rig()
    on(made, A3, A3 + 4, A3 + 7)
    assert sounding(made) == {1: 0, 2: 4, 3: 7}
    off(made, A3 + 4), off(made, A3)
    on(made, A3 + 12)
    assert sounding(made) == {3: 7, 4: 12}, "the fourth has never sounded"
    on(made, A3 + 1, A3 + 2)
    assert sounding(made) == {1: 2, 2: 1, 3: 7, 4: 12}, "the second was released first"
    on(made, A3 - 5)
    assert sounding(made) == {1: 2, 2: 1, 3: -5, 4: 12}, "the third began first"
    off(made, A3 + 7)
    assert len(sounding(made)) == 4, "its key plays nothing any more"
    off(made, A3 + 1, A3 + 2, A3 + 12, A3 - 5)
    assert sounding(made) == {}
    assert made.meter("unmapped") <= 1


def test_one_voice_plays_as_before_and_a_chord_begins_at_the_right_pitch() -> None:
    for to, alone in (("deck/1/z/0/bias", 0.25), ("deck/1/tune", 0.0)):
        made = rig(Binding("keys", to), voices=1)
        on(made, 60, 69), off(made, 69)
        assert made.get(to) == alone and not sounding(made)
        off(made, 60)
        made.table[params.slot("deck/1/voices")] = 2
        on(made, 62, 65)
        assert list(sounding(made).values()) == ([5, 8] if "bias" in to else [2, 5])
        assert made.get(to) == 0, "the pitch that a key has left there is taken back"
    made = rig(voices=1)
    on(made, 60)
    assert made.get("deck/1/voices") == 1 and not sounding(made), "bound to voices, keys play only chords"


def test_a_bias_of_the_player_stays_under_a_chord() -> None:
    made = rig(Binding("keys", "deck/1/z/0/bias"), Binding("note 3", "deck/1/z/0/bias"))
    made.table[params.slot("deck/1/z/0/bias")] = 0.5
    on(made, 60, 64), off(made, 60)
    assert made.get("deck/1/z/0/bias") == 0.5


def test_the_pedal_holds_notes_instead_of_its_binding_and_gives_them_up_first() -> None:
    made = rig(KEYS, Binding("cc 64", "focus/freeze"))
    made(0xB0, 64, 127)
    assert made.get("deck/1/freeze") == 0
    on(made, A3, A3 + 4), off(made, A3, A3 + 4)
    on(made, A3 + 7)
    assert sounding(made) == {1: 0, 2: 4, 3: 7}
    on(made, A3 + 9, A3 + 11)
    assert sounding(made) == {1: 11, 2: 4, 3: 7, 4: 9}, "the pedal alone held the first"
    made(0xB0, 64, 0)
    assert sounding(made) == {1: 11, 3: 7, 4: 9}
    made.table[params.slot("deck/1/voices")] = 1
    made(0xB0, 64, 127)
    assert made.get("deck/1/freeze") == 1


def test_a_panic_an_unplugged_keyboard_and_a_new_process_release_notes() -> None:
    made = rig(ports=(PORT, "Keystation"))
    on(made, A3), on(made, A3 + 4, port="Keystation")
    made.router.disconnect("Keystation")
    made.router.tick()
    assert sounding(made) == {1: 0}
    made(0xB0, 64, 127)
    made.table[params.slot("panic")] += 1
    made.router.tick()
    assert sounding(made) == {}
    made.table[params.slot("deck/2/note/1/gate")] = 1  # a song's chord
    on(made, A3, A3 + 4), off(made, A3)
    made.router.tick()
    ControlRouter(made.table, made.meters, made.hardware)
    assert sounding(made) == {} and sounding(made, 2) == {1: 0}


def test_a_note_ends_on_its_own_deck_and_the_next_one_is_in_focus() -> None:
    made = rig()
    made.table[params.slot("deck/2/voices")] = 2
    on(made, A3)
    made.table[params.slot("focus")] = 2
    on(made, A3 + 4)
    assert (sounding(made), sounding(made, 2)) == ({1: 0}, {1: 4})
    off(made, A3)
    assert (sounding(made), sounding(made, 2)) == ({}, {1: 4})


FINGERS = [Binding("finger 1 bend", "deck/1/z/1/bias"), Binding("finger 1 slide", "deck/1/z/0/bias")]


@pytest.mark.parametrize("announced", [True, False])
def test_each_finger_bends_its_own_note(announced: bool) -> None:
    """The mapping binds fingers, or the device announces its zone; what else they are bound to rests."""
    made = rig(KEYS, *(() if announced else FINGERS), Binding("bend", "deck/1/z/2/bias"))
    if announced:
        made(0xB0, 101, 0), made(0xB0, 100, 6), made(0xB0, 6, 15)
    made(0xE1, 0, 0x48)  # an eighth of 48 semitones up, before the note
    on(made, A3, channel=2), on(made, A3 + 4, channel=3)
    assert sounding(made) == {1: 6, 2: 4}
    made(0xE2, 0, 0x30), made(0xD1, 90), made(0xB1, 74, 90)
    assert sounding(made) == {1: 6, 2: pytest.approx(-8)}
    off(made, A3, channel=2), made(0xE1, 0, 0x40)
    assert sounding(made) == {2: pytest.approx(-8)}
    off(made, A3 + 4, channel=3)
    assert sounding(made) == {} and not any(made.get(f"deck/1/z/{i}/bias") for i in range(3))
    made.table[params.slot("deck/1/voices")] = 1
    on(made, A3, channel=2), made(0xE1, 0, 0x48)
    assert announced or made.get("deck/1/z/1/bias") > 0, "with one voice, a finger does what the mapping says"


def test_a_note_that_only_the_pedal_holds_does_not_keep_the_finger() -> None:
    made = rig(KEYS, *FINGERS, Binding("finger 1 bend", "deck/2/z/1/bias"))
    on(made, A3, channel=2), made(0xB0, 64, 127), off(made, A3, channel=2)
    assert sounding(made) == {1: 0}, "the pedal holds it"
    made.table[params.slot("focus")] = 2  # a deck with one voice
    on(made, A3, channel=2), made(0xE1, 0, 0x48)
    assert made.get("deck/2/z/1/bias") != 0, "the next finger does what the mapping says"


messages = st.lists(
    st.tuples(
        st.sampled_from(["on", "off", "pedal", "up", "fewer", "more"]),
        st.integers(40, 46),
        st.integers(1, 3),
    ),
    max_size=40,
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(messages)
def test_whatever_is_played_each_key_has_one_note_and_all_end(played: list[tuple[str, int, int]]) -> None:
    made, held = rig(), Counter[tuple[int, int]]()
    for what, key, channel in played:
        match what:
            case "on":
                on(made, key, channel=channel)
                held[key, channel] = 1
                assert key - A3 in sounding(made).values()
            case "off":
                off(made, key, channel=channel)
                held[key, channel] = 0
            case "pedal" | "up":
                made(0xAF + channel, 64, 127 if what == "pedal" else 0)
            case _:
                made.table[params.slot("deck/1/voices")] = 2 if what == "fewer" else VOICES
    for channel in (1, 2, 3):
        made(0xAF + channel, 64, 0)
    assert len(sounding(made)) <= held.total()
    for key, channel in held:
        off(made, key, channel=channel)
    assert sounding(made) == {}
    gates = params.note_slots(1, "gate")
    assert all(math.isnan(mark) for mark in made.hardware[gates])
