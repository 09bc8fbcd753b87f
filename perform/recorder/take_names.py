"""File names of a take: `2026-11-22_21-03-11_demo.wav`, then `..._demo_part2.wav` and so on for its parts.

Other files of a part lie beside it: `..._demo_deck1.wav` and `..._demo_pre.wav` for other tracks,
`..._demo.gestures`, and with markers `..._demo.cue` and `..._demo.txt`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

LONGEST = 80  #: bytes of a set's name in a file name; some file systems allow 143 for the whole name


def safe_name(name: str) -> str:
    """Return a set's name with only letters, digits, `-` and `_`, which all systems allow; else "take"."""
    kept = "".join(
        c if c in "-_" or unicodedata.category(c)[0] in "LMN" else " "
        for c in unicodedata.normalize("NFC", name)
    )
    short = "-".join(kept.split()).encode()[:LONGEST].decode(errors="ignore")
    return short.strip("-_") or "take"


def take_name(set_name: str, when: datetime) -> str:
    """Return the stem of a take's first file, from its local time and the set's name."""
    return f"{when:%Y-%m-%d_%H-%M-%S}_{safe_name(set_name)}"


def part_name(take: str, part: int) -> str:
    """Return the stem of a part of a take; the first part is 1."""
    return take if part == 1 else f"{take}_part{part}"


def numbered_paths(folder: Path, stem: str) -> Iterator[Path]:
    """Yield `stem.wav`, `stem_2.wav`, `stem_3.wav` and so on, to find a free name."""
    yield folder / f"{stem}.wav"
    number = 2
    while True:
        yield folder / f"{stem}_{number}.wav"
        number += 1


def track_path(master: Path, track: str) -> Path:
    """Return the file of a track of a part, beside the part's master."""
    return master if track == "master" else master.with_name(f"{master.stem}_{track}.wav")
