"""Finds the files of a corpus in one or several folders, and gives each a title. [disk]"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from perform.core.errors import WrongUse
from perform.core.paths import to_text
from perform.core.sound_formats import SUFFIXES, UNREADABLE, files_below, why_skipped
from perform.train.ffmpeg_decoding import INSTALL, ffmpeg


@dataclass(frozen=True)
class CorpusFiles:
    """The files that were found for a corpus.

    name   : of the corpus
    sounds : the sound files with their titles, in the order of the folders
    others : the titles of the other files, each with the reason why it is left out
    """

    name: str
    sounds: dict[Path, str]
    others: dict[str, str]


def find(sources: Sequence[Path]) -> CorpusFiles:
    """Find all files in and below some folders; single files may stand among the folders. [disk]

    A title is a path in the folder; with several folders, in the deepest folder that holds them all.
    """
    sources = [source.absolute() for source in sources]
    title_of = _titles([source if source.is_dir() else source.parent for source in sources])
    decodes = ffmpeg() is not None
    sounds: dict[Path, str] = {}
    others: dict[str, str] = {}
    for source in sources:
        if not source.exists():
            raise WrongUse("no such corpus", where=str(source))
        there = [source] if source.is_file() else sorted(files_below(source))
        reasons = {path: why for path in there if (why := why_left_out(path, decodes))}
        if len(reasons) == len(there):
            why = next(
                (why for why in reasons.values() if INSTALL in why), f"looked for {', '.join(SUFFIXES)}"
            )
            raise WrongUse("no sound files", where=str(source), hint=why)
        others |= {title_of(path): why for path, why in reasons.items()}
        sounds |= {path: title_of(path) for path in there if path not in reasons}
    name = ", ".join(dict.fromkeys(source.name for source in sources))
    return CorpusFiles(to_text(name), sounds, others)


def why_left_out(path: Path, decodes: bool) -> str:
    """Return why a file is left out of a corpus; "" if it is not. decodes: ffmpeg is installed."""
    suffix = path.suffix.lower()
    if suffix in UNREADABLE and not path.name.startswith("."):
        return "" if decodes else f"{suffix} needs ffmpeg: {INSTALL}; or convert it to WAV or FLAC"
    return why_skipped(path)


def _titles(folders: Sequence[Path]) -> Callable[[Path], str]:
    """Return a function that makes the title of a file from its path."""
    try:
        root = Path(os.path.commonpath(folders))
    except ValueError:  # the folders are on several drives
        return lambda path: to_text(path.as_posix())
    return lambda path: to_text(path.relative_to(root).as_posix())
