"""What a take's files are called: `2026-11-22_21-03-11_demo.wav`, then `..._demo_part2.wav`.

Beside each of them: `..._demo_deck1.wav` and `..._demo_pre.wav` for other tracks, `..._demo.gestures`, and
where it has markers `..._demo.cue` and `..._demo.txt`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

LONGEST = 80  #: bytes of a set's name in a file name; some file systems end at 143 in all


def safe_name(name: str) -> str:
    """A set's name for a file name on Linux, macOS and Windows: letters, digits, `-`, `_`; "take" if none."""
    kept = "".join(
        c if c in "-_" or unicodedata.category(c)[0] in "LMN" else " "
        for c in unicodedata.normalize("NFC", name)
    )
    short = "-".join(kept.split()).encode()[:LONGEST].decode(errors="ignore")
    return short.strip("-_") or "take"


def take_name(set_name: str, when: datetime) -> str:
    """The stem of a take's first file, from its local time and the set's name."""
    return f"{when:%Y-%m-%d_%H-%M-%S}_{safe_name(set_name)}"


def part_name(take: str, part: int) -> str:
    """The stem of a take's `part`-th file, 1 the first."""
    return take if part == 1 else f"{take}_part{part}"


def paths(folder: Path, stem: str) -> Iterator[Path]:
    """`stem.wav`, then `stem_2.wav`, `stem_3.wav` and so on, for where a name is taken."""
    yield folder / f"{stem}.wav"
    number = 2
    while True:
        yield folder / f"{stem}_{number}.wav"
        number += 1


def beside(master: Path, track: str) -> Path:
    """The file of a track of the part whose master this is."""
    return master if track == "master" else master.with_name(f"{master.stem}_{track}.wav")
