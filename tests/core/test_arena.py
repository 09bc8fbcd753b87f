"""The arena, ring buffers and history buffers, used by several processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig import running, until

from perform.audio.mixer import Mixer
from perform.core import shared_memory
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, RING_FRAMES
from perform.core.errors import PerformError
from perform.core.messages.host_messages import StartHost
from perform.core.ring_buffers import HistoryBuffer, RingBuffer
from perform.core.table_reader import TableReader
from perform.recorder.recent_events import RecentEvents
from perform.stage.client import Client
from perform.stage.host_pool import HostPool
from perform.stage.rack import Rack

#: Linux has both kinds of memory
NEEDS_POSIX = pytest.mark.skipif(sys.platform != "linux", reason="POSIX shared memory of Linux")
START = StartHost("", "", 48000.0, patient=False)


def ramp(start: int, n: int) -> np.ndarray:
    return np.repeat(np.arange(start, start + n, dtype=np.float32)[:, None], 2, axis=1)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 150), st.integers(0, 150)), max_size=40))
def test_a_ring_buffer_returns_its_frames_in_order(moves: list[tuple[int, int]]) -> None:
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
def test_a_history_buffer_keeps_the_latest_frames_and_counts_lost_ones(moves: list[tuple[int, int]]) -> None:
    history = HistoryBuffer(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros((100, 2), np.float32))
    position = 0
    for put, limit in moves:
        history.write(ramp(history.written, put))
        audio, lost = history.read(position, limit)
        assert lost == max(0, history.written - 100 - position)
        assert np.array_equal(audio, ramp(position + lost, len(audio)))
        assert len(audio) == min(limit, history.written - position - lost)
        position += lost + len(audio)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there a page that is only read takes memory too")
def test_an_insert_takes_no_memory_until_it_is_used() -> None:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        arena = Arena.create(Path(folder) / "a")

        def megabytes() -> float:
            return arena.path.stat().st_blocks * 512 / 1e6

        before = megabytes()
        rack = Rack.empty(arena, HostPool(pytest.fail, print, START), print)
        recent = RecentEvents(arena, 1.0)
        mixer, out = Mixer(arena, 48000), np.zeros((256, 2), np.float32)
        for _ in range(3):
            mixer.fill(out)
            recent.drain()
            recent.release()
            for insert in rack.inserts.values():
                insert.tick()
        assert megabytes() == before
        arena.reserve_insert(8)
        assert megabytes() == pytest.approx(before + 1.8, abs=0.1)
        after = megabytes()
        arena.rings[-1].write(ramp(0, arena.rings[-1].capacity))
        arena.inserted[-1].write(ramp(0, arena.inserted[-1].capacity))
        arena.event_logs[-1].append(0, 0, bytes(arena.event_logs[-1].capacity - 100))
        assert megabytes() == after, "all of it has memory"


@pytest.mark.parametrize("posix", [False, pytest.param(True, marks=NEEDS_POSIX)])
def test_two_mappings_share_one_arena(tmp_path: Path, posix: bool) -> None:
    made = Arena.create(tmp_path / "a", posix=posix)
    seen = Arena.open(tmp_path / "a")
    made.reserve_tracks()
    made.reserve_insert(3)
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
    shared_memory.remove(tmp_path / "a")
    assert not list(tmp_path.iterdir()) and seen.table[3] == 0.25, "what is mapped stays"
    with pytest.raises(PerformError, match="cannot be opened"):
        Arena.open(tmp_path / "a")


@NEEDS_POSIX
@pytest.mark.usefixtures("tiny_models")
def test_a_stage_plays_in_posix_shared_memory_which_outlives_a_killed_one(runtime: Path) -> None:
    """As on macOS. The next start removes what the killed stage left, and an ended stage leaves nothing."""
    play = "import perform.core.shared_memory as m; m.POSIX = True; from perform.cli import main; main()"
    words = [sys.executable, "-c", play, "play", "demo", "--headless", "--device", "null"]
    killed = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        until(lambda: running(runtime), 30, "a stage")
        arena = Client(runtime).arena
        until(lambda: arena.meter("frames") > 0, 30, "the mixer, another process, plays")
        (marker,) = runtime.glob("*.arena")
        named = Path("/dev/shm") / marker.read_text().removeprefix("/")
        assert named.stat().st_size > 1 << 20
    finally:
        killed.kill()
        killed.wait()
    assert Arena.open(marker).meter("frames") > 0, "it can be opened after the stage has died"
    subprocess.run([*words, "--seconds", "0.5"], stderr=subprocess.DEVNULL, check=True, timeout=60)
    assert not named.exists() and not list(runtime.glob("*.arena"))


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


def test_the_memory_of_another_version_is_refused(tmp_path: Path) -> None:
    Arena.create(tmp_path / "a")
    data = bytearray((tmp_path / "a").read_bytes())
    data[0] ^= 1
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(PerformError, match="another version"):
        Arena.open(tmp_path / "a")
    with pytest.raises(PerformError, match="cannot be opened"):
        Arena.open(tmp_path / "nothing")


def test_a_table_reader_sees_all_of_a_batch_or_nothing(arena: Arena) -> None:
    reader = TableReader(arena)
    with arena.batch():
        arena.table[0], arena.lanes[3, LANE["gate"]] = 5.0, 1.0
        assert not reader.update()
        assert (reader.table[0], reader.lanes[3, LANE["gate"]]) == (0.0, 0.0)
    assert reader.update()
    assert (reader.table[0], reader.lanes[3, LANE["gate"]]) == (5.0, 1.0)
    assert not reader.update()
