"""Rings, tape and arena, as several processes see them."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.core.arena import Arena
from perform.core.arena_layout import LANE, RING_FRAMES
from perform.core.errors import PerformError
from perform.core.ring_buffers import HistoryBuffer, RingBuffer
from perform.core.table_reader import TableReader


def ramp(start: int, n: int) -> np.ndarray:
    return np.repeat(np.arange(start, start + n, dtype=np.float32)[:, None], 2, axis=1)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 150), st.integers(0, 150)), max_size=40))
def test_a_ring_gives_what_it_took_in_order(moves: list[tuple[int, int]]) -> None:
    ring = RingBuffer(np.zeros(2, np.int64), np.zeros((100, 2), np.float32))
    written = read = 0
    for put, get in moves:
        written += ring.write(ramp(written, put))
        out = np.full((get, 2), -1, np.float32)
        n = ring.read(out)
        assert np.array_equal(out[:n], ramp(read, n))
        assert (out[n:] == -1).all()
        read += n
        assert ring.fill == written - read <= ring.capacity


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 60)), max_size=40))
def test_a_tape_never_waits_and_counts_what_its_reader_lost(moves: list[tuple[int, int]]) -> None:
    tape = HistoryBuffer(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros((100, 2), np.float32))
    position = 0
    for put, limit in moves:
        tape.write(ramp(tape.written, put))
        audio, lost = tape.read(position, limit)
        assert lost == max(0, tape.written - 100 - position)
        assert np.array_equal(audio, ramp(position + lost, len(audio)))
        assert len(audio) == min(limit, tape.written - position - lost)
        position += lost + len(audio)


def test_two_processes_see_one_arena(tmp_path: Path) -> None:
    made = Arena.create(tmp_path / "a")
    seen = Arena.open(tmp_path / "a")
    made.table[3] = 0.25
    made.set_meter("deck/8/z/31", 1.5)
    made.rings[15].write(ramp(0, 10))
    made.history.write(ramp(5, 7))
    out = np.zeros((10, 2), np.float32)
    assert seen.table[3] == 0.25
    assert seen.meter("deck/8/z/31") == 1.5
    assert seen.rings[15].read(out) == 10
    assert np.array_equal(out, ramp(0, 10))
    assert np.array_equal(seen.history.read(0, 99)[0], ramp(5, 7))
    assert made.rings[15].fill == 0


def test_writer_and_reader_run_side_by_side(arena: Arena) -> None:
    ring, total = arena.rings[1], 40 * RING_FRAMES

    def write() -> None:
        at = 0
        while at < total:
            at += ring.write(ramp(at % 65536, 480)[: total - at]) or 0

    thread = threading.Thread(target=write)
    thread.start()
    read, out = 0, np.zeros((480, 2), np.float32)
    while read < total:
        n = ring.read(out)
        if n:
            steps = np.diff(out[:n, 0])
            assert ((steps == 1) | (steps < 0)).all()
        read += n
    thread.join()
    assert ring.fill == 0


def test_another_versions_memory_is_refused(tmp_path: Path) -> None:
    Arena.create(tmp_path / "a")
    data = bytearray((tmp_path / "a").read_bytes())
    data[0] ^= 1
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(PerformError, match="another version"):
        Arena.open(tmp_path / "a")
    with pytest.raises(PerformError, match="cannot be opened"):
        Arena.open(tmp_path / "nothing")


def test_a_look_sees_a_batch_whole_or_not_at_all(arena: Arena) -> None:
    look = TableReader(arena)
    with arena.batch():
        arena.table[0], arena.lanes[3, LANE["gate"]] = 5.0, 1.0
        assert not look.update()
        assert (look.table[0], look.lanes[3, LANE["gate"]]) == (0.0, 0.0)
    assert look.update()
    assert (look.table[0], look.lanes[3, LANE["gate"]]) == (5.0, 1.0)
    assert not look.update()
