"""The armed song: what its decks prepare, and the values that they begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from perform.core.arena import Arena
from perform.core.messages.host_messages import StartHost
from perform.core.messages.message_lines import AnyOrder
from perform.core.params import SLOTS
from perform.library.sets import Set
from perform.library.song import Song
from perform.stage.deck_files import DeckFiles
from perform.stage.glides import ParameterGlides
from perform.stage.host_pool import HostPool
from perform.stage.rack import Rack
from perform.stage.songs import Songs

BIAS, SEED = SLOTS["deck/1/z/0/bias"], SLOTS["deck/1/seed"]


class SilentChild:
    """A host process that never gets ready."""

    def order(self, order: AnyOrder) -> None:
        pass

    def kill(self) -> None:
        pass


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
