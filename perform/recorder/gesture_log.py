"""The gesture log beside a take: what every reader of the numbers heard, and at which frame of the tape.

    8 bytes     "performG"
    chunks      length and CRC-32 of the body (4 bytes each), body: zlib
        the first is the `GestureHeader` as JSON, all others together are records one after the other, as the
        journals hold them (`perform.core.event_log`): length, kind, who, frame of the tape, payload

It is only appended to, a chunk at each sync: what a crash cuts short is one chunk at the end, and is
recognised. A log begins PREROLL_S before its take, at records that hold all numbers: decoders remember a few
seconds, and what they remember can be decoded again. Latents are kept as they were heard, frame by frame, so
that nothing depends on what a source did before.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from perform import __version__
from perform.core.arena import Arena
from perform.core.arena_layout import DEFAULT_BLOCK, NAMES
from perform.core.errors import PerformError, WrongUse
from perform.core.event_log import (
    ALL_VALUES,
    ALL_VALUES_S,
    FIRST_VALUES,
    MARKER,
    RECORD_HEADER,
    RECORDS_LOST,
    STAGE_WRITER,
)
from perform.recorder.markers import Marker
from perform.recorder.wav import flush_folder

SUFFIX = ".gestures"
FORMAT = 1
PREROLL_S = 10.0  #: seconds of history before a take

_MAGIC = b"performG"
_CHUNK = struct.Struct("<II")
_LONGEST = 1 << 22  # bytes of records in a chunk
_HEADER_LIMIT = 1 << 20


class GestureHeader(msgspec.Struct, frozen=True):
    """What a log says of itself; keys of later versions are passed over."""

    format: int
    perform: str  #: version of the program
    set: str
    made: str  #: local time, ISO 8601
    rate: int
    block: int  #: frames of a block of the device
    position: int  #: frame of the tape at which this part of the take begins
    began: int  #: frame of the tape at which the take began
    part: int
    tracks: list[str]
    samples: str  #: a name of `wav.FORMATS`
    names: list[str]  #: of all numbers, by slot


def new_header(arena: Arena, set_name: str, tracks: list[str], samples: str) -> GestureHeader:
    """Of a log that begins now; the take says at which frame."""
    return GestureHeader(
        format=FORMAT,
        perform=__version__,
        set=set_name,
        made=datetime.now().isoformat(timespec="seconds"),
        rate=int(arena.meter("rate")),
        block=int(arena.meter("block")) or DEFAULT_BLOCK,
        position=0,
        began=0,
        part=1,
        tracks=tracks,
        samples=samples,
        names=list(NAMES),
    )


class LoggedEvent(NamedTuple):
    """One thing that was told: kind (`perform.core.event_log`), by whom, at which frame of the tape."""

    kind: int
    who: int
    at: int
    payload: bytes

    def pack(self) -> bytes:
        """As the file holds it."""
        return RECORD_HEADER.pack(len(self.payload), self.kind, self.who, self.at) + self.payload


class GestureLog(NamedTuple):
    """A log: `torn` counts bytes of an unfinished end, which is left out.

    damaged : bytes from a damaged chunk on, which are left out too; nobody can say what is in them
    """

    header: GestureHeader
    records: list[LoggedEvent]
    torn: int
    damaged: int

    def marks(self) -> list[Marker]:
        """The markers, from the take's part's first frame on."""
        return [mark_of(r, self.header.position) for r in self.records if r.kind == MARKER]


def mark_record(at: int, name: str, what: str) -> LoggedEvent:
    """A marker at a frame of the tape; what: "mark", "song", "scene"."""
    return LoggedEvent(MARKER, STAGE_WRITER, at, json.dumps({"name": name, "what": what}).encode())


def mark_of(record: LoggedEvent, position: int) -> Marker:
    """A marker, from frame `position` of the tape on."""
    try:
        return Marker(record.at - position, str(json.loads(record.payload)["name"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return Marker(record.at - position, "?")


class GestureLogWriter:
    """[disk] One new log. Never overwrites: FileExistsError where the path is taken."""

    def __init__(self, path: Path, header: GestureHeader) -> None:
        self.path = path
        self._waiting = bytearray()
        self._end = 0  # bytes of whole chunks
        self._file = path.open("xb", buffering=0)
        try:
            self._append(_MAGIC + _chunk(msgspec.json.encode(header)))
            os.fsync(self._file.fileno())
        except OSError:
            self._file.close()
            with suppress(OSError):
                path.unlink()
            raise
        flush_folder(path.parent)

    def write(self, records: bytes) -> None:
        """Append; on the disk after the next `sync`."""
        self._waiting += records

    def sync(self) -> None:
        """Everything to the disk."""
        if self._waiting:
            while self._waiting:
                self._append(_chunk(bytes(self._waiting[:_LONGEST])))
                del self._waiting[:_LONGEST]
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close; closed also where the sync fails with an OSError."""
        try:
            self.sync()
        finally:
            self._file.close()

    def _append(self, data: bytes) -> None:
        """A chunk, or nothing of it: behind a piece of one the next could not be read."""
        rest = memoryview(data)
        self._file.seek(self._end)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._end)
            raise
        self._end += len(data)


def _chunk(body: bytes) -> bytes:
    packed = zlib.compress(body, 1)
    return _CHUNK.pack(len(packed), zlib.crc32(packed)) + packed


def read(path: Path) -> GestureLog:
    """[disk] A log up to where it is damaged; WrongUse where it is none, PerformError if nothing is left."""
    data = path.read_bytes()
    header, pieces, end = None, [], len(data)
    if not data.startswith(_MAGIC):
        raise WrongUse(
            "not a gesture log of perform", where=str(path), hint="it lies beside its take, *.gestures"
        )
    for at, body in _bodies(data, path):
        if body is None:
            end = at
        elif header is None:
            header = _header(body, path)
        else:
            pieces.append(body)
    if header is None:
        raise PerformError("a gesture log without a beginning", where=str(path), hint=_LOST)
    lost, torn = len(data) - end, _torn(data[end:])
    return GestureLog(header, list(_records(b"".join(pieces))), lost * torn, lost * (not torn))


_LOST = "the sound of the take does not need it; it cannot be rendered again"


def _bodies(data: bytes, path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Chunk by chunk: where it begins, what is in it; None for the first that is not whole, and no more."""
    at = len(_MAGIC)
    while at < len(data):
        end = at + _CHUNK.size
        length, crc = _CHUNK.unpack_from(data.ljust(end, b"\0"), at)
        packed = data[end : end + length]
        if len(packed) < length or zlib.crc32(packed) != crc or not length:
            yield at, None
            return
        unpacker = zlib.decompressobj()
        try:
            body = unpacker.decompress(packed, _LONGEST + _HEADER_LIMIT)
        except zlib.error as error:
            raise PerformError(f"damaged at byte {at} ({error})", where=str(path), hint=_LOST) from error
        if not unpacker.eof:
            raise PerformError(f"damaged at byte {at} (a chunk too large)", where=str(path), hint=_LOST)
        yield at, body
        at = end + length


def _torn(rest: bytes) -> bool:
    """Whether this is a chunk cut short, and zeros: a file may grow before its data reaches the disk."""
    length = _CHUNK.unpack_from(rest.ljust(_CHUNK.size, b"\0"))[0]
    return len(rest) <= 2 * _LONGEST and not any(rest[_CHUNK.size + length :])


def _header(body: bytes, path: Path) -> GestureHeader:
    try:
        header = msgspec.json.decode(body, type=GestureHeader)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PerformError(f"its header is broken ({error})", where=str(path), hint=_LOST) from error
    if header.format != FORMAT:
        what = f"a gesture log of format {header.format}; this version reads {FORMAT}"
        raise PerformError(what, where=str(path), hint=f"it was made by perform {header.perform}")
    if header.rate <= 0 or header.block <= 0:
        raise PerformError("its header is broken (rate or block)", where=str(path), hint=_LOST)
    return header


def _records(data: bytes) -> Iterator[LoggedEvent]:
    """Record by record; one that is cut short at the end is left out."""
    at = 0
    while at + RECORD_HEADER.size <= len(data):
        length, kind, who, stamp = RECORD_HEADER.unpack_from(data, at)
        at += RECORD_HEADER.size
        if at + length > len(data):
            return
        yield LoggedEvent(kind, who, stamp, data[at : at + length])
        at += length


def repair(path: Path) -> int:
    """[disk] Cut an unfinished end off; returns its bytes."""
    torn = read(path).torn
    if torn:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - torn)
            os.fsync(file.fileno())
    return torn


class RecentEvents:
    """[disk] What was told in the last `seconds`, in memory: from it each log begins, and goes on."""

    def __init__(self, arena: Arena, seconds: float) -> None:
        self._arena = arena
        self._seconds = seconds + PREROLL_S + 2 * ALL_VALUES_S
        self._pieces: deque[tuple[int, bytes]] = deque()  # frame of the tape at which it was read, records
        self._ends = [journal.oldest for journal in arena.event_logs]
        self._dropped = [journal.dropped for journal in arena.event_logs]
        self._count = 0  # pieces ever

    def drain(self) -> None:
        """Take what the journals hold; call it often."""
        now = self._arena.history.written
        fresh = []
        for journal in self._arena.event_logs:
            data = journal.read(self._ends[journal.who])
            self._ends[journal.who] += len(data)
            if data:
                fresh.append(data)
            if journal.dropped != self._dropped[journal.who]:
                lost = journal.dropped - self._dropped[journal.who]
                fresh.append(LoggedEvent(RECORDS_LOST, journal.who, now, lost.to_bytes(8, "little")).pack())
                self._dropped[journal.who] = journal.dropped
        if fresh:
            self._add(now, b"".join(fresh))
        oldest = now - round(self._seconds * self._arena.meter("rate"))
        while self._pieces and self._pieces[0][0] < oldest:
            self._pieces.popleft()

    def mark(self, record: LoggedEvent) -> None:
        """A marker of the stage's."""
        self._add(self._arena.history.written, record.pack())

    def _add(self, now: int, piece: bytes) -> None:
        self._pieces.append((now, piece))
        self._count += 1

    def let_go(self) -> None:
        """What was taken is safe, or nobody wants it: the tellers have their room again."""
        for journal in self._arena.event_logs:
            journal.release(self._ends[journal.who])

    def opening(self, position: int) -> tuple[bytes, int]:
        """All that a log needs that begins at a frame of the tape, until now -> (records, cursor)."""
        rate = self._arena.meter("rate")
        begin = position - round(PREROLL_S * rate)
        recent = begin - round(
            3 * ALL_VALUES_S * rate
        )  # where each teller that is at rest has told everything since
        kept = self._needed(begin, position, recent)
        if any(records[0].kind not in (ALL_VALUES, FIRST_VALUES, MARKER) for records in kept.values()):
            kept = self._needed(begin, position, 0)
        return b"".join(record.pack() for records in kept.values() for record in records), self._count

    def _needed(self, begin: int, position: int, since: int) -> dict[int, list[LoggedEvent]]:
        """By teller, from the last record before `begin` that holds all; markers from `position` on."""
        kept: dict[int, list[LoggedEvent]] = {}
        for read, piece in self._pieces:
            for record in _records(piece) if read >= since else ():
                if record.kind in (ALL_VALUES, FIRST_VALUES) and record.at <= begin:
                    kept[record.who] = []  # what was before it is in it
                if record.kind != MARKER or record.at >= position:
                    kept.setdefault(record.who, []).append(record)
        return kept

    def since(self, cursor: int) -> tuple[bytes, int]:
        """What came after a cursor -> (records, cursor)."""
        fresh = min(self._count - cursor, len(self._pieces))
        pieces = [self._pieces[i][1] for i in range(len(self._pieces) - fresh, len(self._pieces))]
        return b"".join(pieces), self._count

    def marks(self, begin: int, end: int) -> list[Marker]:
        """The markers between two frames of the tape, from the first."""
        records = (record for _, piece in self._pieces for record in _records(piece) if record.kind == MARKER)
        return [mark_of(record, begin) for record in records if begin <= record.at <= end]
