"""The armed song: what its decks prepare, and the values that they begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from stage_rig import SilentChild

from perform.core.arena import Arena
from perform.core.messages.host_messages import StartHost
from perform.core.params import SLOTS, SOURCES, set_value, trigger
from perform.library import hashes
from perform.library.sets import Set
from perform.library.song import ModelName, Song
from perform.stage.deck_files import DeckFiles
from perform.stage.glides import ParameterGlides
from perform.stage.host_pool import HostPool
from perform.stage.rack import Rack
from perform.stage.song_models import SongModels
from perform.stage.songs import Songs

BIAS, SEED = SLOTS["deck/1/z/0/bias"], SLOTS["deck/1/seed"]


@pytest.fixture
def songs(arena: Arena, tiny_models: Path) -> Songs:
    made = HostPool(SilentChild, print, StartHost("", "", 48000.0, False))  # type: ignore[arg-type]
    rack = Rack.empty(arena, made, print)
    return Songs(rack, ParameterGlides(arena.table), DeckFiles(rack))


def test_arming_the_song_that_undo_returns_to_prepares_it_as_written(songs: Songs, arena: Arena) -> None:
    one = Song("one", decks={"1": "bells"}, values={"deck/1/z/0/bias": 1.0})
    songs.open(Set("a", songs=[one, Song("two")]), None)
    left = songs.list.playing
    songs.armed.go(now=True)
    assert songs.tick(settled=False)
    songs.play_next()
    changed = arena.table.copy()
    changed[BIAS], changed[SEED] = 7.0, 5.0
    as_left = left._replace(song=Song("one", decks={"1": "choir"}))
    songs.armed.return_to(as_left, changed)
    assert not songs.tick(settled=False)
    deck = songs._rack.decks[1]
    assert (arena.next[BIAS], deck.next.path.stem) == (7.0, "choir")  # type: ignore[union-attr]
    songs.armed.arm(1)
    songs.armed.go()
    assert not songs.tick(settled=False)
    assert (arena.next[BIAS], arena.next[SEED]) == (1.0, 0.0)
    assert deck.next.path and deck.next.path.stem == "bells"


def test_next_right_after_a_song_has_begun_is_the_song_after_it(songs: Songs, arena: Arena) -> None:
    """The song after it is armed already; the first `song/next` or `song/previous` counts from NOW."""
    songs.open(Set("a", songs=[Song(name) for name in ("one", "two", "three", "four")]), None)
    for action, armed in (("next", 1), ("next", 2), ("next", 3), ("previous", 2)):
        trigger(arena.table, f"song/{action}")
        songs.tick(settled=True)
        assert songs.armed.index == armed
    trigger(arena.table, "song/go")
    assert songs.tick(settled=True)
    songs.play_next()
    assert (songs.list.now, songs.armed.index, songs.status().chosen) == (2, 3, False)
    trigger(arena.table, "song/previous")
    songs.tick(settled=True)
    assert songs.armed.index == 1


def test_there_is_no_song_after_the_last_one_and_the_log_says_so(
    songs: Songs, arena: Arena, capsys: pytest.CaptureFixture[str]
) -> None:
    def said() -> str:
        return capsys.readouterr().out.strip()

    songs.open(Set("a", songs=[Song("one"), Song("two")]), None, now=1)
    said()
    trigger(arena.table, "song/next")
    songs.tick(settled=True)
    assert (songs.armed.index, said()) == (None, "there is no song after this one")
    trigger(arena.table, "song/go")
    assert not songs.tick(settled=True), "the last song does not begin again"
    trigger(arena.table, "song/previous")
    songs.tick(settled=True)
    assert songs.armed.index == 0
    trigger(arena.table, "song/previous")
    songs.tick(settled=True)
    assert (songs.armed.index, said().split("\n")[-1]) == (0, "there is no song before this one")
    for action in ("arm", "jump"):
        set_value(arena.table, f"song/{action}", 3)
        songs.tick(settled=True)
        assert (songs.armed.index, songs.armed.going) == (0, False)
        assert said() == "there is no song 3; the set has 1 to 2"


def test_next_is_not_ready_before_its_models_are(songs: Songs) -> None:
    """While the first song still loads, the decks prepare nothing yet."""
    two = Song("two", decks={"1": "choir", "2": "bells"})
    songs.open(Set("a", songs=[Song("one", decks={"1": "bells"}), two]), None)
    songs.tick(settled=False)
    status = songs.status()
    assert (status.next, status.ready, status.wanted) == (2, 0, 2)
    songs.tick(settled=True)
    status = songs.status()
    assert (status.next, status.ready, status.wanted) == (2, 0, 2)
    assert songs.armed.arm(2).startswith("ready in about")


def test_the_song_that_plays_keeps_its_name_and_number_when_a_set_is_opened(songs: Songs) -> None:
    one, two, three = (Song(name) for name in ("one", "two", "three"))
    songs.open(Set("a", songs=[one, two, three]), None, now=1)
    songs.open_another(Set("b", songs=[three]), Path("b.toml"))
    assert (songs.status().now, songs.status().name, songs.status().next) == (0, "two", 1)
    songs.open_another(Set("a", songs=[one, two, three]), Path("a.toml"))
    assert (songs.status().now, songs.status().name, songs.status().next) == (2, "two", 3)


def test_a_source_that_the_model_has_not_is_named_on_its_deck(songs: Songs, arena: Arena) -> None:
    """The deck then plays as hand; nothing is said while the model loads."""
    songs.open(Set("a", songs=[Song("one", decks={"1": "bells"})]), None)
    deck = songs._rack.decks[1]
    host = deck._host
    assert host
    set_value(arena.table, "deck/1/source", SOURCES.index("prior"))
    assert deck.status().note == ""
    host.ready = True
    assert deck.status().note == "no prior: prior plays as hand"
    set_value(arena.table, "deck/1/source", SOURCES.index("input"))
    assert deck.status().note == "no encoder: input plays as hand"
    host.has_prior = host.has_encoder = True
    for source in range(len(SOURCES)):
        set_value(arena.table, "deck/1/source", source)
        assert deck.status().note == ""
    host.takes_sound = True
    notes = []
    for source in range(len(SOURCES)):
        set_value(arena.table, "deck/1/source", source)
        notes.append(deck.status().note)
    assert notes[0] == "hand gives it no sound: choose input, file or deck"
    assert [not note for note in notes] == [name in ("input", "file", "deck") for name in SOURCES]


def test_a_model_of_next_that_cannot_be_loaded_is_not_called_ready(songs: Songs) -> None:
    two = Song("two", decks={"1": "choir"})
    songs.open(Set("a", songs=[Song("one"), two]), None)
    songs.tick(settled=True)
    deck = songs._rack.decks[1]
    deck.tick()
    assert deck._armed.pending
    deck._armed.pending.host.error = "its file is damaged"
    status = songs.status()
    assert (status.ready, status.wanted, status.failed) == (1, 1, 1)


def test_an_insert_that_the_player_removed_stays_removed(
    songs: Songs, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's hashes are known a while after the set was opened: songs may find more models then."""
    lost = ModelName("lost", hashes.sha256(tiny_models / "choir.safetensors"))
    with monkeypatch.context() as before:
        before.setattr(SongModels, "_scan", lambda self: None)
        songs.open(Set("a", songs=[Song("one", inserts={"1": "bells", "2": "bells", "3": lost})]), None)
    inserts = songs._rack.inserts
    assert [inserts[n].assigned is not None for n in (1, 2, 3)] == [True, True, False]
    inserts[1].unload()
    inserts[2].load("choir")
    assert hashes.scan()
    songs._models._learnt.set()
    songs.tick(settled=True)
    found = [path.stem if (path := inserts[n].assigned) else "" for n in (1, 2, 3)]
    assert found == ["", "choir", "choir"]
