"""The memory all processes of one stage share: the table, the lanes, the meters, two rings a deck, the tape.

It is one memory-mapped file with a fixed layout; nobody locks anything. Each value and each position has one
writer. `perform.core.memory_order` states the memory model: which stores another process sees in order.

A deck has two lanes, so that what plays can fade while what follows enters: a ring each, and a row of numbers
that only the stage writes. Table and lanes lie side by side, and what has to change at once (a song for
another) is written in a `batch`: a reader's `TableReader` sees all of it or nothing.
This module knows no process and no sound. numpy and the standard library only.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.errors import PerformError
from perform.core.event_log import EventLog
from perform.core.memory_order import SequenceLock, fence
from perform.core.params import DECKS, LATENTS, Table
from perform.core.ring_buffers import HistoryBuffer, LatentHistory, RingBuffer

Meters = npt.NDArray[np.float64]  #: (len(METER_SLOTS),)
_T = TypeVar("_T", bound=np.generic)

RING_FRAMES = 1 << 15  #: a deck's ring: 0.68 s at 48 kHz
TAPE_FRAMES = 1 << 21  #: the recorder's ring: 43 s at 48 kHz
STEM_FRAMES = 1 << 20  #: the other tracks' rings: 22 s at 48 kHz
INPUT_FRAMES = 1 << 16  #: what came in: 1.4 s at 48 kHz
TRAIL_FRAMES = 64  #: latents of a lane's source: 0.3 s where a frame is shortest
JOURNAL_BYTES = (
    1 << 18
)  #: what a reader of the numbers heard: ten seconds of eight latents at 400 frames a second

INPUT = "input"  #: the track of the live input: what came in while the master's frame went out
PRE = "pre"  #: the track before the limiter, beside "master"
STEMS = tuple(
    f"deck{d}" for d in range(1, DECKS + 1)
)  #: the decks' tracks: after the fader, before the master

DEFAULT_RATE, DEFAULT_BLOCK = 48000, 256  #: where neither player nor device says another
NO_DEVICE = "null"  #: the device's name that asks for none

#: states of a deck, meter `deck/N/state`
EMPTY, LOADING, LIVE, FAILED = range(4)
STATES = ("empty", "loading", "live", "failed")

#: who pulls the decks, meter `owner`
NOBODY, CLOCK, DEVICE = range(3)

LANES = 2 * DECKS  #: deck d has the lanes 2d - 2 and 2d - 1
_lane = [
    "live",  # 1: the mixer pulls it
    "gate",  # where the mixer brings it: 1 heard, 0 silent
    "fade",  # seconds from silent to heard, or back
    "trim",  # dB that brings the model to the common loudness
    "mode",  # which numbers its voice reads: NOW, NEXT, HELD
    "behind",  # frames from the input to what it becomes here; 0 where it does not listen
    "file",  # what its source of that name plays, by the stage's number for it; 0: nothing
]
JOURNALS = LANES + 1  #: a lane each, then the mixer
LANE: Mapping[str, int] = {name: i for i, name in enumerate(_lane)}  #: column in `Arena.lanes`

#: what a lane's voice reads: the table; the coming song's; what it read last, while it fades
NOW, NEXT, HELD = range(3)

_deck_meters = [
    "state",  # [stage] one of STATES
    "pid",  # [stage] the host's process
    "frames",  # [render] frames rendered for what plays
    "load",  # [render] render time over the frame's duration, 0..1 and beyond
    "latency",  # [render] seconds from a knob to the device's block
    "heard",  # [render] seconds from the input to the output, the device's with it; 0: it does not listen
    "resets",  # [render] times its decoder was reset for a non-finite output
    "peak/l",  # [audio] peak of the block after the fader, falling 20 dB/s
    "peak/r",
    "late",  # [audio] blocks in which the deck had nothing to say in time
    "bad",  # [audio] blocks with a non-finite sample
    *(f"in/{i}" for i in range(LATENTS)),  # [render] what its source gives, sigma
    *(f"z/{i}" for i in range(LATENTS)),  # [render] resulting latents, sigma
]
_lane_meters = [
    "frames",  # [render] frames rendered so far
    "resets",  # [render] times its decoder was reset for a non-finite output
    "behind",  # [render] frames from the input to what it becomes in the ring; 0 where it does not listen
]
_meters = [
    "epoch",  # [stage] odd while a batch is being written
    "rate",  # [stage] frames a second
    "owner",  # [stage] NOBODY, CLOCK, DEVICE
    "block",  # [audio] frames a block
    "buffered",  # [audio] seconds from input to output in the device's buffers; 0 where it does not listen
    "frames",  # [audio] frames since the stage began
    "time",  # [audio] monotonic seconds at which the last block began
    "beat/clock",  # [audio] blocks of the clock mixer
    "beat/device",  # [audio] callbacks of the device mixer
    "beat/recorder",  # [recorder] looks at the tape
    "beat/control",  # [control] looks at the ports
    "load",  # [audio] worst block time over its period, falling
    "xruns",  # [audio] underflows the device reported
    "missed",  # [audio] frames nobody mixed, silence on the tape
    "peak/l",  # [audio] master peak, falling 20 dB/s
    "peak/r",
    "heard",  # [audio] 1 once a device has had sound
    "delay",  # [audio] frames from a ring to the output
    "pulls",  # [audio] odd while the rings are being read
    "pulled",  # [audio] frame of the tape up to which they were
    "input/level",  # [audio] of the input as the decks hear it, dBFS
    "input/peak",  # [audio] its peak, falling 20 dB/s
    "input/pitch",  # [audio] Hz, the last one it was sure of; 0 before that
    "input/gate",  # [audio] 1 where it is open
    "input/howls",  # [audio] times it was lowered because it howled
    "reduction",  # [audio] dB the limiter takes away, falling
    "realtime",  # [audio] 1 where the system granted real-time priority
    "tracks/on",  # [stage] 1: the mixer writes all tracks, not the master alone
    "tracks/from",  # [audio] frame of the tape from which on they are whole; 0 where they are not written
    "take/on",  # [recorder] 1 while it records
    "take/frames",  # [recorder] frames of the take that are safe on disk
    "take/missed",  # [recorder] frames the tape lost before they were read
    "take/left",  # [recorder] seconds of disk left
    "control/slot",  # [control] slot that was touched last
    "control/count",  # [control] messages that moved a parameter
    "control/unmapped",  # [control] messages nothing is mapped to
]
METER_SLOTS: Mapping[str, int] = {
    name: i
    for i, name in enumerate(
        _meters
        + [f"deck/{d}/{m}" for d in range(1, DECKS + 1) for m in _deck_meters]
        + [f"lane/{n}/{m}" for n in range(LANES) for m in _lane_meters]
    )
}

_SIZES = (RING_FRAMES, TAPE_FRAMES, STEM_FRAMES, INPUT_FRAMES, TRAIL_FRAMES, JOURNAL_BYTES)
_LAYOUT = "|".join([*params.ADDRESSES, *_lane, *METER_SLOTS, *map(str, _SIZES)])
_MAGIC = 0x7065_7266_0000_0000 | zlib.crc32(_LAYOUT.encode())  # "perf" and the layout's checksum


class Arena:
    """The mapped file. The stage makes it; every other process opens it.

    table  : (len(ADDRESSES),) float64, the numbers in plain units
    lanes  : (LANES, len(LANE)) float64, written by the stage alone
    next   : (len(ADDRESSES),) float64, the coming song's numbers: what a lane of mode NEXT begins with
    meters : (len(METER_SLOTS),) float64, what comes back
    rings  : a Ring each lane
    tape   : what the mixer made, for the recorder
    input  : what the decks are to hear, the same frames of the tape, there before the rings are read
    trails : what each lane's source gave, for the decks that follow it
    tracks : all that can be recorded: "master" (the tape); PRE, INPUT, STEMS, without memory until `reserve`
    journals : what each reader of the numbers heard: a lane's voice each, then the mixer
    """

    def __init__(self, memory: mmap.mmap, path: Path) -> None:
        self.path = path
        self._memory = memory
        self._at = 64
        self.numbers: npt.NDArray[np.float64] = self._take(np.float64, _NUMBERS)
        self.table: Table = self.numbers[: len(params.ADDRESSES)]
        self.lanes = self.numbers[len(params.ADDRESSES) :].reshape(LANES, len(LANE))
        self.next: Table = self._take(np.float64, len(params.ADDRESSES))
        self.meters: Meters = self._take(np.float64, len(METER_SLOTS))
        self.rings = [
            RingBuffer(self._take(np.int64, 2), self._take(np.float32, RING_FRAMES, 2)) for _ in range(LANES)
        ]
        end = self._take(np.int64, 1)
        self.tape = self._history(end, TAPE_FRAMES)
        self.input = self._history(self._take(np.int64, 1), INPUT_FRAMES)
        self.trails = [
            LatentHistory(
                self._take(np.int64, 1),
                self._take(np.int64, TRAIL_FRAMES),
                self._take(np.float32, TRAIL_FRAMES, LATENTS),
            )
            for _ in range(LANES)
        ]
        self.journals = [
            EventLog(who, self._take(np.int64, 3), self._take(np.uint8, JOURNAL_BYTES))
            for who in range(JOURNALS)
        ]
        self.tracks = {"master": self.tape} | {
            name: self._history(end, STEM_FRAMES) for name in (PRE, INPUT, *STEMS)
        }
        #: odd while the mixer reads the rings; meter "pulled" and the rings' positions belong together
        self.ring_reads = SequenceLock(self.meters, METER_SLOTS["pulls"])
        self._batches = SequenceLock(self.meters, METER_SLOTS["epoch"])

    def _history(self, end: npt.NDArray[np.int64], frames: int) -> HistoryBuffer:
        return HistoryBuffer(end, self._take(np.int64, 1), self._take(np.float32, frames, 2))

    def _take(self, dtype: type[_T], *shape: int) -> npt.NDArray[_T]:
        array: npt.NDArray[_T] = np.ndarray(shape, dtype, self._memory, self._at)
        self._at += -(-array.nbytes // 64) * 64  # each starts on a cache line of its own
        return array

    def meter(self, name: str) -> float:
        """One meter by name."""
        return float(self.meters[METER_SLOTS[name]])

    def show(self, name: str, value: float) -> None:
        """Set one meter; each has one writer, named beside it above."""
        self.meters[METER_SLOTS[name]] = value

    def deck_meters(self, deck: int) -> Meters:
        """A live view of one deck's meters, in the order of `DECK_METER`."""
        first = METER_SLOTS[f"deck/{deck}/{_deck_meters[0]}"]
        return self.meters[first : first + len(_deck_meters)]

    def reserve(self) -> None:
        """[stage] Take the memory of all tracks; PerformError where there is not so much."""
        with self.path.open("r+b") as file:
            _reserve(file.fileno(), _BASE, _SIZE, self.path, "or record without stems")

    def lane_meters(self, lane: int) -> Meters:
        """A live view of one lane's meters, in the order of `LANE_METER`."""
        first = METER_SLOTS[f"lane/{lane}/{_lane_meters[0]}"]
        return self.meters[first : first + len(_lane_meters)]

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """[stage] What is written to table and lanes in here, every `TableReader` sees at once."""
        self._batches.begin_write()
        try:
            yield
        finally:
            self._batches.end_write()

    @classmethod
    def create(cls, path: Path) -> Arena:
        """[stage] A new arena: defaults in the table, zeros elsewhere."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b") as file:
            try:
                _reserve(file.fileno(), 0, _BASE, path, "or name another folder with PERFORM_RUNTIME")
                file.truncate(_SIZE)
            except (PerformError, OSError) as error:
                path.unlink()
                if isinstance(error, PerformError):
                    raise
                what = f"no room for a file of {_SIZE >> 20} MiB ({error.strerror})"
                raise PerformError(what, where=str(path.parent)) from error
            memory = mmap.mmap(file.fileno(), _SIZE)
        arena = cls(memory, path)
        arena.table[:] = arena.next[:] = params.defaults()
        fence()
        memory[:8] = _MAGIC.to_bytes(8, "little")  # last: an arena with a magic is whole
        return arena

    @classmethod
    def open(cls, path: Path) -> Arena:
        """Map a running stage's arena; PerformError where it is not one of this version."""
        try:
            with path.open("r+b") as file:
                memory = mmap.mmap(file.fileno(), 0)
        except (OSError, ValueError) as error:
            raise PerformError(
                "the stage's shared memory cannot be opened", where=str(path), hint=str(error)
            ) from error
        if len(memory) != _SIZE or int.from_bytes(memory[:8], "little") != _MAGIC:
            raise PerformError(
                "the running stage is of another version",
                where=str(path),
                hint="end it with `perform stop`, then start again",
            )
        return cls(memory, path)


class TableReader:
    """[render], [audio] A reader's own copy of table and lanes: whole, never half of a batch.

    numbers : all of them, by the slots of NAMES; table : (len(ADDRESSES),); lanes : (LANES, len(LANE))
    """

    def __init__(self, arena: Arena) -> None:
        self._numbers = arena.numbers
        self._batches = SequenceLock(arena.meters, METER_SLOTS["epoch"])
        self.numbers = self._numbers.copy()
        self._fresh = np.empty_like(self.numbers)
        self.table: Table = self.numbers[: len(params.ADDRESSES)]
        self.lanes = self.numbers[len(params.ADDRESSES) :].reshape(LANES, len(LANE))

    def update(self) -> bool:
        """Copy what is new; False where nothing is, or where a batch is being written: it comes next time."""
        batch = self._batches.begin_read()
        np.copyto(self._fresh, self._numbers)
        if not self._batches.is_consistent(batch) or np.array_equal(self._fresh, self.numbers):
            return False
        np.copyto(self.numbers, self._fresh)
        return True


def lanes_of(deck: int) -> tuple[int, int]:
    """The two lanes of a deck (1..DECKS), as indices of `Arena.rings` and rows of `Arena.lanes`."""
    return 2 * deck - 2, 2 * deck - 1


DECK_METER: Mapping[str, int] = {name: i for i, name in enumerate(_deck_meters)}  #: index in `deck_meters`
LANE_METER: Mapping[str, int] = {name: i for i, name in enumerate(_lane_meters)}  #: index in `lane_meters`
#: what each slot of `Arena.numbers` is called
NAMES: tuple[str, ...] = (
    *params.ADDRESSES,
    *(f"lane/{n}/{column}" for n in range(LANES) for column in _lane),
)
_NUMBERS = len(NAMES)


def _reserve(fd: int, start: int, end: int, path: Path, hint: str) -> None:
    """All of it now, where the system can: a page that is missing later kills the mixer."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, start, end - start)
    except OSError as error:
        what = f"no room for {(end - start) >> 20} MiB of shared memory"
        raise PerformError(what, where=str(path.parent), hint=f"make room there, {hint}") from error


def _size(*sizes: int) -> int:
    return sum(-(-n // 64) * 64 for n in sizes)


_BASE = 64 + _size(
    8 * _NUMBERS,
    8 * len(params.ADDRESSES),
    8 * len(METER_SLOTS),
    *[16, 8 * RING_FRAMES] * LANES,
    *(8, 8, 8 * TAPE_FRAMES),
    *(8, 8, 8 * INPUT_FRAMES),
    *[8, 8 * TRAIL_FRAMES, 4 * TRAIL_FRAMES * LATENTS] * LANES,
    *[24, JOURNAL_BYTES] * JOURNALS,
)
_SIZE = _BASE + _size(*[8, 8 * STEM_FRAMES] * (2 + DECKS))
