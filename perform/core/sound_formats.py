"""Which files of a folder are sound files. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

#: suffixes of sound files in a folder; a file given by name may have any format that libsndfile reads
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd"),
    *(".w64", ".rf64", ".bwf", ".oga", ".voc"),
)
#: suffixes of sounds and films that libsndfile cannot read; for a corpus, ffmpeg reads their sound
UNREADABLE = (
    *(
        ".m4a",
        ".aac",
        ".mp4",
        ".wma",
        ".ape",
        ".wv",
        ".mka",
        ".webm",
        ".alac",
        ".m4b",
        ".m4r",
        ".dsf",
        ".dff",
    ),
    *(".ac3", ".amr", ".mp2", ".mpc", ".spx", ".tta", ".weba", ".3gp", ".avi", ".m4v", ".mkv", ".mov"),
)
RATES = range(1000, 768_001)  #: Hz


def files_below(folder: Path) -> Iterator[Path]:
    """[disk] Yield all files in and below a folder. Linked folders are followed, each folder once."""
    seen: set[str] = set()
    for path, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in files:
            if (file := Path(path, name)).is_file():
                yield file


def why_skipped(path: Path) -> str:
    """Return why a file in a folder is not read as sound; "" if it is."""
    suffix = path.suffix.lower()
    if path.name.startswith("."):
        return "a hidden file"
    if suffix in UNREADABLE:
        return f"{suffix} cannot be read: convert it to WAV or FLAC"
    return "" if suffix in SUFFIXES else "not a sound file"
