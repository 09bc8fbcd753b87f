"""Takes on disk: finding the files that belong together, and reading them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import soundfile

from perform.core.arena_layout import INPUT, PRE, STEMS
from perform.core.errors import PerformError, WrongUse
from perform.core.paths import expanded, native, to_text
from perform.core.ring_buffers import Audio
from perform.recorder import gesture_log, markers, wav_format, wav_repair
from perform.recorder.take_names import numbered_paths, part_name, track_path

BLOCK = 1 << 16  #: frames of one read

_TRACK = re.compile(rf"(.+)_({PRE}|{INPUT}|{'|'.join(STEMS)})")
_PART = re.compile(r"(.+)_part(\d+)(?:_\d+)?")


@dataclass(frozen=True)
class Take:
    """A take: the master files of its parts in order, and facts about them.

    tracks : "master", then the other tracks
    """

    files: tuple[Path, ...]
    rate: int
    samples: str
    frames: int
    tracks: tuple[str, ...]
    log: bool  #: every part has a gesture log
    marks: tuple[markers.Marker, ...]  #: from the take's first frame
    state: str  #: "whole", "unfinished" or "recording"

    @property
    def path(self) -> Path:
        """Its first file."""
        return self.files[0]

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / self.rate

    def all_files(self) -> list[Path]:
        """Return all existing files that belong to it."""
        there: list[Path] = []
        for master in self.files:
            suffixes = (gesture_log.SUFFIX, ".cue", ".txt")
            names = [
                *(track_path(master, t) for t in self.tracks),
                *(master.with_suffix(s) for s in suffixes),
            ]
            there += [path for path in names if path.exists()]
        return there


def takes(folders: Sequence[Path]) -> list[Take]:
    """[disk] Return all takes in these folders, oldest first. A part without its first part is a take too."""
    found: list[Take] = []
    listed: set[Path] = set()
    for path in sorted((path for folder in dict.fromkeys(folders) for path in _masters(folder)), key=_number):
        if path not in listed:
            with suppress(OSError, WrongUse):
                found.append(read(path, folders))
                listed.update(found[-1].files)
    return sorted(found, key=lambda take: take.path.name)


def find(name: str, folders: Sequence[Path]) -> Take:
    """[disk] Return a take by path of any of its files, or by name of the first one; "last": the newest."""
    path = expanded(name)
    if path.suffix and path.is_file():
        path = path.with_suffix(".wav")
        if not path.exists():
            raise WrongUse(
                "its sound is missing", where=str(path), hint="keep a log in the folder of its take"
            )
        return _around(_master(path), folders)
    there = takes(folders)
    if name == "last" and there:
        return max(there, key=lambda take: take.path.stat().st_mtime)
    wanted = to_text(path.stem)
    matches = [take for take in there if to_text(take.path.stem) == wanted]
    if not matches:
        hint = (
            f"the latest are {', '.join(take.path.stem for take in there[-5:])}" if there else "there is none"
        )
        raise WrongUse(f"no take is called {name[:120]!r}", hint=hint + " (`perform takes`)")
    return matches[0]


def read(path: Path, folders: Sequence[Path] = ()) -> Take:
    """[disk] Read the take that begins with this file; later parts lie beside it or in one of the folders.

    OSError, WrongUse: the file is not a take of perform.
    """
    files = tuple(parts(path, folders))
    found = [wav_repair.inspect(file) for file in files]
    marks, start = [], 0
    for file, what in zip(files, found, strict=True):
        there = _marks(file) if what.unfinished else wav_repair.read_markers(file)
        marks += [markers.Marker(start + m.frame, m.name) for m in there if m.frame <= what.held]
        start += what.held
    busy = any(wav_repair.is_being_written(file) for file in files)
    broken = any(file.unfinished for file in found)
    return Take(
        files=files,
        rate=found[0].rate,
        samples=next(name for name, form in wav_format.FORMATS.items() if form == found[0].form),
        frames=sum(file.held for file in found),
        tracks=("master", *(t for t in (PRE, INPUT, *STEMS) if track_path(path, t).exists())),
        log=all(file.with_suffix(gesture_log.SUFFIX).exists() for file in files),
        marks=tuple(marks),
        state="recording" if busy else "unfinished" if broken else "whole",
    )


def read_sound(take: Take, track: str = "master") -> Iterator[Audio]:
    """[disk] Yield blocks (n, 2) of a track, through all parts. PerformError: a file cannot be read."""
    for master in take.files:
        path = track_path(master, track)
        try:
            with soundfile.SoundFile(native(path)) as file:
                while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
                    yield block
        except soundfile.LibsndfileError as error:
            hint = "`perform takes verify` finds the problems of a take"
            raise PerformError("cannot be read", where=str(path), hint=hint) from error


def _marks(master: Path) -> list[markers.Marker]:
    """Return the markers of an unclosed file, from its gesture log."""
    with suppress(OSError, PerformError):
        return gesture_log.read(master.with_suffix(gesture_log.SUFFIX)).marks()
    return []


def _masters(folder: Path) -> list[Path]:
    """Return the master files of a folder."""
    with suppress(OSError):
        return [path for path in sorted(folder.glob("*.wav")) if _master(path) == path]
    return []


def _master(path: Path) -> Path:
    """Return the master of the part that a file belongs to."""
    match = _TRACK.fullmatch(path.stem)
    return master if match and (master := path.with_name(f"{match[1]}.wav")).exists() else path


def _number(path: Path) -> int:
    """Return the number of a part, from its file name."""
    match = _PART.fullmatch(path.stem)
    return int(match[2]) if match else 1


def parts(first: Path, folders: Sequence[Path]) -> list[Path]:
    """[disk] Return the master files of a take. After a full disk, a part may be in another folder."""
    found = [first]
    while after := _part(part_name(first.stem, len(found) + 1), [first.parent, *folders]):
        found.append(after)
    return found


def _part(stem: str, folders: Sequence[Path]) -> Path | None:
    """Return the longest file of this name: a recorder that failed may have left an empty one too."""
    there: list[tuple[int, Path]] = []
    for folder in folders:
        with suppress(OSError):  # the disk is gone
            for path in takewhile(Path.exists, numbered_paths(folder, stem)):
                with suppress(WrongUse):
                    there.append((wav_repair.inspect(path).held, path))
    return max(there, key=lambda one: one[0])[1] if there else None


def _around(master: Path, folders: Sequence[Path]) -> Take:
    """Return the take of a master, which begins in its folder, in another one, or with this file."""
    if match := _PART.fullmatch(master.stem):
        for folder in (master.parent, *folders):
            first = folder / f"{match[1]}.wav"
            with suppress(OSError, WrongUse):
                take = read(first, [master.parent, *folders])
                if any(file.samefile(master) for file in take.files):
                    return take
    return read(master, folders)
