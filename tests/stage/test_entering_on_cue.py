"""A new deck that is loaded while others play enters on cue, with its fader down."""

from __future__ import annotations

from pathlib import Path

import pytest
from stage_rig import StandingShow

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import EMPTY, LIVE
from perform.core.spec import SILENCE_DB
from perform.stage.commands import KeepSong, Load, Save, Undo


def strip(standing: StandingShow, deck: int) -> tuple[float, float]:
    gain, cue = (float(standing.table[params.slot(f"deck/{deck}/{name}")]) for name in ("gain", "cue"))
    return gain, cue


@pytest.fixture
def standing(arena: Arena, tour: str) -> StandingShow:
    made = StandingShow(arena, Path(tour))
    arena.set_meter("cue/on", 1)
    arena.set_meter("deck/1/state", LIVE)
    return made


def test_a_new_deck_enters_on_cue_and_undo_takes_both_back(standing: StandingShow) -> None:
    assert standing.ask(Load(4, "bells")).note == "deck 4 enters on cue, its fader is down"
    assert strip(standing, 4) == (SILENCE_DB, 1.0)
    standing.show.tick(settled=False)
    assert standing.ask(Undo()).value == "deck 4: bells"
    assert strip(standing, 4) == (0.0, 0.0)
    standing.ask(Undo(redo=True))
    assert strip(standing, 4) == (SILENCE_DB, 1.0)


def test_only_a_new_deck_beside_others_enters_on_cue(standing: StandingShow, arena: Arena) -> None:
    assert standing.ask(Load(1, "choir")).note == "", "it replaces a model"
    assert strip(standing, 1) == (0.0, 0.0)
    arena.set_meter("deck/1/state", EMPTY)
    assert standing.ask(Load(5, "bells")).note == "", "nothing plays"
    arena.set_meter("deck/1/state", LIVE)
    arena.set_meter("cue/on", 0)
    assert standing.ask(Load(6, "bells")).note == "", "nobody could hear it"
    assert strip(standing, 5) == strip(standing, 6) == (0.0, 0.0)


def test_no_song_keeps_the_cue_and_none_moves_it(standing: StandingShow) -> None:
    params.set_value(standing.table, "deck/1/cue", 1)
    params.set_value(standing.table, "cue/mix", 0.5)
    standing.show.tick(settled=False)
    assert standing.ask(Save()).note == ""
    standing.ask(KeepSong())
    standing.ask(Save())
    assert not [address for address in standing.written().values if "cue" in address]
    songs = standing.show._songs
    songs.armed.go(now=True)
    songs.tick(settled=False)
    songs.play_next()
    assert (strip(standing, 1)[1], float(standing.table[params.slot("cue/mix")])) == (1.0, 0.5)
