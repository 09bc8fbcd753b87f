"""Edits of the set while it plays: undo, keys of songs, saving."""

from __future__ import annotations

from pathlib import Path

import pytest
from rig import playing, until
from stage_rig import SET, go, song, states, value, write

from perform.core import params
from perform.core.arena_layout import EMPTY, FAILED, LIVE
from perform.core.errors import PerformError
from perform.library import places, sets
from perform.library.song import Song
from perform.stage import commands
from perform.stage.saving import SetSaver
from perform.stage.setlist import SetList


def test_every_change_can_be_undone(runtime: Path, tour: str) -> None:
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        ask, table = instrument.client.ask, instrument.arena.table
        params.set_value(table, "deck/1/gain", -6.0)
        until(lambda: "deck/1/gain" in instrument.client.status().undo, 5, "a step")
        ask(commands.Unload(2))
        until(lambda: states(instrument)[1] == EMPTY, 5, "deck 2 empty")
        ask(commands.Load(4, "bells"))
        instrument.wait_live(4)
        go(instrument, 2)
        until(lambda: instrument.meter("deck/4/state") == EMPTY, 5, "deck 4 is not of song two")
        assert "two" in ask(commands.Undo()).value
        until(lambda: song(instrument).now == 1, 20, "song one again")
        instrument.wait_live(4)  # as it stood: with what a hand put there, without what it took away
        assert states(instrument)[1] == EMPTY
        assert "deck 4" in ask(commands.Undo()).value
        until(lambda: value(instrument, "deck/1/gain") == -6.0, 5, "the fader glided back")
        assert "deck 2" in ask(commands.Undo()).value
        until(lambda: states(instrument)[1] == LIVE, 10, "deck 2 back")
        assert "deck/1/gain" in ask(commands.Undo()).value
        assert value(instrument, "deck/1/gain") == 0.0
        assert "deck/1/gain" in ask(commands.Undo(redo=True)).value
        assert value(instrument, "deck/1/gain") == -6.0
        instrument.end()


def test_two_songs_may_have_one_name(runtime: Path, tmp_path: Path, tiny_models: Path) -> None:
    """Undo returns to the third song, not to the first one of its name; keeping it changes that one alone."""
    path = tmp_path / "twins.toml"
    path.write_text(SET.replace('name = "three"', 'name = "one"').replace('name = "two"', 'name = "one"'))
    with playing(runtime, "--device", "null", set_name=str(path)) as instrument:
        instrument.wait_live(1, 2)
        ask, table = instrument.client.ask, instrument.arena.table
        go(instrument, 3)
        until(lambda: states(instrument)[1] == FAILED, 10, "the song whose model is missing")
        lines = song(instrument).lines
        assert [bool(line.missing) for line in lines] == [False, False, True]
        params.set_value(table, "deck/1/gain", -7.0)
        until(lambda: "deck/1/gain" in instrument.client.status().undo, 5, "a step")
        go(instrument, 2)
        ask(commands.MoveSong(1, 3))  # two, three, one: an edit in between
        ask(commands.Undo())
        assert "one" in ask(commands.Undo()).value
        until(lambda: song(instrument).now == 3, 20, "song three again")
        ask(commands.RenameSong(3, "third"))
        ask(commands.KeepSong())
        path = Path(ask(commands.Save()).value)
        instrument.end()
    kept = sets.read_set(path).songs
    before = sets.read_set(write(tmp_path / "before.toml")).songs
    assert [one.name for one in kept] == ["one", "one", "third"]
    assert [one.decks for one in kept[:2]] == [one.decks for one in before[:2]]
    assert kept[0].values == before[0].values
    assert kept[2].values["deck/1/gain"] == -7.0


def test_songs_keep_their_keys_through_every_edit() -> None:
    made = SetList(sets.Set("a", songs=[Song("x", tempo=60.0 + i) for i in range(4)]), None, now=2)
    tempo = dict(zip(made.keys, (60.0, 61.0, 62.0, 63.0), strict=True))
    order = made.order
    made.move(3, 1)
    made.copy(4, "x")
    made.add(Song("x", tempo=100.0))
    made.rename(2, "y")
    made.remove(3)
    assert made.song.tempo == made.songs[made.now].tempo == 62.0
    assert tempo[made.key] == 62.0
    for key, one in zip(made.keys, made.songs, strict=True):
        assert tempo.get(key, one.tempo) == one.tempo
    assert len(set(made.keys)) == len(made.songs) == 5
    made.restore(order)
    assert (made.keys, made.now) == (order.keys, 2)
    other = SetList(sets.Set("b", songs=[Song("x")]), None, outside=made.playing)
    assert (other.now, other.key, other.index(made.key)) == (-1, made.key, None)


def test_a_set_is_edited_and_saved(runtime: Path, tour: str) -> None:
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        ask, table = instrument.client.ask, instrument.arena.table
        params.set_value(table, "deck/1/pan", 0.5)
        ask(commands.KeepSong())
        ask(commands.AddSong("four"))
        ask(commands.RenameSong(4, "last"))
        ask(commands.AddSong("again", 3))
        assert [line.name for line in song(instrument).lines] == ["one", "four", "two", "again", "last"]
        ask(commands.RemoveSong(4))
        ask(commands.MoveSong(2, 4))
        with pytest.raises(PerformError, match="plays"):
            ask(commands.RemoveSong(1))
        ask(commands.RemoveSong(2))
        assert song(instrument).changed
        assert ask(commands.Save()).value == tour
        assert not song(instrument).changed
        written = sets.load_set(tour)
        assert [s.name for s in written.songs] == ["one", "last", "four"]
        assert written.songs[0].values["deck/1/pan"] == 0.5
        assert len(written.songs[0].models[1].sha256) == 64
        assert "# a tour" in Path(tour).read_text()
        ask(commands.Undo())
        assert [line.name for line in song(instrument).lines] == ["one", "two", "last", "four"]
        copy = ask(commands.Save("autumn")).value
        assert sets.load_set("autumn") == sets.load_set(copy)
        with pytest.raises(PerformError, match="there already"):
            ask(commands.Save(tour))
        instrument.end()
    assert Path(f"{tour}.before").read_text() == SET


def test_a_set_is_made_from_nothing(runtime: Path, tour: str) -> None:
    """A new set, its songs with all that they say about themselves; saved, and read again as it was made."""
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        ask = instrument.client.ask
        ask(commands.NewSet("gig"))
        assert song(instrument).now == 0, "the song of the old set plays on"
        with pytest.raises(PerformError, match="there already"):
            ask(commands.NewSet("gig"))
        go(instrument, 1)
        until(
            lambda: song(instrument).now == 1 and states(instrument)[:2] == [EMPTY] * 2, 10, "an empty song"
        )
        ask(commands.EditSong(0, notes="wait", length=450.0, tempo=90.0, switch="crossfade", fade=4.0))
        ask(commands.AddSong("second", empty=True))
        ask(commands.EditSong(2, mapping="generic", tempo=0.0))
        for wrong in ({"tempo": 5.0}, {"fade": -1.0}, {"length": -1.0}):
            with pytest.raises(PerformError, match="song second"):
                ask(commands.EditSong(2, **wrong))  # type: ignore[arg-type]
        line = song(instrument).lines[0]
        assert (line.notes, line.length, line.tempo, line.switch, line.fade) == (
            "wait",
            450.0,
            90.0,
            "crossfade",
            4.0,
        )
        assert "changed" in ask(commands.Undo()).value
        assert song(instrument).lines[1].mapping == ""
        ask(commands.Undo(redo=True))
        path = Path(ask(commands.Save()).value)
        instrument.end()
    first, second = sets.read_set(path).songs
    assert (first.name, first.length, first.switch) == ("song 1", 450.0, "crossfade")
    assert second == Song("second", mapping="generic")


def test_a_set_can_be_edited_while_it_is_written(tmp_path: Path) -> None:
    setlist, saving = SetList(sets.Set("a", songs=[Song("b")]), tmp_path / "a.toml"), SetSaver()
    answers: list[commands.Answer] = []
    saving.save(setlist, "", answers.append)
    saving.save(setlist, str(tmp_path / "c.toml"), answers.append)
    saving.save(setlist, "", answers.append)  # under the name that it will have by then
    saving.save(setlist, "\n", answers.append)
    setlist.rename(1, "later")
    assert not answers
    saving.end(10)
    assert [Path(answer.value).stem for answer in answers] == ["a", "c", "c", ""]
    assert "cannot be a name" in answers[3].error
    assert [sets.read_set(tmp_path / f"{name}.toml").songs[0].name for name in "ac"] == ["b", "later"]
    assert not setlist.changed
    setlist.rename(1, "last")
    assert setlist.changed


def test_an_edited_song_stays_next(runtime: Path, tour: str) -> None:
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        ask = instrument.client.ask
        ask(commands.Arm(3))
        ask(commands.RenameSong(3, "last"))
        assert song(instrument).next == 3
        ask(commands.MoveSong(3, 2))
        assert song(instrument).next == 2
        for redo in (False, False, True, True, False, False):
            ask(commands.Undo(redo))
            status = song(instrument)
            assert status.lines[status.next - 1].name in ("three", "last")
        ask(commands.RemoveSong(3))
        assert song(instrument).next == 2
        ask(commands.Arm(2))
        ask(commands.Go())
        until(lambda: song(instrument).now == 2, 20, "song two")
        assert ask(commands.Undo()).value == "song two"
        ask(commands.Undo())  # at once: the way back to song one goes on
        until(lambda: song(instrument).now == 1, 20, "song one again")
        assert [line.name for line in song(instrument).lines] == ["one", "two", "three"]
        ask(commands.RenameSong(2, "due"))
        ask(commands.Open(tour))
        with pytest.raises(PerformError, match="undo ends where another set was opened"):
            ask(commands.Undo())
        assert song(instrument).lines[1].name == "two"
        instrument.end()


def test_a_bundled_set_never_replaces_the_players_own() -> None:
    bundled = places.bundled("presets") / "sets" / "demo.toml"
    made, copy = SetList(sets.read_set(bundled), bundled).to_write()
    sets.save_set(made, copy)
    again = SetList(sets.read_set(bundled), bundled)  # named by its path, else one's own would be found
    with pytest.raises(PerformError, match="there already"):
        again.to_write()
    assert again.to_write("other")[1].stem == "other"
