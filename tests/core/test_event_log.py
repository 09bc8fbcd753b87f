"""Journals: what is told is read, in order; a full one drops, counts, and is followed by everything."""

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
    pack_values,
    unpack_values,
)

RATE = 1000


def journal(capacity: int = 4096, who: int = 3) -> EventLog:
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
def test_what_is_told_is_read_in_order_or_counted(told: list[tuple[int, bytes, bool]]) -> None:
    ring, position, got, expected = journal(200), 0, [], []
    for at, (kind, payload, read) in enumerate(told):
        if ring.append(kind, at, payload):
            expected.append((kind, 3, at, payload))
        if read:
            data = ring.read(position)
            position += len(data)
            ring.release(position)
            got += records(data)
    got += records(ring.read(position))
    assert got == expected
    assert ring.dropped == len(told) - len(expected)


def test_what_is_not_let_go_is_still_there_for_another_reader() -> None:
    ring = journal()
    ring.append(CHANGED_VALUES, 5, b"abc")
    assert ring.read(ring.oldest) == ring.read(ring.oldest) != b""


def drain(ring: EventLog) -> list[tuple[int, int, int, bytes]]:
    data = ring.read(ring.oldest)
    ring.release(ring.oldest + len(data))
    return records(data)


def test_changes_are_told_once_and_everything_now_and_then() -> None:
    ring, slots = journal(), np.array([1, 3])
    teller = EventWriter(ring, slots, RATE, b"words")
    numbers = np.arange(5.0)
    teller.write_values(0, numbers)
    teller.write_values(10, numbers)
    numbers[3], numbers[4] = 7.0, 9.0  # the last is none of its business
    teller.write_values(20, numbers)
    teller.write_values(30, numbers)
    teller.write_values(round(ALL_VALUES_S * RATE), numbers)
    first, change, whole = drain(ring)
    assert (first[0], first[2]) == (FIRST_VALUES, 0)
    found, values, words = unpack_values(first[3])
    assert (list(found), list(values), words) == ([1, 3], [1.0, 3.0], b"words")
    assert (change[0], change[2]) == (CHANGED_VALUES, 20)
    assert [list(part) for part in unpack_values(change[3])] == [[3], [7.0], []]
    assert (whole[0], list(unpack_values(whole[3])[1])) == (ALL_VALUES, [1.0, 7.0])


def test_what_found_no_room_is_followed_by_everything() -> None:
    ring = journal(120)
    teller = EventWriter(ring, np.array([0, 1]), RATE, b"")
    numbers = np.zeros(2)
    for at in range(20):
        numbers[0] += 1
        teller.write_values(at, numbers)
    assert ring.dropped > 0
    drain(ring)
    numbers[1] = 5.0
    teller.write_values(21, numbers)
    ((kind, _, at, payload),) = drain(ring)
    assert (kind, at) == (ALL_VALUES, 21)
    assert list(unpack_values(payload)[1]) == [20.0, 5.0]


def test_a_log_may_begin_only_where_nothing_is_on_its_way() -> None:
    ring = journal()
    teller = EventWriter(ring, np.array([0]), RATE, b"")
    numbers = np.zeros(1)
    teller.write_values(0, numbers, still=False)  # the beginning is one in any case
    later = round(ALL_VALUES_S * RATE)
    numbers[0] = 1.0
    teller.write_values(later, numbers, still=False)
    teller.write_values(later + 1, numbers)
    assert [kind for kind, *_ in drain(ring)] == [FIRST_VALUES, CHANGED_VALUES, ALL_VALUES]


@given(
    st.integers(-(2**62), 2**62),
    st.integers(0, 2**62),
    st.integers(0, 2**31 - 1),
    st.floats(0, 2),
    st.lists(st.floats(width=32, allow_nan=False), max_size=40),
)
def test_frames_come_back_as_they_were(base, age, seed, temperature, z) -> None:
    frame = FrameEvent(base, age, seed, temperature, np.array(z, np.float32))
    back = FrameEvent.unpack(frame.pack())
    assert back[:-1] == frame[:-1]
    assert np.array_equal(back.z, frame.z)
    with pytest.raises(ValueError, match="cut short"):
        FrameEvent.unpack(frame.pack()[:-1])


@given(st.dictionaries(st.integers(0, 65535), st.floats(allow_nan=False), max_size=50), st.binary(max_size=9))
def test_values_come_back_as_they_were(values: dict[int, float], words: bytes) -> None:
    packed = pack_values(np.array(list(values), np.intp), np.array(list(values.values()), np.float64))
    slots, numbers, rest = unpack_values(packed + words)
    assert dict(zip(slots.tolist(), numbers.tolist(), strict=True)) == values
    assert rest == words
    for cut in range(0, len(packed), 7):
        with pytest.raises(ValueError, match="values"):
            unpack_values(packed[:cut])
