"""The shared memory of a stage, which every process of the stage maps by one path.

It holds the parameter table, the lane table, meters, ring buffers, histories and event logs in a fixed
layout (`perform.core.arena_layout`). Nothing is locked: each value and each position has one writer, and
`perform.core.memory_order` states in which order another process sees stores.

A deck has two lanes, so that one voice can fade in over another. Values that must change together, such as
those of a song, are written in a `batch`; a `TableReader` sees all of them or none.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from perform.core import params, shared_memory
from perform.core.arena_layout import (
    ALL_LANES,
    BEAT_VALUES,
    DECK_METERS,
    DEFAULT_RATE,
    EVENT_LOG_BYTES,
    HISTORY_FRAMES,
    INPUT,
    INPUT_FRAMES,
    INSERTS,
    LANE,
    LANE_METERS,
    LANE_VALUES,
    LANES,
    LATENT_HISTORY_FRAMES,
    METER_SLOTS,
    NAMES,
    PRE,
    RING_FRAMES,
    ROW_COLUMNS,
    ROWS,
    STEM_FRAMES,
    STEMS,
    Meters,
)
from perform.core.beat import BeatLine
from perform.core.errors import PerformError
from perform.core.event_log import EventLog
from perform.core.knob_ranges import KnobRanges
from perform.core.memory_order import SequenceLock, fence
from perform.core.params import DECKS, LATENTS, Table
from perform.core.ring_buffers import HistoryBuffer, LatentHistory, RingBuffer

_T = TypeVar("_T", bound=np.generic)

_READS = 100  #: attempts to read the beat line between two batches
_LINE = 64  #: bytes of a cache line; each array starts on one


def _size(*sizes: int) -> int:
    return sum(-(-n // _LINE) * _LINE for n in sizes)


_BASE = _LINE + _size(
    8 * len(NAMES),
    8 * len(params.ADDRESSES),
    8 * 2 * (1 + ROWS) * len(ROW_COLUMNS),
    8 * len(params.ADDRESSES),
    8 * len(METER_SLOTS),
    *(16 * len(params.ADDRESSES), 8 * DECKS * LATENTS, 8),
    *[16, 8 * RING_FRAMES] * LANES,
    *(8, 8, 8 * HISTORY_FRAMES),
    *(8, 8, 8 * INPUT_FRAMES),
    *[8, 8 * LATENT_HISTORY_FRAMES, 4 * LATENT_HISTORY_FRAMES * LATENTS] * LANES,
    *[24, EVENT_LOG_BYTES] * (LANES + 1),
    *[24] * INSERTS,
)
_INSERT = _size(16, 8 * RING_FRAMES, EVENT_LOG_BYTES, 8, 8, 8 * INPUT_FRAMES)
_TRACKS = _BASE + INSERTS * _INSERT  # where they begin
_SIZE = _TRACKS + _size(*[8, 8 * STEM_FRAMES] * (2 + DECKS))

_SIZES = (RING_FRAMES, HISTORY_FRAMES, STEM_FRAMES, INPUT_FRAMES, LATENT_HISTORY_FRAMES, EVENT_LOG_BYTES)
_LAYOUT = "|".join([*NAMES, *METER_SLOTS, *map(str, (*_SIZES, _SIZE))])
_MAGIC = 0x7065_7266_0000_0000 | zlib.crc32(_LAYOUT.encode())  # "perf" and the layout's checksum


class Arena:
    """The mapped memory. The stage creates it; every other process opens it.

    values : (len(NAMES),) float64: `table`, `lanes`, phases of the modulators, then the beat line
    table  : (len(ADDRESSES),) the parameters in plain units
    lanes  : (ALL_LANES, len(LANE)) written by the stage alone
    next   : (len(ADDRESSES),) the next song's parameters, for lanes of mode NEXT
    rows   : (2, 1 + ROWS, len(ROW_COLUMNS)) modulation of the song that plays, and of the next song;
             the first line of each holds the number of its rows
    hardware : (len(ADDRESSES),) where the control of each parameter stands, plain units; NaN: unknown
    knobs  : the range of each parameter's knob, and which latents can be heard
    meters : (len(METER_SLOTS),) levels, loads and positions that the processes report
    rings  : a RingBuffer for each lane, from voice to mixer; those of inserts, their event logs and
             `inserted` have no memory until `reserve_insert`
    history : the mixer's output, for the recorder
    input  : the live input after its chain, for encoders; same frame numbers as `history`, written earlier
    latent_histories : the latents of each lane's source, for decks that follow it
    tracks : the tracks that can be recorded: "master" (`history`), PRE, INPUT, STEMS; all but the master
             have no memory until `reserve_tracks`
    event_logs : one for each deck lane's voice, the mixer's, then one for each insert; see `log_of`
    inserted : for each insert the sound that its module gets, from the mixer; it has its own frame numbers
    ring_reads : sequence lock of the mixer's reads of `rings`, with meter "pulled"
    batches : sequence lock of the batches of `values`
    """

    def __init__(self, memory: mmap.mmap, path: Path) -> None:
        self.path = path
        self._memory = memory
        self._at = _LINE
        self.values: npt.NDArray[np.float64] = self._take(np.float64, len(NAMES))
        self.table: Table = self.values[: len(params.ADDRESSES)]
        self.lanes = self.values[LANE_VALUES].reshape(ALL_LANES, len(LANE))
        self.next: Table = self._take(np.float64, len(params.ADDRESSES))
        self.rows = self._take(np.float64, 2, 1 + ROWS, len(ROW_COLUMNS))
        self.hardware: Table = self._take(np.float64, len(params.ADDRESSES))
        self.meters: Meters = self._take(np.float64, len(METER_SLOTS))
        self.knobs = KnobRanges(
            self._take(np.float64, 2, len(params.ADDRESSES)),
            self._take(np.float64, DECKS, LATENTS),
            self._take(np.float64, 1),
        )
        self.rings = [
            RingBuffer(self._take(np.int64, 2), self._take(np.float32, RING_FRAMES, 2)) for _ in range(LANES)
        ]
        end = self._take(np.int64, 1)
        self.history = self._take_history(end, HISTORY_FRAMES)
        self.input = self._take_history(self._take(np.int64, 1), INPUT_FRAMES)
        self.latent_histories = [
            LatentHistory(
                self._take(np.int64, 1),
                self._take(np.int64, LATENT_HISTORY_FRAMES),
                self._take(np.float32, LATENT_HISTORY_FRAMES, LATENTS),
            )
            for _ in range(LANES)
        ]
        self.event_logs = [
            EventLog(who, self._take(np.int64, 3), self._take(np.uint8, EVENT_LOG_BYTES))
            for who in range(LANES + 1)
        ]
        ends = [self._take(np.int64, 3) for _ in range(INSERTS)]  # the recorder reads all of them
        self.inserted = list[HistoryBuffer]()
        for who, end_of_log in enumerate(ends, LANES + 1):
            self.rings.append(RingBuffer(self._take(np.int64, 2), self._take(np.float32, RING_FRAMES, 2)))
            self.event_logs.append(EventLog(who, end_of_log, self._take(np.uint8, EVENT_LOG_BYTES)))
            self.inserted.append(self._take_history(self._take(np.int64, 1), INPUT_FRAMES))
        self.tracks = {"master": self.history} | {
            name: self._take_history(end, STEM_FRAMES) for name in (PRE, INPUT, *STEMS)
        }
        self.ring_reads = SequenceLock(self.meters, METER_SLOTS["pulls"])
        self.batches = SequenceLock(self.meters, METER_SLOTS["epoch"])

    def _take(self, dtype: type[_T], *shape: int) -> npt.NDArray[_T]:
        array: npt.NDArray[_T] = np.ndarray(shape, dtype, self._memory, self._at)
        self._at += _size(array.nbytes)
        return array

    def _take_history(self, end: npt.NDArray[np.int64], frames: int) -> HistoryBuffer:
        return HistoryBuffer(end, self._take(np.int64, 1), self._take(np.float32, frames, 2))

    def meter(self, name: str) -> float:
        """Read one meter by name."""
        return float(self.meters[METER_SLOTS[name]])

    def set_meter(self, name: str, value: float) -> None:
        """Set one meter by name. `perform.core.arena_layout` names its one writer."""
        self.meters[METER_SLOTS[name]] = value

    def deck_meters(self, deck: int) -> Meters:
        """A view of one deck's meters, in the order of `DECK_METER`."""
        first = METER_SLOTS[f"deck/{deck}/{DECK_METERS[0]}"]
        return self.meters[first : first + len(DECK_METERS)]

    def lane_meters(self, lane: int) -> Meters:
        """A view of one lane's meters, in the order of `LANE_METER`."""
        first = METER_SLOTS[f"lane/{lane}/{LANE_METERS[0]}"]
        return self.meters[first : first + len(LANE_METERS)]

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """[stage] Write to table and lanes so that every `TableReader` sees all changes at once."""
        self.batches.begin_write()
        try:
            yield
        finally:
            self.batches.end_write()

    @property
    def beat_line(self) -> BeatLine:
        """[any] The beat line. A `TableReader` has one too, of the same moment as its parameters."""
        for _ in range(_READS):
            batch = self.batches.begin_read()
            origin, bpm = self.values[-len(BEAT_VALUES) :].tolist()
            if self.batches.is_consistent(batch):
                break
        return BeatLine(origin, bpm, self.meter("rate") or DEFAULT_RATE)

    def write_beat_line(self, line: BeatLine) -> None:
        """[stage] Replace the beat line, as one batch."""
        with self.batch():
            self.values[-len(BEAT_VALUES) :] = line[:2]

    def reserve_insert(self, insert: int) -> None:
        """[stage] Allocate the memory of an insert; PerformError if there is not enough."""
        begin = _BASE + insert * _INSERT
        with _opened(self.path) as fd:
            _reserve(fd, begin, begin + _INSERT, self.path, "or play without this insert")

    def reserve_tracks(self) -> None:
        """[stage] Allocate the memory of all tracks; PerformError if there is not enough."""
        with _opened(self.path) as fd:
            _reserve(fd, _TRACKS, _SIZE, self.path, "or record without stems")

    @classmethod
    def create(cls, path: Path, *, posix: bool = False) -> Arena:
        """[stage] Make a new arena: defaults in the table, zeros elsewhere.

        posix : in POSIX shared memory, whose name the file holds
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        shared_memory.remove(path)
        fd = shared_memory.create(path, posix=posix)
        try:
            _reserve(fd, 0, _BASE, path, "or name another folder with PERFORM_RUNTIME")
            os.truncate(fd, _SIZE)
            memory = mmap.mmap(fd, _SIZE)
        except (PerformError, OSError) as error:
            shared_memory.remove(path)
            if isinstance(error, PerformError):
                raise
            what = f"no space for {_SIZE >> 20} MiB of shared memory ({error.strerror})"
            raise PerformError(what, where=str(path.parent)) from error
        finally:
            os.close(fd)
        arena = cls(memory, path)
        arena.table[:] = arena.next[:] = params.defaults()
        arena.hardware[:] = np.nan
        arena.knobs.reset()
        arena.values[-1] = arena.table[params.slot("tempo")]
        fence()
        memory[:8] = _MAGIC.to_bytes(8, "little")  # last: an arena with this number is complete
        return arena

    @classmethod
    def open(cls, path: Path) -> Arena:
        """Map a running stage's arena; PerformError if another version of perform made it."""
        try:
            with _opened(path) as fd:
                is_whole = os.fstat(fd).st_size >= _SIZE  # macOS counts whole pages
                memory = mmap.mmap(fd, _SIZE) if is_whole else None
        except (OSError, ValueError) as error:
            raise PerformError(
                "the stage's shared memory cannot be opened", where=str(path), hint=str(error)
            ) from error
        if memory is None or int.from_bytes(memory[:8], "little") != _MAGIC:
            raise PerformError(
                "the running stage is of another version",
                where=str(path),
                hint="end it with `perform stop`, then start again",
            )
        return cls(memory, path)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = shared_memory.open_memory(path)
    try:
        yield fd
    finally:
        os.close(fd)


def _reserve(fd: int, start: int, end: int, path: Path, hint: str) -> None:
    """Allocate all pages now, if the system can: a page without memory would kill the mixer later."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, start, end - start)
    except OSError as error:
        what = f"no space for {(end - start) >> 20} MiB of shared memory"
        raise PerformError(what, where=str(path.parent), hint=f"free some space there, {hint}") from error
