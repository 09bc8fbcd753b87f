"""A set and its songs are made by keys: a new set, empty songs, the details of a song."""

from __future__ import annotations

import pytest
from hands import playing

from perform.core.errors import WrongUse
from perform.stage.commands import AddSong, EditSong, NewSet
from perform.tui.screens.song_details import parse_details

SIZES = [(120, 40), (80, 24)]
TYPED = {"notes": " in D ", "length": "7:30", "tempo": "72,5", "switch": "cut", "fade": "0", "mapping": ""}


async def test_a_new_song_takes_three_keys_and_its_name(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("j", "a", *"Rust", "enter")
        await hands.until(lambda: stage.asked == [AddSong("Rust", 4, empty=True)])


async def test_a_new_set_takes_three_keys_and_its_name(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("j", "c", *"tour", "enter")
        await hands.until(lambda: stage.asked == [NewSet("tour")])


@pytest.mark.parametrize("size", SIZES)
async def test_the_details_of_a_song_are_fields(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        await hands.press("d")
        assert "minutes:seconds that the song is expected to last" in hands.text()
        assert "enter saves" in hands.text() and "NOW 3/5" in hands.text()
        await hands.press(*"loud", "tab", *"3:10", "tab", *"20000", "enter")
        assert "tempo: 20 to 300 beats a minute" in hands.words()
        assert stage.asked == []
        await hands.press(*["backspace"] * 3, "0", "enter")
        wanted = EditSong(3, "loud", 190.0, "tail", 2.0, 200.0, "")
        await hands.until(lambda: stage.asked == [wanted])


def test_typed_details_are_read():
    assert parse_details(2, TYPED) == EditSong(2, "in D", 450.0, "cut", 0.0, 72.5, "")
    assert parse_details(2, TYPED | {"length": "", "tempo": ""}) == EditSong(
        2, "in D", 0.0, "cut", 0.0, 0.0, ""
    )
    for name, wrong in (
        ("length", "7:75"),
        ("length", "-1"),
        ("tempo", "8"),
        ("switch", "slow"),
        ("fade", "x"),
    ):
        with pytest.raises(WrongUse, match=name):
            parse_details(2, TYPED | {name: wrong})
