"""The gesture log: writing and reading, torn ends, damaged files, the events of the last minutes."""

from __future__ import annotations

import random
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder_rig import RATE, feed, full_at, header

from perform.core.errors import PerformError, WrongUse
from perform.core.event_log import (
    ALL_VALUES,
    ALL_VALUES_S,
    CHANGED_VALUES,
    MARKER,
    RECORDS_LOST,
    EventWriter,
    unpack_values,
)
from perform.recorder import gesture_log
from perform.recorder.gesture_log import (
    PREROLL_S,
    LoggedEvent,
    mark_record,
    read,
)
from perform.recorder.gesture_log_writer import GestureLogWriter
from perform.recorder.markers import Marker
from perform.recorder.recent_events import RecentEvents

a_record = st.builds(
    LoggedEvent,
    st.integers(0, 6),
    st.integers(0, 0xFFFF),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=200),
)


def write(path: Path, *chunks: list[LoggedEvent]) -> Path:
    writer = GestureLogWriter(path, header(["master"]))
    for chunk in chunks:
        writer.write(b"".join(record.pack() for record in chunk))
        writer.sync()
    writer.close()
    return path


@settings(max_examples=60)
@given(st.lists(st.lists(a_record, max_size=8), max_size=8))
def test_records_are_read_back_as_written(chunks: list[list[LoggedEvent]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = read(write(Path(folder) / "a.gestures", *chunks))
    assert log.header == header(["master"])
    assert log.records == [record for chunk in chunks for record in chunk]
    assert (log.torn, log.damaged) == (0, 0)


def some(n: int) -> list[list[LoggedEvent]]:
    dice = random.Random(n)
    return [
        [
            LoggedEvent(CHANGED_VALUES, dice.randrange(17), dice.randrange(1 << 40), dice.randbytes(30))
            for _ in range(5)
        ]
        for _ in range(n)
    ]


def test_a_torn_end_is_recognised_and_cut_off(tmp_path: Path) -> None:
    chunks = some(4)
    whole = write(tmp_path / "a.gestures", *chunks).read_bytes()
    least = len(write(tmp_path / "b.gestures").read_bytes())
    path = tmp_path / "torn.gestures"
    for cut in range(least, len(whole)):
        for filling in (b"", b"\0" * 50):  # a file may have grown before its data reached the disk
            path.write_bytes(whole[:cut] + filling)
            log = read(path)
            n = len(log.records)
            assert log.records == [record for chunk in chunks for record in chunk][:n]
            assert n % 5 == 0
            assert gesture_log.repair(path) == log.torn
            assert read(path) == (*log[:2], 0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_full_disk_leaves_no_partial_chunk(tmp_path: Path) -> None:
    path, records = tmp_path / "a.gestures", some(2)
    writer = GestureLogWriter(path, header(["master"]))
    writer.write(b"".join(record.pack() for record in records[0]))
    with full_at(path.stat().st_size + 10), pytest.raises(OSError, match="too large"):
        writer.sync()
    assert read(path) == (header(["master"]), [], 0, 0)
    writer.write(b"".join(record.pack() for record in records[1]))
    writer.close()  # there is room again: its take has been cut to what is safe
    assert read(path) == (header(["master"]), [*records[0], *records[1]], 0, 0)


def test_a_damaged_log_is_read_up_to_its_damage_and_not_changed(tmp_path: Path) -> None:
    chunks = some(4)
    sizes = [write(tmp_path / f"{n}.gestures", *chunks[:n]).stat().st_size for n in range(5)]
    path = tmp_path / "4.gestures"
    data = bytearray(path.read_bytes())
    data[sizes[2] + 20] ^= 1  # in the third chunk
    path.write_bytes(data)
    log = read(path)
    assert log.records == [*chunks[0], *chunks[1]]
    assert (log.torn, log.damaged) == (0, sizes[4] - sizes[2])
    assert gesture_log.repair(path) == 0
    assert path.read_bytes() == data


def test_ten_thousand_mangled_logs_are_read_or_refused_with_a_reason(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.gestures", *some(3)).read_bytes()
    dice = random.Random(1)
    path = tmp_path / "m.gestures"
    refused = 0
    for _ in range(10_000):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 1, 2, 5))):
            at = dice.randrange(len(data) + 1)
            match dice.randrange(5):
                case 0:
                    data[at : at + 1] = bytes([dice.randrange(256)])
                case 1:
                    del data[at : at + dice.randrange(40)]
                case 2:
                    data[at:at] = dice.randbytes(dice.randrange(40))
                case 3:
                    data[at : at + 4] = struct.pack("<I", dice.choice((0, 1, 1 << 31, 0xFFFF_FFFF)))
                case 4:
                    data[at:] = b""
        path.write_bytes(data)
        try:
            read(path).marks()
        except PerformError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 1000


def chunk(body: bytes) -> bytes:
    packed = zlib.compress(body)
    return struct.pack("<II", len(packed), zlib.crc32(packed)) + packed


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "not a gesture log"),
        (b"RIFF1234", "not a gesture log"),
        (b"performG", "the gesture log has no header"),
        (b"performG" + chunk(b"{}"), "header is broken"),
        (b"performG" + chunk(b"[" * 100_000), "header is broken"),
        (b"performG" + chunk(bytes(1 << 26)), "too large"),
    ],
)
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, data: bytes, expected: str) -> None:
    (tmp_path / "x.gestures").write_bytes(data)
    with pytest.raises(PerformError, match=expected):
        read(tmp_path / "x.gestures")


def test_an_unknown_format_is_refused_with_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gestures")
    body = zlib.decompress(path.read_bytes()[16:]).replace(b'"format":1', b'"format":9')
    path.write_bytes(b"performG" + chunk(body))
    with pytest.raises(PerformError, match="format 9; this version reads 1"):
        read(path)


def test_a_new_log_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.gestures"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        GestureLogWriter(path, header(["master"]))
    with pytest.raises(WrongUse):
        read(path)
    assert path.read_bytes() == b"precious"


class Hand:
    """Changes one parameter of a deck's voice once a second, while the history runs."""

    def __init__(self, arena, who=0):
        self.arena = arena
        self.teller = EventWriter(arena.event_logs[who], np.array([0, 1]), RATE, b"bells")
        self.numbers = np.zeros(2)

    def play(self, seconds, history=None):
        for _ in range(seconds):
            self.numbers[0] += 1
            self.teller.write_values(self.arena.history.written, self.numbers)
            feed(self.arena, RATE)
            if history:
                history.drain()
                history.release()


def parse(data: bytes) -> list[LoggedEvent]:
    return list(gesture_log.parse_records(data))


def test_a_log_begins_some_seconds_early_with_all_values(arena):
    history, hand = RecentEvents(arena, 60), Hand(arena)
    hand.play(40, history)
    position = 30 * RATE
    records, cursor = history.opening(position)
    first, *rest = parse(records)
    assert first.kind == ALL_VALUES
    assert position - (PREROLL_S + ALL_VALUES_S + 1) * RATE < first.at <= position - PREROLL_S * RATE
    slots, values, words = unpack_values(first.payload)
    assert (list(slots), list(values), words) == ([0, 1], [first.at / RATE + 1, 0.0], b"bells")
    assert [r.at for r in rest] == [first.at + i * RATE for i in range(1, len(rest) + 1)]
    assert history.since(cursor) == (b"", cursor)
    hand.play(2, history)
    assert [r.at for r in parse(history.since(cursor)[0])] == [40 * RATE, 41 * RATE]


def test_old_events_are_forgotten(arena):
    history, hand = RecentEvents(arena, 20), Hand(arena)
    hand.play(120, history)
    assert min(r.at for r in parse(history.opening(0)[0])) > (120 - 20 - PREROLL_S - 3 * ALL_VALUES_S) * RATE


def test_events_that_no_recorder_has_read_wait_for_the_next_one(arena):
    first, hand = RecentEvents(arena, 60), Hand(arena)
    hand.play(3)
    first.drain()  # and it dies before its log is safe
    second = RecentEvents(arena, 60)
    second.drain()
    assert second.opening(0)[0] == first.opening(0)[0] != b""


def test_lost_records_are_counted_in_the_log(arena):
    history, hand = RecentEvents(arena, 60), Hand(arena)
    for _ in range(arena.event_logs[0].capacity // 20):
        hand.numbers[0] += 1
        hand.teller.write_values(0, hand.numbers)
    history.drain()
    (lost,) = [r for r in parse(history.opening(0)[0]) if r.kind == RECORDS_LOST]
    assert int.from_bytes(lost.payload, "little") == arena.event_logs[0].dropped > 0


def test_recent_events_include_markers(arena):
    history = RecentEvents(arena, 60)
    feed(arena, 1000)
    history.mark(mark_record(700, "Größe", "song"))
    assert history.marks(200, 1000) == [Marker(500, "Größe")]
    assert history.marks(800, 1000) == []
    assert [r.kind for r in parse(history.opening(700)[0])] == [MARKER]
    assert history.opening(701)[0] == b""
