"""Event logs: records are read in order; a full log drops and counts them, then writes all values again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perform.core.event_log import (
    ALL_VALUES,
    ALL_VALUES_S,
    CHANGED_VALUES,
    FIRST_VALUES,
    RECORD_HEADER,
    EventLog,
    EventWriter,
    FrameEvent,
    Tuning,
    pack_sound,
    pack_values,
    unpack_sound,
    unpack_values,
)

RATE = 1000


def make_log(capacity: int = 4096, who: int = 3) -> EventLog:
    return EventLog(who, np.zeros(3, np.int64), np.zeros(capacity, np.uint8))


def records(data: bytes) -> list[tuple[int, int, int, bytes]]:
    found, at = [], 0
    while at < len(data):
        length, kind, who, stamp = RECORD_HEADER.unpack_from(data, at)
        at += RECORD_HEADER.size
        found.append((kind, who, stamp, data[at : at + length]))
        at += length
    return found


@given(st.lists(st.tuples(st.integers(0, 6), st.binary(max_size=60), st.booleans()), max_size=40))
def test_events_are_read_in_order_or_counted_as_dropped(events: list[tuple[int, bytes, bool]]) -> None:
    log, position, got, expected = make_log(200), 0, [], []
    for at, (kind, payload, read) in enumerate(events):
        if log.append(kind, at, payload):
            expected.append((kind, 3, at, payload))
        if read:
            data = log.read(position)
            position += len(data)
            log.release(position)
            got += records(data)
    got += records(log.read(position))
    assert got == expected
    assert log.dropped == len(events) - len(expected)


def test_records_stay_until_they_are_released() -> None:
    log = make_log()
    log.append(CHANGED_VALUES, 5, b"abc")
    assert log.read(log.oldest) == log.read(log.oldest) != b""


def drain(log: EventLog) -> list[tuple[int, int, int, bytes]]:
    data = log.read(log.oldest)
    log.release(log.oldest + len(data))
    return records(data)


def test_changes_are_written_once_and_all_values_now_and_then() -> None:
    log, slots = make_log(), np.array([1, 3])
    writer = EventWriter(log, slots, RATE, b"details")
    table = np.arange(5.0)
    writer.write_values(0, table)
    writer.write_values(10, table)
    table[3], table[4] = 7.0, 9.0  # the log does not cover slot 4
    writer.write_values(20, table)
    writer.write_values(30, table)
    writer.write_values(round(ALL_VALUES_S * RATE), table)
    first, change, whole = drain(log)
    assert (first[0], first[2]) == (FIRST_VALUES, 0)
    found, values, details = unpack_values(first[3])
    assert (list(found), list(values), details) == ([1, 3], [1.0, 3.0], b"details")
    assert (change[0], change[2]) == (CHANGED_VALUES, 20)
    assert [list(part) for part in unpack_values(change[3])] == [[3], [7.0], []]
    assert (whole[0], list(unpack_values(whole[3])[1])) == (ALL_VALUES, [1.0, 7.0])


def test_all_values_follow_a_dropped_record() -> None:
    log = make_log(120)
    writer = EventWriter(log, np.array([0, 1]), RATE, b"")
    table = np.zeros(2)
    for at in range(20):
        table[0] += 1
        writer.write_values(at, table)
    assert log.dropped > 0
    drain(log)
    table[1] = 5.0
    writer.write_values(21, table)
    ((kind, _, at, payload),) = drain(log)
    assert (kind, at) == (ALL_VALUES, 21)
    assert list(unpack_values(payload)[1]) == [20.0, 5.0]


def test_all_values_are_written_only_while_no_fade_runs() -> None:
    log = make_log()
    writer = EventWriter(log, np.array([0]), RATE, b"")
    table = np.zeros(1)
    writer.write_values(0, table, still=False)  # the first record has all values in any case
    later = round(ALL_VALUES_S * RATE)
    table[0] = 1.0
    writer.write_values(later, table, still=False)
    writer.write_values(later + 1, table)
    assert [kind for kind, *_ in drain(log)] == [FIRST_VALUES, CHANGED_VALUES, ALL_VALUES]


@given(
    st.integers(-(2**62), 2**62),
    st.integers(0, 2**62),
    st.integers(0, 2**31 - 1),
    st.floats(0, 2),
    st.lists(st.floats(width=32, allow_nan=False), max_size=40),
    st.none() | st.builds(Tuning, *[st.floats(0, 1e12)] * 3),
)
def test_frames_are_packed_and_unpacked_unchanged(base, age, seed, temperature, z, tuning) -> None:
    frame = FrameEvent(base, age, seed, temperature, np.array(z, np.float32), tuning)
    back = FrameEvent.unpack(frame.pack(), frame.kind)
    assert back._replace(z=0) == frame._replace(z=0)
    assert np.array_equal(back.z, frame.z)
    with pytest.raises(ValueError, match="cut short"):
        FrameEvent.unpack(frame.pack()[:-1], frame.kind)


@given(st.dictionaries(st.integers(0, 65535), st.floats(allow_nan=False), max_size=50), st.binary(max_size=9))
def test_values_are_packed_and_unpacked_unchanged(values: dict[int, float], details: bytes) -> None:
    packed = pack_values(np.array(list(values), np.intp), np.array(list(values.values()), np.float64))
    slots, unpacked, rest = unpack_values(packed + details)
    assert dict(zip(slots.tolist(), unpacked.tolist(), strict=True)) == values
    assert rest == details
    for cut in range(0, len(packed), 7):
        with pytest.raises(ValueError, match="values"):
            unpack_values(packed[:cut])


def test_the_sound_of_a_frame_is_packed_and_unpacked_unchanged() -> None:
    sound = np.random.default_rng(0).standard_normal((3, 256)).astype(np.float32)
    assert np.array_equal(unpack_sound(pack_sound(sound)), sound)
    for damaged in (b"", b"\x00\x00", b"\x03\x00" + b"1234", pack_sound(sound)[:-1]):
        with pytest.raises(ValueError, match="sound cut short"):
            unpack_sound(damaged)
