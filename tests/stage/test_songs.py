"""Songs on a real stage, on its silent clock: NOW and NEXT, switching, editing, resuming."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from rig import Instrument, playing, until

from perform.core import params
from perform.core.arena_layout import EMPTY, FAILED, LIVE
from perform.core.errors import PerformError
from perform.core.params import SLOTS
from perform.library import places, sets
from perform.stage import commands
from perform.stage.saving import SetSaver
from perform.stage.setlist import SetList
from perform.stage.status import SongsStatus

SET = """
# a tour
name = "tour"

[[songs]]
name = "one" # the first
fade = 0.2
decks.1 = "bells"
decks.2 = "choir"
[songs.values]
"deck/1/source" = "loop"
"deck/1/z/0/bias" = 1.0
"deck/2/source" = "walk"

[[songs]]
name = "two"
fade = 0.2
switch = "crossfade"
decks.1 = "bells"
decks.3 = "choir"
[songs.values]
"deck/1/source" = "loop"
"deck/1/z/0/bias" = -1.0
"deck/3/source" = "walk"
"xfade" = 0.25

[[songs]]
name = "three"
switch = "cut"
decks.1 = "choir"
decks.2 = {name = "nowhere", source = "https://models.example/nowhere"}
[songs.values]
"deck/1/source" = "walk"
"""


@pytest.fixture
def tour(tmp_path: Path, tiny_models: Path) -> str:
    path = tmp_path / "tour.toml"
    path.write_text(SET)
    return str(path)


def song(instrument: Instrument) -> SongsStatus:
    return instrument.client.status().songs


def go(instrument: Instrument, number: int) -> None:
    instrument.client.ask(commands.Arm(number))
    instrument.client.ask(commands.Go())
    until(lambda: song(instrument).now == number, 20, f"song {number}; {instrument.log()}")


def value(instrument: Instrument, address: str) -> float:
    return float(instrument.arena.table[SLOTS[address]])


def states(instrument: Instrument) -> list[float]:
    return [instrument.meter(f"deck/{d}/state") for d in (1, 2, 3)]


def test_songs_follow_each_other_without_a_gap(runtime: Path, tour: str, tmp_path: Path) -> None:
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        until(lambda: song(instrument).ready == song(instrument).wanted == 2, 20, "song two warm")
        frames = instrument.meter("deck/1/frames")
        begun = instrument.arena.history.written
        go(instrument, 2)
        assert states(instrument) == [LIVE, EMPTY, LIVE]
        assert instrument.meter("deck/1/frames") >= frames  # the same voice, going on
        until(lambda: value(instrument, "deck/1/z/0/bias") == -1.0, 5, "the latent glided there")
        assert value(instrument, "xfade") == 0.25
        words = instrument.client.ask(commands.Arm(3)).value
        assert "ready" in words
        missing = song(instrument).lines[2].missing
        assert "nowhere" in missing[0]
        assert "https://models.example/nowhere" in missing[0]
        go(instrument, 3)
        until(lambda: states(instrument) == [LIVE, FAILED, EMPTY], 10, "song three, as far as it is there")
        assert "nowhere" in instrument.client.status().decks[1].error
        until(lambda: instrument.arena.history.written > begun + 2 * 48000, 10, "two seconds")
        tape, lost = instrument.arena.history.read(begun, instrument.arena.history.written - begun)
        assert not lost
        level = np.sqrt((tape[: len(tape) // 4800 * 4800, 0].reshape(-1, 4800) ** 2).mean(axis=1))
        assert level.min() > 1e-4
        assert "mistake" not in instrument.log()
        instrument.end()


def test_numbers_arm_and_go(runtime: Path, tour: str) -> None:
    """What a program change and a footswitch do, through the table."""
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        table = instrument.arena.table
        params.set_value(table, "song/arm", 3)
        until(lambda: song(instrument).next == 3, 5, "song three armed")
        params.trigger(table, "song/previous")
        until(lambda: song(instrument).next == 2, 5, "song two armed")
        params.trigger(table, "song/go")
        until(lambda: song(instrument).now == 2, 20, "song two")
        params.set_value(table, "song/jump", 1)
        until(lambda: song(instrument).now == 1, 20, "song one")
        assert value(instrument, "song/jump") == 0
        instrument.end()


def test_what_a_player_does_can_be_taken_back(runtime: Path, tour: str) -> None:
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


def test_two_songs_of_one_name_are_two_songs(runtime: Path, tmp_path: Path, tiny_models: Path) -> None:
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


def write(path: Path) -> Path:
    path.write_text(SET)
    return path


def test_keys_of_songs_stay_theirs_through_every_edit() -> None:
    made = SetList(sets.Set("a", songs=[sets.Song("x", tempo=60.0 + i) for i in range(4)]), None, now=2)
    tempo = dict(zip(made.keys, (60.0, 61.0, 62.0, 63.0), strict=True))
    order = made.order
    made.move(3, 1)
    made.copy(4, "x")
    made.add(sets.Song("x", tempo=100.0))
    made.rename(2, "y")
    made.remove(3)
    assert made.song.tempo == made.songs[made.now].tempo == 62.0
    assert tempo[made.key] == 62.0
    for key, song in zip(made.keys, made.songs, strict=True):
        assert tempo.get(key, song.tempo) == song.tempo
    assert len(set(made.keys)) == len(made.songs) == 5
    made.restore(order)
    assert (made.keys, made.now) == (order.keys, 2)
    other = SetList(sets.Set("b", songs=[sets.Song("x")]), None, outside=made.playing)
    assert (other.now, other.key, other.index(made.key)) == (-1, made.key, None)


def test_scenes_are_stored_recalled_and_morphed(runtime: Path, tour: str) -> None:
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        ask, table = instrument.client.ask, instrument.arena.table
        ask(commands.StoreScene(1, "calm"))
        params.set_value(table, "deck/1/z/0/bias", 3.0)
        params.set_value(table, "deck/1/source", 0)
        ask(commands.Exclude("deck/2/gain"))
        params.set_value(table, "deck/2/gain", -9.0)
        ask(commands.StoreScene(2, "wild"))
        ask(commands.RecallScene(1))
        until(lambda: value(instrument, "deck/1/z/0/bias") == 1.0, 5, "the calm scene")
        assert value(instrument, "deck/1/source") == params.SOURCES.index("loop")
        assert value(instrument, "deck/2/gain") == -9.0
        params.set_value(table, "scene/a", 1)
        params.set_value(table, "scene/b", 2)
        params.set_value(table, "scene/morph", 0.75)
        until(lambda: abs(value(instrument, "deck/1/z/0/bias") - 2.5) < 1e-6, 5, "the morph")
        assert value(instrument, "deck/1/source") == 0
        params.set_value(table, "scene/recall", 2)
        until(lambda: value(instrument, "deck/1/z/0/bias") == 3.0, 5, "the wild scene, by number")
        assert [scene.name for scene in instrument.client.status().scenes] == ["calm", "wild"]
        with pytest.raises(PerformError, match="empty"):
            ask(commands.RecallScene(7))
        instrument.end()


def test_a_gesture_loops_until_a_hand_takes_it(runtime: Path, tour: str) -> None:
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        ask, table, address = instrument.client.ask, instrument.arena.table, "deck/1/z/1/bias"
        assert ask(commands.ToggleLoop(address)).value == "recording"
        for step in range(20):
            params.set_value(table, address, step / 10)
            frames = instrument.meter("frames")
            until(lambda f=frames: instrument.meter("frames") > f + 960, 5, "20 ms")
        assert ask(commands.ToggleLoop(address)).value == "looping"
        seen: set[float] = set()

        def goes_round() -> bool:
            seen.add(value(instrument, address))
            return len(seen) > 30 and min(seen) < 0.3 and max(seen) > 1.7

        until(goes_round, 10, "the gesture again")
        params.set_value(table, address, -2.0)
        until(lambda: instrument.client.status().loops[0].state == "stopped", 5, "a hand")
        assert value(instrument, address) == -2.0
        assert ask(commands.Undo()).value == f"loop of {address} recorded"
        assert instrument.client.status().loops == ()
        ask(commands.Undo(redo=True))
        go(instrument, 2)
        assert instrument.client.status().loops == ()
        go(instrument, 1)
        assert [loop.state for loop in instrument.client.status().loops] == ["looping"]
        ask(commands.ForgetLoop(address))
        assert ask(commands.Undo()).value == f"loop of {address} forgotten"
        assert [loop.address for loop in instrument.client.status().loops] == [address]
        instrument.end()
    kept = sets.available()
    (unsaved,) = (path for name, path in kept.items() if name.startswith("tour-unsaved"))
    (gesture,) = sets.read_set(unsaved).songs[0].loops
    assert gesture.points[0] == (0.0, 0.0)
    assert gesture.points[-1][1] == 1.9


def test_a_loop_plays_where_its_deck_plays_on(runtime: Path, tour: str) -> None:
    address = "deck/1/z/0/bias"  # the song before has another number there: all else glides to it
    points = "[[0.0, 2.0], [0.25, 3.0], [0.5, 2.0]]"
    loop = f'[[songs.loops]]\naddress = "{address}"\nseconds = 0.5\npoints = {points}\n'
    Path(tour).write_text(SET.replace('[[songs]]\nname = "three"', f'{loop}[[songs]]\nname = "three"'))
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        go(instrument, 2)
        until(lambda: 2.7 < value(instrument, address) <= 3.0, 5, "its way up")
        until(lambda: 2.0 <= value(instrument, address) < 2.3, 5, "and down again")
        assert [loop.state for loop in instrument.client.status().loops] == ["looping"]
        instrument.end()


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


def test_a_set_is_edited_on_while_it_is_written(tmp_path: Path) -> None:
    setlist, saving = SetList(sets.Set("a", songs=[sets.Song("b")]), tmp_path / "a.toml"), SetSaver()
    answers: list[commands.Answer] = []
    saving.save(setlist, "", answers.append)
    saving.save(setlist, str(tmp_path / "c.toml"), answers.append)
    saving.save(setlist, "", answers.append)  # under the name that it will have by then
    saving.save(setlist, "\n", answers.append)
    setlist.rename(1, "later")
    assert not answers
    saving.end(10)
    assert [Path(answer.value).stem for answer in answers] == ["a", "c", "c", ""]
    assert "is no name" in answers[3].error
    assert [sets.read_set(tmp_path / f"{name}.toml").songs[0].name for name in "ac"] == ["b", "later"]
    assert not setlist.changed
    setlist.rename(1, "last")
    assert setlist.changed


def test_what_is_edited_stays_next(runtime: Path, tour: str) -> None:
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


def test_a_bundled_set_never_takes_the_place_of_ones_own() -> None:
    bundled = places.bundled("presets") / "sets" / "demo.toml"
    made, copy = SetList(sets.read_set(bundled), bundled).to_write()
    sets.save_set(made, copy)
    again = SetList(sets.read_set(bundled), bundled)  # named by its path, else one's own would be found
    with pytest.raises(PerformError, match="there already"):
        again.to_write()
    assert again.to_write("other")[1].stem == "other"


def test_after_a_crash_the_same_song_comes_back(runtime: Path, tour: str) -> None:
    instrument = Instrument(runtime, "--device", "null", set_name=tour)
    instrument.wait_live(1, 2)
    go(instrument, 2)
    params.set_value(instrument.arena.table, "deck/1/z/2/bias", 0.75)
    instrument.client.ask(commands.RenameSong(1, "uno"))
    for _ in range(2):
        instrument.client.ask(commands.ToggleLoop("deck/3/pan"))
    saved = Path(os.environ["PERFORM_HOME"]) / "state" / "autosave.json"
    last = ("0.75", "uno", '"loops":[{"address":"deck/3/pan"')
    until(lambda: all(words in saved.read_text() for words in last), 10, "an autosave")
    instrument.kill()
    Path(tour).rename(f"{tour}.away")  # not even the file is needed
    with playing(runtime, "--device", "null", set_name=tour) as again:
        again.wait_live(1, 3)
        assert song(again).now == 2
        assert song(again).changed
        assert value(again, "deck/1/z/2/bias") == 0.75
        assert [loop.address for loop in again.client.status().loops] == ["deck/3/pan"]
        assert "resumed" in again.log()
        again.end()
        assert "unsaved" in again.log()
    Path(f"{tour}.away").rename(tour)
    with playing(runtime, "--device", "null", set_name=tour) as fresh:
        fresh.wait_live(1, 2)
        assert song(fresh).now == 1
        assert song(fresh).lines[0].name == "one"
        fresh.end()


def test_after_a_crash_a_song_of_another_set_comes_back(
    runtime: Path, tour: str, tmp_path: Path, tiny_models: Path
) -> None:
    """The next set was opened in the middle of a song: that song goes on, and the new set stays as it is."""
    other = tmp_path / "other.toml"
    other.write_text('name = "other"\n[[songs]]\nname = "first"\ndecks.5 = "choir"\n')
    instrument = Instrument(runtime, "--device", "null", set_name=tour)
    instrument.wait_live(1, 2)
    params.set_value(instrument.arena.table, "deck/1/z/2/bias", 0.75)
    instrument.client.ask(commands.Open(str(other)))
    saved = Path(os.environ["PERFORM_HOME"]) / "state" / "autosave.json"
    until(lambda: all(text in saved.read_text() for text in ("0.75", '"now":-1')), 10, "an autosave")
    instrument.kill()
    with playing(runtime, "--device", "null", set_name=str(other)) as again:
        again.wait_live(1, 2)
        assert (song(again).now, song(again).next) == (0, 1)
        assert [line.name for line in song(again).lines] == ["first"]
        assert value(again, "deck/1/z/2/bias") == 0.75
        assert again.client.status().decks[1].model == "choir"
        assert "resumed after a crash: one" in again.log()
        with pytest.raises(PerformError, match="another set"):
            again.client.ask(commands.KeepSong())
        go(again, 1)
        until(lambda: states(again)[:2] == [EMPTY, EMPTY], 5, "the song of the other set faded")
        again.wait_live(5)
        again.end()
    assert sets.read_set(other).songs[0].models.keys() == {5}


def test_a_song_finds_its_models_by_what_is_in_them(runtime: Path, tour: str, tmp_path: Path) -> None:
    library = Path(os.environ["PERFORM_HOME"]) / "models"
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        instrument.client.ask(commands.KeepSong())
        instrument.client.ask(commands.Save())
        instrument.end()
    (library / "bells.safetensors").rename(
        library / "glocken.safetensors"
    )  # the bundled bells have its name now
    (library / "choir.safetensors").unlink()  # so has the bundled choir; the song's own is gone
    os.utime(library / "glocken.safetensors", ns=(1, 1))  # nobody has read this file as it is
    with playing(runtime, "--device", "null", "--fresh", set_name="demo") as reader:
        reader.client.ask(commands.Load(5, str(library / "glocken.safetensors")))
        reader.wait_live(5)
        reader.end()
    with playing(runtime, "--device", "null", "--fresh", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        decks = instrument.client.status().decks
        assert [Path(deck.path).stem for deck in decks[:2]] == ["glocken", "choir"]
        until(lambda: song(instrument).lines[0].missing, 10, "a word about the other choir")
        assert "deck 2: 'choir' is another file here" in " ".join(song(instrument).lines[0].missing)
        instrument.end()


def test_a_mapping_given_at_the_start_holds_against_the_songs(runtime: Path, tour: str) -> None:
    text = Path(tour).read_text()
    for song_name, mapping in (("one", "generic"), ("two", "midimix")):
        text = text.replace(f'name = "{song_name}"', f'name = "{song_name}"\nmapping = "{mapping}"')
    Path(tour).write_text(text)
    for options, wanted in (((), "MIDImix"), (("--mapping", "nanokontrol2"), "nanoKONTROL2")):
        with playing(runtime, "--device", "null", "--fresh", *options, set_name=tour) as instrument:
            instrument.wait_live(1, 2)
            first = wanted if options else "generic"
            mapping = lambda i=instrument: i.client.status().mapping  # noqa: E731
            until(lambda m=mapping, first=first: m() == first, 10, f"the mapping {first}")
            go(instrument, 2)
            until(lambda m=mapping, wanted=wanted: m() == wanted, 10, f"the mapping {wanted}")
            instrument.end()


def test_a_model_that_is_not_here_stays_in_the_song(runtime: Path, tour: str) -> None:
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        go(instrument, 3)
        until(lambda: instrument.meter("deck/2/state") == FAILED, 10, "deck 2 without its model")
        instrument.client.ask(commands.KeepSong())
        instrument.client.ask(commands.Save())
        kept = sets.load_set(tour).songs[2].models[2]
        assert (kept.name, kept.source) == ("nowhere", "https://models.example/nowhere")
        library = Path(os.environ["PERFORM_HOME"]) / "models"
        (library / "odd.safetensors").write_bytes(b"PK\x03\x04, and no archive")
        instrument.client.ask(commands.Load(2, "odd"))
        until(lambda: "odd" in instrument.client.status().decks[1].error, 20, "it is refused")
        instrument.client.ask(commands.KeepSong())
        instrument.client.ask(commands.Save())
        assert sets.load_set(tour).songs[2].models[2].name == "odd"
        instrument.end()
