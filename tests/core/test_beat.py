"""The beat line: the beat of any frame, and changes of tempo that lose no beat."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.core.arena import Arena
from perform.core.beat import BeatLine
from perform.core.table_reader import TableReader

tempos = st.floats(20, 300)
frames = st.floats(-1e9, 1e9)


def test_two_beats_a_second_at_120() -> None:
    line = BeatLine(1000.0, 120.0, 48000.0)
    assert line.frames == 24000
    assert [line.beat_at(frame) for frame in (1000, 25000, 37000, -23000)] == [0, 1, 1.5, -1]


@settings(max_examples=100, derandomize=True)
@given(tempos, tempos, frames, st.floats(-1e5, 1e5))
def test_a_change_of_tempo_goes_on_from_the_same_beat(
    old: float, new: float, frame: float, to: float
) -> None:
    before = BeatLine(0.0, old, 48000.0)
    after = before.at_tempo(new, frame)
    assert after.bpm == new
    assert after.beat_at(frame) == pytest.approx(before.beat_at(frame), abs=1e-6)
    later = after.beat_at(frame + 48000.0 * 60.0) - after.beat_at(frame)
    assert later == pytest.approx(new, abs=1e-6)
    assert after.beat_at(after.frame_at(to)) == pytest.approx(to, abs=1e-6)
    assert before.through(frame, to, new).beat_at(frame) == pytest.approx(to, abs=1e-6)


def test_readers_see_the_beat_line_of_the_stage(arena: Arena) -> None:
    arena.set_meter("rate", 48000)
    reader = TableReader(arena)
    assert reader.beat_line == BeatLine(0.0, 120.0, 48000.0)
    arena.write_beat_line(BeatLine(777.0, 90.0, 48000.0))
    assert reader.beat_line.bpm == 120.0
    assert reader.update()
    assert reader.beat_line == arena.beat_line == BeatLine(777.0, 90.0, 48000.0)
