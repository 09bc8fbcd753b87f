"""A voice's modulation: free without rows, at rest before its song begins, running on while it fades out."""

from __future__ import annotations

import numpy as np
import pytest

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import HELD, NEXT, NOW
from perform.core.params import SHAPES, slot
from perform.core.table_reader import TableReader
from perform.library.song import ModulationRow
from perform.stage.beat_keeper import BeatKeeper
from perform.stage.modulation_writer import ModulationWriter
from perform.voice.lane_modulation import LaneModulation

Z0, RATE = slot("deck/1/z/0/bias"), 48000
ROWS = [ModulationRow("lfo 1", "deck/1/z/0/bias", 0.0, 1.0)]


@pytest.fixture
def writer(arena: Arena) -> ModulationWriter:
    params.set_value(arena.table, "lfo/1/shape", SHAPES.index("up"))
    params.set_value(arena.table, "lfo/1/rate", 1.0)
    arena.next[:] = arena.table
    made = ModulationWriter(arena)
    made.begin_song()
    return made


def test_without_rows_a_voice_plays_the_table_itself(arena: Arena, writer: ModulationWriter) -> None:
    reader, lane = TableReader(arena), LaneModulation(arena, params.slots(1), NOW)
    lane.read(reader, NOW)
    assert lane.evaluate(1000) is lane.base
    writer.write([ModulationRow("lfo 1", "deck/2/z/0/bias", 0.0, 1.0)])
    reader.update()
    lane.read(reader, NOW)
    assert lane.evaluate(1000) is lane.base, "the rows of other decks cost nothing"
    assert np.array_equal(lane.base, arena.table)


def test_a_voice_adds_its_rows_to_the_base_at_its_own_frame(arena: Arena, writer: ModulationWriter) -> None:
    writer.write(ROWS)
    params.set_value(arena.table, "deck/1/z/0/bias", -0.5)
    reader, lane = TableReader(arena), LaneModulation(arena, params.slots(1), NOW)
    lane.read(reader, NOW)
    for part in (0.25, 0.75, 0.5):  # forwards and backwards: it has no memory
        assert lane.evaluate(round(part * RATE))[Z0] == pytest.approx(part - 0.5)
    assert lane.base[Z0] == -0.5
    others = np.arange(len(lane.base)) != Z0
    assert np.array_equal(lane.table[others], lane.base[others])


@pytest.mark.parametrize("sync", [0, 1])
def test_the_next_song_begins_at_its_phases_and_the_last_one_runs_on(
    arena: Arena, writer: ModulationWriter, sync: int
) -> None:
    """Both with LFOs of a cycle a second (two beats), which go up from 0 to 1."""
    for address, value in (("lfo/1/sync", sync), ("lfo/1/beats", 2.0)):
        params.set_value(arena.table, address, value)
    arena.next[:] = arena.table
    params.set_value(arena.next, "lfo/1/phase", 0.125)
    beats = BeatKeeper(arena)
    writer.write(ROWS)
    writer.prepare(ROWS)
    reader, old, new = (
        TableReader(arena),
        LaneModulation(arena, params.slots(1), NOW),
        LaneModulation(arena, params.slots(1), NEXT),
    )
    old.read(reader, NOW)
    assert old.evaluate(RATE * 3 // 4)[Z0] == pytest.approx(0.75)
    for frame in (0, 12345):
        new.read(reader, NEXT)
        assert new.evaluate(frame)[Z0] == pytest.approx(0.125), "it rests"
    arena.history.restart(RATE * 3 // 4)
    with arena.batch():
        arena.table[:] = arena.next
        writer.play_next(ROWS)
    beats.begin_song()
    reader.update()
    old.read(reader, HELD)
    new.read(reader, NOW)
    assert new.evaluate(RATE)[Z0] == pytest.approx(0.125 + 0.25)
    assert old.evaluate(RATE * 7 // 8)[Z0] == pytest.approx(0.875)
