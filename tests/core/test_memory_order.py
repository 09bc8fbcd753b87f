"""Shared memory between a writer and a reader process: data arrive whole, in order and once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from perform.core import memory_order
from perform.core.arena import Arena
from perform.core.arena_layout import LANE
from perform.core.event_log import RECORD_HEADER
from perform.core.params import LATENTS
from perform.core.ring_buffers import HistoryBuffer, LatentHistory
from perform.core.table_reader import TableReader

SECONDS = 1.5

WRITER = """
import sys, time, zlib
from pathlib import Path
import numpy as np
from perform.core.arena import Arena

arena, what = Arena.open(Path(sys.argv[1])), sys.argv[2]
dice = np.random.default_rng(0)
count, end = 0, time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    n = int(dice.integers(1, 400))
    if what == "ring":
        frames = np.arange(count, count + n) % 65536
        count += arena.rings[3].write(np.stack([frames, -frames], 1).astype(np.float32))
    elif what == "history":
        frames = np.arange(count, count + n) % 65536
        arena.input.write(np.stack([frames, -frames], 1).astype(np.float32))
        count += n
    elif what == "latents":
        arena.latent_histories[2].write(count, np.full(32, count, np.float32))
        count += 1
    elif what == "log":
        payload = dice.bytes(n)
        arena.event_logs[1].append(1, count, payload + zlib.crc32(payload).to_bytes(4, "little"))
        count += 1
    else:
        with arena.batch():
            arena.values[:] = count
            arena.rows[0] = count
        count += 1
"""


def running(arena: Arena, what: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(arena.path), what, str(SECONDS)])


@pytest.fixture
def shared(tmp_path: Path) -> Arena:
    return Arena.create(tmp_path / "shared")


def test_a_ring_buffer_passes_on_every_frame(shared: Arena) -> None:
    writer, count, out = running(shared, "ring"), 0, np.zeros((480, 2), np.float32)
    while writer.poll() is None or shared.rings[3].fill:
        n = shared.rings[3].read(out)
        assert np.array_equal(out[:n, 0], np.arange(count, count + n) % 65536)
        assert np.array_equal(out[:n, 1], -out[:n, 0])
        count += n
    assert (writer.returncode, count) == (0, shared.rings[3].written)
    assert count > 0


def test_a_reader_that_is_overtaken_reads_no_mixed_frames(shared: Arena) -> None:
    writer, position, got, lost = running(shared, "history"), 0, 0, 0
    while writer.poll() is None:
        oldest = max(position, shared.input.written - shared.input.capacity)  # where the writer is at work
        audio, gone = shared.input.read(oldest, 3000)
        position = oldest + gone
        assert np.array_equal(audio[:, 0], np.arange(position, position + len(audio)) % 65536)
        assert np.array_equal(audio[:, 1], -audio[:, 0])
        got, lost = got + len(audio), lost + gone
        position = 0  # again from the oldest frame
    assert writer.returncode == 0
    assert got > 0


def test_a_latent_vector_is_read_whole(shared: Arena) -> None:
    writer, seen = running(shared, "latents"), 0
    while writer.poll() is None:
        frame = shared.latent_histories[2]._count[0] - 40
        z = shared.latent_histories[2].read(int(frame))
        if z is not None:
            assert len(z) == LATENTS
            assert (z == z[0]).all()
            seen += 1
    assert writer.returncode == 0
    assert seen > 0


def test_an_event_log_passes_on_whole_records(shared: Arena) -> None:
    log, seen, last = shared.event_logs[1], 0, -1
    writer = running(shared, "log")
    while writer.poll() is None or log.oldest < log._ends[0]:
        data, at = log.read(log.oldest), 0
        while at < len(data):
            length, kind, who, stamp = RECORD_HEADER.unpack_from(data, at)
            payload = data[at + RECORD_HEADER.size : at + RECORD_HEADER.size + length]
            assert (kind, who) == (1, 1)
            assert zlib.crc32(payload[:-4]) == int.from_bytes(payload[-4:], "little")
            assert stamp > last
            last, seen, at = stamp, seen + 1, at + RECORD_HEADER.size + length
        log.release(log.oldest + len(data))
    assert writer.returncode == 0
    assert seen > 0
    assert last + 1 == seen + log.dropped or log.dropped > 0


def test_a_batch_is_read_whole(shared: Arena) -> None:
    reader, writer, updates = TableReader(shared), running(shared, "batch"), 0
    deadline = time.monotonic() + 60
    while writer.poll() is None and time.monotonic() < deadline:
        if reader.update():
            updates += 1
            assert (reader.values == reader.table[0]).all()
            assert (reader.rows == reader.table[0]).all()
    assert writer.returncode == 0
    assert updates > 0


def test_frames_that_a_writer_is_overwriting_count_as_lost() -> None:
    data = np.zeros((100, 2), np.float32)
    history = HistoryBuffer(np.zeros(1, np.int64), np.zeros(1, np.int64), data)
    history.write(np.repeat(np.arange(100, dtype=np.float32)[:, None], 2, axis=1))
    history.write_ahead(np.full((10, 2), -1, np.float32))  # a write that has not published its end
    audio, lost = history.read(0, 100)
    assert lost == 10
    assert np.array_equal(audio[:, 0], np.arange(10, 100))


def test_latents_that_are_overwritten_during_a_read_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    history = LatentHistory(np.zeros(1, np.int64), np.zeros(8, np.int64), np.zeros((8, 2), np.float32))
    for n in range(8):
        history.write(n, np.full(2, n))
    writes = iter(range(8, 12))

    def overtake() -> None:
        monkeypatch.undo()  # the next fences are real ones
        for n in writes:
            history.write(n, np.full(2, n))

    monkeypatch.setattr("perform.core.ring_buffers.fence", overtake)  # between the copy and its check
    assert history.read(2) == pytest.approx([5.0, 5.0])  # the oldest that is certainly whole
    assert history.read(11) == pytest.approx([11.0, 11.0])


def test_a_history_that_is_cleared_during_a_read_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    history = LatentHistory(np.zeros(1, np.int64), np.zeros(8, np.int64), np.zeros((8, 2), np.float32))
    history.write(0, np.ones(2))
    monkeypatch.setattr("perform.core.ring_buffers.fence", history.clear)
    assert history.read(0) is None


def test_a_fence_never_waits_for_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_order, "FENCES", True)
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        memory_order._own.release()  # as if this thread were stopped in the middle of a fence
        inside.set()
        done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    memory_order.fence()
    done.set()
    thread.join()


def test_a_fence_works_after_an_interrupted_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_order, "FENCES", True)
    memory_order._own.release()
    memory_order.fence()
    memory_order.fence()
    assert not memory_order._own.acquire(False)


def test_a_reader_detects_a_write_during_its_read() -> None:
    values = np.zeros(2)
    lock = memory_order.SequenceLock(values, 1)
    before = lock.begin_read()
    assert lock.is_consistent(before)
    lock.begin_write()
    assert not lock.is_consistent(before)
    assert not lock.is_consistent(lock.begin_read())
    lock.end_write()
    assert not lock.is_consistent(before)
    assert lock.is_consistent(lock.begin_read())
    assert list(values) == [0.0, 2.0]


def test_a_lane_row_changes_with_the_table(shared: Arena) -> None:
    reader = TableReader(shared)
    with shared.batch():
        shared.table[0], shared.lanes[1, LANE["fade"]] = 3.0, 2.0
    assert reader.update()
    assert (reader.table[0], reader.lanes[1, LANE["fade"]]) == (3.0, 2.0)
