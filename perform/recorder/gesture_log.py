"""The gesture log of a take: every parameter value and latent that hosts and mixer used, by frame.

    8 bytes     "performG"
    chunks      length and CRC-32 of the body (4 bytes each), then the body, compressed with zlib
        The first body is the `GestureHeader` as JSON. All others together are records one after the other, in
        the format of the event logs (`perform.core.event_log`): length, kind, who, frame, payload.

The file only grows, one chunk per sync. A crash leaves at most one torn chunk at its end, which a reader
recognises. A log begins PREROLL_S before its take, at records that hold all values: a decoder's memory of the
last seconds can be rebuilt from them. Latents are logged frame by frame, so a replay needs no source.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from perform import __version__
from perform.core import json_bytes
from perform.core.arena import Arena
from perform.core.arena_layout import BASE_NAMES, DEFAULT_BLOCK, NAMES
from perform.core.errors import PerformError, WrongUse
from perform.core.event_log import MARKER, RECORD_HEADER, STAGE_WRITER
from perform.recorder.markers import Marker

SUFFIX = ".gestures"
FORMAT = 1
PREROLL_S = 10.0  #: seconds of history before a take

MAGIC = b"performG"
CHUNK = struct.Struct("<II")
LONGEST = 1 << 22  # bytes of records in a chunk
_HEADER_LIMIT = 1 << 20


class GestureHeader(msgspec.Struct, frozen=True):
    """Header of a log; unknown keys of later versions are ignored."""

    format: int
    perform: str  #: version of the program
    set: str
    made: str  #: local time, ISO 8601
    rate: int
    block: int  #: frames in one block of the device
    position: int  #: frame of the history at which this part of the take begins
    began: int  #: frame of the history at which the take began
    part: int
    tracks: list[str]
    samples: str  #: a name of `wav_format.FORMATS`
    names: list[str]  #: address of each slot, then of each base value


def new_header(arena: Arena, set_name: str, tracks: list[str], samples: str) -> GestureHeader:
    """Make a header for a log that begins now; the take fills in position and part."""
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
        names=[*NAMES, *BASE_NAMES],
    )


class LoggedEvent(NamedTuple):
    """One logged event: its kind (`perform.core.event_log`), its writer and its frame of the history."""

    kind: int
    who: int
    at: int
    payload: bytes

    def pack(self) -> bytes:
        """Pack the event as the file holds it."""
        return RECORD_HEADER.pack(len(self.payload), self.kind, self.who, self.at) + self.payload


class GestureLog(NamedTuple):
    """A log as read.

    torn    : bytes of an unfinished chunk at the end, not read
    damaged : bytes from a damaged chunk to the end, not read
    """

    header: GestureHeader
    records: list[LoggedEvent]
    torn: int
    damaged: int

    def marks(self) -> list[Marker]:
        """Return the markers; their frames count from the first frame of this part."""
        return [mark_of(r, self.header.position) for r in self.records if r.kind == MARKER]


def mark_record(at: int, name: str, what: str) -> LoggedEvent:
    """Make the record of a marker at a frame of the history; what: "mark", "song" or "scene"."""
    return LoggedEvent(MARKER, STAGE_WRITER, at, json.dumps({"name": name, "what": what}).encode())


def mark_of(record: LoggedEvent, position: int) -> Marker:
    """Return the marker in a record; its frame counts from `position` of the history."""
    try:
        return Marker(record.at - position, str(json.loads(record.payload)["name"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return Marker(record.at - position, "?")


def read(path: Path) -> GestureLog:
    """[disk] Read a log up to any damage. WrongUse: the file is no log. PerformError: nothing can be read."""
    data = path.read_bytes()
    header, pieces, end = None, [], len(data)
    if not data.startswith(MAGIC):
        raise WrongUse(
            "not a gesture log of perform", where=str(path), hint="name the file *.gestures beside its take"
        )
    for at, body in _bodies(data, path):
        if body is None:
            end = at
        elif header is None:
            header = _header(body, path)
        else:
            pieces.append(body)
    if header is None:
        raise PerformError("the gesture log has no header", where=str(path), hint=_LOST)
    lost, torn = len(data) - end, _torn(data[end:])
    return GestureLog(header, list(parse_records(b"".join(pieces))), lost * torn, lost * (not torn))


_LOST = "the take's sound is not affected, but it cannot be rendered again"


def _bodies(data: bytes, path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield start and content of each chunk; content None for the first incomplete one, and then stop."""
    at = len(MAGIC)
    while at < len(data):
        end = at + CHUNK.size
        length, crc = CHUNK.unpack_from(data.ljust(end, b"\0"), at)
        packed = data[end : end + length]
        if len(packed) < length or zlib.crc32(packed) != crc or not length:
            yield at, None
            return
        unpacker = zlib.decompressobj()
        try:
            body = unpacker.decompress(packed, LONGEST + _HEADER_LIMIT)
        except zlib.error as error:
            raise PerformError(f"damaged at byte {at} ({error})", where=str(path), hint=_LOST) from error
        if not unpacker.eof:
            raise PerformError(f"damaged at byte {at} (a chunk too large)", where=str(path), hint=_LOST)
        yield at, body
        at = end + length


def _torn(rest: bytes) -> bool:
    """Recognise a torn chunk, perhaps followed by zeros: a file may grow before its data reach the disk."""
    length = CHUNK.unpack_from(rest.ljust(CHUNK.size, b"\0"))[0]
    return len(rest) <= 2 * LONGEST and not any(rest[CHUNK.size + length :])


def _header(body: bytes, path: Path) -> GestureHeader:
    try:
        header: GestureHeader = json_bytes.decode(body, GestureHeader)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PerformError(f"its header is broken ({error})", where=str(path), hint=_LOST) from error
    if header.format != FORMAT:
        what = f"a gesture log of format {header.format}; this version reads {FORMAT}"
        raise PerformError(what, where=str(path), hint=f"it was made by perform {header.perform}")
    if header.rate <= 0 or header.block <= 0:
        raise PerformError("its header is broken (rate or block)", where=str(path), hint=_LOST)
    return header


def parse_records(data: bytes) -> Iterator[LoggedEvent]:
    """Yield each record; a torn one at the end is left out."""
    at = 0
    while at + RECORD_HEADER.size <= len(data):
        length, kind, who, stamp = RECORD_HEADER.unpack_from(data, at)
        at += RECORD_HEADER.size
        if at + length > len(data):
            return
        yield LoggedEvent(kind, who, stamp, data[at : at + length])
        at += length


def repair(path: Path) -> int:
    """[disk] Cut off an unfinished end; returns its length in bytes."""
    torn = read(path).torn
    if torn:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - torn)
            os.fsync(file.fileno())
    return torn
