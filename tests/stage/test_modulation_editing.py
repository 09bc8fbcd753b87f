"""Rows of modulation are edited while the song plays; undo takes each row back in one step."""

from __future__ import annotations

from pathlib import Path

import pytest
from stage_rig import SilentChild

from perform.core.arena import Arena
from perform.core.errors import WrongUse
from perform.core.messages.host_messages import StartHost
from perform.core.modulators import MODULATORS
from perform.core.params import SLOTS
from perform.library.sets import Set
from perform.library.song import ModulationRow, Song
from perform.stage.command_table import CommandTable
from perform.stage.commands import AnyCommand, Modulate, Unmodulate, no_reply
from perform.stage.editing import Editing
from perform.stage.host_pool import HostPool
from perform.stage.modulation_editing import ModulationEditing
from perform.stage.rack import Rack
from perform.stage.set_parts import SetParts

Z0 = "deck/1/z/0/bias"


class Edited:
    """A set that plays, without processes, and its commands."""

    def __init__(self, arena: Arena) -> None:
        hosts = HostPool(SilentChild, print, StartHost("", "", 48000.0, False))  # type: ignore[arg-type]
        self.arena, self.parts = arena, SetParts.on(Rack.empty(arena, hosts, print))
        self.parts.songs.open(Set("a", songs=[Song("one"), Song("two")]), None)
        self.table = CommandTable()
        ModulationEditing(Editing(self.parts)).register(self.table)

    def ask(self, command: AnyCommand) -> None:
        self.table.run(command, no_reply)

    @property
    def rows(self) -> list[ModulationRow]:
        return self.parts.songs.list.song.modulation

    def written(self) -> list[tuple[str, float, float, float]]:
        """What hosts and mixer read."""
        packed = self.arena.rows[0]
        return [
            (MODULATORS[int(source)], slot, low, high)
            for source, slot, low, high in packed[1 : 1 + int(packed[0, 0])].tolist()
        ]


@pytest.fixture
def edited(arena: Arena, own_places: Path) -> Edited:
    return Edited(arena)


def test_rows_are_added_replaced_and_removed_and_readers_follow(edited: Edited) -> None:
    edited.ask(Modulate("lfo 1", Z0, -1.0, 1.0))
    edited.ask(Modulate("macro 1", Z0, 0.0, 2.0))
    edited.ask(Modulate("lfo 1", Z0, -0.5, 0.5))
    assert edited.rows == [ModulationRow("lfo 1", Z0, -0.5, 0.5), ModulationRow("macro 1", Z0, 0.0, 2.0)]
    assert edited.written() == [("lfo 1", SLOTS[Z0], -0.5, 0.5), ("macro 1", SLOTS[Z0], 0.0, 2.0)]
    edited.ask(Unmodulate(Z0, "lfo 1"))
    assert [row.source for row in edited.rows] == ["macro 1"]
    edited.ask(Unmodulate(Z0))
    assert edited.rows == edited.written() == []


def test_one_step_of_undo_takes_back_all_moves_of_one_row(edited: Edited) -> None:
    history = edited.parts.history
    for depth in (0.1, 0.2, 0.3):
        edited.ask(Modulate("lfo 1", Z0, -depth, depth))
    edited.ask(Modulate("lfo 2", Z0, 0.0, 1.0))
    assert history.undo() == "lfo 2 moves deck/1/z/0/bias by +0 to +1"
    assert [row.high for row in edited.rows] == [0.3]
    history.undo()
    assert edited.rows == edited.written() == []
    history.redo()
    assert [row.high for row in edited.rows] == [0.3]
    assert edited.written() == [("lfo 1", SLOTS[Z0], -0.3, 0.3)]
    history.redo()
    assert len(edited.rows) == 2


def test_impossible_rows_are_refused_and_change_nothing(edited: Edited) -> None:
    for command, says in (
        (Modulate("lfo 77", Z0, 0.0, 1.0), "no modulator is called 'lfo 77'"),
        (Modulate("lfo 1", "tempo", 0.0, 1.0), "tempo cannot be modulated"),
        (Modulate("lfo 1", Z0, 0.0, float("inf")), "cannot add inf"),
        (Unmodulate(Z0), "no modulator moves deck/1/z/0/bias"),
        (Unmodulate(Z0, "lfo 1"), "lfo 1 does not move deck/1/z/0/bias"),
    ):
        with pytest.raises(WrongUse, match=says):
            edited.ask(command)
    assert edited.rows == []
    assert not edited.parts.songs.list.changed


def test_each_song_has_its_own_rows_and_the_next_ones_are_prepared(edited: Edited) -> None:
    edited.ask(Modulate("lfo 1", Z0, -1.0, 1.0))
    songs = edited.parts.songs
    songs.armed.go(now=True)
    assert songs.tick(settled=False)
    assert edited.written() != []
    songs.play_next()
    assert edited.written() == []
    songs.armed.arm(1)
    assert edited.arena.rows[1, 0, 0] == 1
    songs.armed.go(now=True)
    assert songs.tick(settled=False)
    songs.play_next()
    assert edited.written() == [("lfo 1", SLOTS[Z0], -1.0, 1.0)]
