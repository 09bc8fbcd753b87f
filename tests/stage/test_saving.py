"""Saving a set: what stands on the decks is in the file, and the song as it was is not lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from stage_rig import SET, StandingShow, write

from perform.core import params
from perform.core.arena import Arena
from perform.library import sets
from perform.stage.commands import Load, Open, Save, Undo


@pytest.fixture
def standing(arena: Arena, tour: str) -> StandingShow:
    return StandingShow(arena, Path(tour))


def test_saving_keeps_what_stands_on_the_decks(standing: StandingShow, tmp_path: Path) -> None:
    ask, table = standing.ask, standing.table
    assert ask(Save()).note == ""
    assert standing.written() == sets.read_set(write(tmp_path / "before.toml")).songs[0]
    params.set_value(table, "deck/1/pan", 0.5)
    ask(Load(4, "bells"))
    answer = ask(Save())
    assert (answer.value, answer.note) == (
        str(standing.path),
        "one now starts with the present settings, u takes that back",
    )
    assert (standing.written().values["deck/1/pan"], standing.written().models[4].name) == (0.5, "bells")
    assert ask(Save()).note == "", "it is in the file"
    assert standing.path.with_name("tour.toml.before").read_text() == SET


def test_the_song_as_it_was_can_be_saved_after_undo(standing: StandingShow) -> None:
    ask, table = standing.ask, standing.table
    params.set_value(table, "deck/1/pan", 0.5)
    standing.show.tick(settled=False)
    ask(Save())
    assert "one keeps the present" in ask(Undo()).value
    assert ask(Save()).note == "without the present settings of one"
    assert "deck/1/pan" not in standing.written().values
    params.set_value(table, "xfade", 0.75)
    standing.show.tick(settled=False)
    assert "starts with the present settings" in ask(Save()).note, "another gesture: what stands now is new"
    assert (standing.written().values["deck/1/pan"], standing.written().values["xfade"]) == (0.5, 0.75)


def test_a_glide_is_saved_as_finished(standing: StandingShow) -> None:
    standing.show._glides.begin({params.slot("deck/1/pan"): 1.0}, 100.0, time.monotonic())
    assert "present settings" in standing.ask(Save()).note
    assert standing.written().values["deck/1/pan"] == 1.0


def test_a_song_of_another_set_is_not_saved_and_the_answer_says_so(standing: StandingShow) -> None:
    params.set_value(standing.table, "deck/1/pan", 0.5)
    standing.ask(Open("demo"))
    assert standing.ask(Save("later")).note == "without one, which belongs to another set"


def test_takes_have_the_name_of_the_set_that_is_open(standing: StandingShow) -> None:
    standing.show.tick(settled=False)
    assert standing.recording.set_name == "tour"
    standing.ask(Open("demo"))
    standing.show.tick(settled=False)
    assert standing.recording.set_name == "demo"
    standing.ask(Save("later"))
    standing.show.tick(settled=False)
    assert standing.recording.set_name == "later"
