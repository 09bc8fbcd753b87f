"""Markers of a take: cue points in its WAV files, and a cue sheet and a track list beside them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from perform.core.printable import printable

LIMIT = 1 << 24  #: largest size of a file's markers, bytes


class Marker(NamedTuple):
    """A named frame of a file."""

    frame: int  #: 0: the first of the file
    name: str


Marks = Sequence[Marker]


def pack(marks: Marks, frames: int) -> bytes:
    """Pack the marks within a file of `frames` as WAV chunks: `cue `, and a label each in `LIST adtl`."""
    marks = [mark for mark in marks if 0 <= mark.frame <= min(frames, 0xFFFF_FFFF)]
    if not marks:
        return b""
    points = struct.pack("<4sII", b"cue ", 4 + 24 * len(marks), len(marks))
    labels = b"adtl"
    for number, mark in enumerate(marks, 1):
        points += struct.pack("<II4sIII", number, mark.frame, b"data", 0, 0, mark.frame)
        name = mark.name.encode(errors="replace")[:250].decode(errors="ignore").encode()  # no half character
        text = struct.pack("<I", number) + name + b"\0"
        labels += struct.pack("<4sI", b"labl", len(text)) + text + bytes(len(text) % 2)
    return points + struct.pack("<4sI", b"LIST", len(labels)) + labels


def are_markers(data: bytes) -> bool:
    """Return whether data begin with packed markers, perhaps cut short, and not with frames of sound."""
    head, size, count = struct.unpack_from("<4sII", data.ljust(12, b"\0"))
    return bool(head == b"cue " and (count == 0 or size == 4 + 24 * count))


def unpack(data: bytes) -> list[Marker]:
    """Unpack markers. ValueError: the data are something else, or cut short."""
    frames, names = {}, {}
    try:
        for kind, body in _walk(data):
            if kind == b"cue ":
                for at in range(4, 4 + 24 * int.from_bytes(body[:4], "little"), 24):
                    number, _, _, _, _, frame = struct.unpack_from("<II4sIII", body, at)
                    frames[number] = frame
            elif kind == b"LIST" and body[:4] == b"adtl":
                for label, text in _walk(body[4:]):
                    if label == b"labl":
                        names[int.from_bytes(text[:4], "little")] = (
                            text[4:].rstrip(b"\0").decode(errors="replace")
                        )
    except struct.error as error:
        raise ValueError(f"broken markers ({error})") from error
    return [Marker(frame, names.get(number, "")) for number, frame in frames.items()]


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        if at + 8 + size > len(data):
            raise ValueError("broken markers (cut short)")
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def cue_sheet(file: str, title: str, marks: Marks, rate: int) -> str:
    """Return a cue sheet: one track for each of the first 99 marks, in minutes, seconds and 75ths."""
    lines = [f'TITLE "{printable(_plain(title))}"', f'FILE "{_plain(file)}" WAVE']
    for number, mark in enumerate(marks[:99], 1):
        ticks = mark.frame * 75 // rate
        lines += [
            f"  TRACK {number:02} AUDIO",
            f'    TITLE "{printable(_plain(mark.name))}"',
            f"    INDEX 01 {ticks // 4500:02}:{ticks // 75 % 60:02}:{ticks % 75:02}",
        ]
    return "\n".join(lines) + "\n"


def track_list(marks: Marks, rate: int) -> str:
    """Return a list with one line for each mark: hours, minutes, seconds, name."""
    return "".join(f"{clock(mark.frame / rate)}  {printable(mark.name)}\n" for mark in marks)


def clock(seconds: float) -> str:
    """Return a time as `1:02:03.456`."""
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _plain(text: str) -> str:
    return text.replace('"', "'").replace("\n", " ").replace("\r", " ")
