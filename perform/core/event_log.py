"""What a reader of the numbers heard, on its way to the recorder: records in a ring, and what a record holds.

Hosts and the mixer tell, each in a journal of its own; the recorder reads them all and keeps them beside the
take (`perform.recorder.gesture_log`). Nobody waits: a record that finds no room is dropped and counted, and
the
next one that finds some holds all numbers again.
This module knows no process, no sound and no file. numpy and the standard library only.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.memory_order import load_acquire, store_release

Numbers = npt.NDArray[np.float64]

RECORD = struct.Struct(
    "<IHHq"
)  #: bytes that follow, kind, who tells it, frame of the tape at which it was told
VALUES, WHOLE, BEGIN, FRAME, READ, MARK, LOST = range(7)  #: kinds of records
STAGE = 0xFFFF  #: who tells marks; other tellers are numbered as `Arena.journals`
WHOLE_S = 5.0  #: seconds between two records that hold all numbers of their teller


class EventLog:
    """Bytes from one writer to one reader; `ends` holds bytes ever written, bytes let go, records dropped."""

    def __init__(self, who: int, ends: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]) -> None:
        self.who = who
        self._ends, self._data = ends, data
        self.capacity = len(data)

    @property
    def dropped(self) -> int:
        """Records that found no room."""
        return int(self._ends[2])

    @property
    def kept(self) -> int:
        """Position of the oldest byte that is still there."""
        return int(self._ends[1])

    def tell(self, kind: int, at: int, payload: bytes) -> bool:
        """[render], [audio] Append a record; False, and counted, where there is no room."""
        record = np.frombuffer(RECORD.pack(len(payload), kind, self.who, at) + payload, np.uint8)
        written, n = int(self._ends[0]), len(record)
        if n > self.capacity - (written - load_acquire(self._ends, 1)):
            self._ends[2] += 1
            return False
        start = written % self.capacity
        first = min(n, self.capacity - start)
        self._data[start : start + first] = record[:first]
        self._data[: n - first] = record[first:]
        store_release(self._ends, 0, written + n)
        return True

    def read(self, position: int) -> bytes:
        """[disk] Whole records from `position` (`kept` or the end of what was read last) to the last one."""
        n = load_acquire(self._ends, 0) - position
        start = position % self.capacity
        return (
            self._data[start : start + n].tobytes()
            + self._data[: max(0, start + n - self.capacity)].tobytes()
        )

    def let_go(self, position: int) -> None:
        """[disk] What lies before `position` is safe elsewhere: the writer may have its room."""
        store_release(self._ends, 1, position)


class EventWriter:
    """[render], [audio] Tells a journal which of its reader's numbers changed, and now and then all of them.

    slots : the numbers this reader hears, as indices; words: what else a reader of the log must know of it
    """

    def __init__(self, journal: EventLog, slots: npt.NDArray[np.intp], rate: float, words: bytes) -> None:
        self._journal, self._slots, self._words = journal, slots, words
        self._told = np.full(len(slots), np.nan)
        self._every = round(WHOLE_S * rate)
        self._due = -1  # frame of the tape at which all are told again
        self._begun = False

    def hear(self, at: int, numbers: Numbers, *, still: bool = True) -> bool:
        """The numbers as they are heard from frame `at` of the tape on; True where all of them were told.

        still : what the reader remembers of its past is all in them, so that a log may begin here
        """
        now = numbers[self._slots]
        if at >= self._due and (still or not self._begun):
            kind = WHOLE if self._begun else BEGIN
            if self._journal.tell(kind, at, pack_values(self._slots, now) + self._words):
                self._told, self._due, self._begun = now, at + self._every, True
                return True
            return False
        changed = np.flatnonzero(now != self._told)
        if len(changed):
            if self._journal.tell(VALUES, at, pack_values(self._slots[changed], now[changed])):
                self._told = now
            else:
                self._due = at
        return False

    def due(self, at: int) -> bool:
        """All numbers are to be told again at frame `at` of the tape."""
        return at >= self._due

    def say(self, words: bytes) -> None:
        """What else must be known is another now: it is told with all numbers."""
        self._words, self._due = words, -1

    def tell(self, kind: int, at: int, payload: bytes) -> None:
        """Something else that happened; where it is lost, all numbers follow."""
        if not self._journal.tell(kind, at, payload):
            self._due = at


def pack_values(slots: npt.NDArray[np.intp], values: Numbers) -> bytes:
    """Slots and their values as bytes."""
    return struct.pack("<H", len(slots)) + slots.astype("<u2").tobytes() + values.astype("<f8").tobytes()


def unpack_values(payload: bytes) -> tuple[npt.NDArray[np.intp], Numbers, bytes]:
    """-> slots, values, what follows them. ValueError where it is cut short."""
    if len(payload) < 2:
        raise ValueError("no values")
    n = int.from_bytes(payload[:2], "little")
    middle, end = 2 + 2 * n, 2 + 10 * n
    if len(payload) < end:
        raise ValueError("values cut short")
    slots = np.frombuffer(payload[2:middle], "<u2").astype(np.intp)
    return slots, np.frombuffer(payload[middle:end], "<f8").astype(np.float64), payload[end:]


class FrameEvent(NamedTuple):
    """One frame of a lane's voice: what its host decoded.

    base : frame of the lane's ring at which the first sample of its stream lay, or would have lain
    age  : frames of the stream before it; 0 where it began anew
    seed : what the stream's chance began with
    """

    base: int
    age: int
    seed: int
    temperature: float
    z: npt.NDArray[np.float32]

    def pack(self) -> bytes:
        """As a record's payload."""
        return _FRAME.pack(*self[:-1]) + self.z.astype("<f4").tobytes()

    @classmethod
    def unpack(cls, payload: bytes) -> FrameEvent:
        """ValueError where it is cut short."""
        if len(payload) < _FRAME.size or (len(payload) - _FRAME.size) % 4:
            raise ValueError("a frame cut short")
        z = np.frombuffer(payload, "<f4", offset=_FRAME.size).astype(np.float32)
        base, age, seed, temperature = _FRAME.unpack_from(payload)
        return cls(base, age, seed, temperature, z)


_FRAME = struct.Struct("<qqqd")


class RingReadEvent(NamedTuple):
    """What the mixer read of a lane's ring in one block, where that is not what it was to be expected.

    whole : it goes on so: each block all of its frames, one after the other; else no more after these
    """

    lane: int
    ring: int  # the frame it began at
    frames: int
    whole: bool

    def pack(self) -> bytes:
        """As a record's payload."""
        return _READING.pack(*self)

    @classmethod
    def unpack(cls, payload: bytes) -> RingReadEvent:
        """ValueError where it is cut short."""
        if len(payload) != _READING.size:
            raise ValueError("a reading cut short")
        lane, ring, frames, whole = _READING.unpack(payload)
        return cls(lane, ring, frames, bool(whole))


_READING = struct.Struct("<HqI?")
