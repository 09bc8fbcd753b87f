"""The takes there are: which files belong together, what is in them, whether they are whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import soundfile

from perform.core.arena_layout import INPUT, PRE, STEMS
from perform.core.errors import PerformError, WrongUse
from perform.core.ring_buffers import Audio
from perform.recorder import gesture_log, markers, take_part, wav_format, wav_repair
from perform.recorder.take_names import beside, part_name, paths

BLOCK = 1 << 16  #: frames read at once

_TRACK = re.compile(rf"(.+)_({PRE}|{INPUT}|{'|'.join(STEMS)})")
_PART = re.compile(r"(.+)_part(\d+)(?:_\d+)?")


@dataclass(frozen=True)
class Take:
    """A take: the masters of its parts, in order, and what they say.

    tracks : "master", then what lies beside it; problems : what `verify` found, a line each
    """

    files: tuple[Path, ...]
    rate: int
    samples: str
    frames: int
    tracks: tuple[str, ...]
    log: bool  #: every part has its gesture log
    marks: tuple[markers.Marker, ...]  #: from the take's first frame
    state: str  #: "whole", "unfinished" or "recording"
    problems: tuple[str, ...] = field(default=())

    @property
    def path(self) -> Path:
        """Its first file."""
        return self.files[0]

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / self.rate

    def all_files(self) -> list[Path]:
        """Everything that belongs to it and is there."""
        there: list[Path] = []
        for master in self.files:
            suffixes = (gesture_log.SUFFIX, ".cue", ".txt")
            names = [*(beside(master, t) for t in self.tracks), *(master.with_suffix(s) for s in suffixes)]
            there += [path for path in names if path.exists()]
        return there


def takes(folders: Sequence[Path]) -> list[Take]:
    """[disk] All takes in these folders, the oldest first; a later part that none lists is one of its own."""
    found: list[Take] = []
    listed: set[Path] = set()
    for path in sorted((path for folder in dict.fromkeys(folders) for path in _masters(folder)), key=_number):
        if path not in listed:
            with suppress(OSError, WrongUse):
                found.append(look(path, folders))
                listed.update(found[-1].files)
    return sorted(found, key=lambda take: take.path.name)


def find(name: str, folders: Sequence[Path]) -> Take:
    """[disk] A take by path (of any of its files) or by the name of its first; "last" is the youngest."""
    path = Path(name).expanduser()
    if path.suffix and path.is_file():
        path = path.with_suffix(".wav")
        if not path.exists():
            raise WrongUse("its sound is not there", where=str(path), hint="a log and its take lie together")
        return _around(_master(path), folders)
    there = takes(folders)
    if name == "last" and there:
        return max(there, key=lambda take: take.path.stat().st_mtime)
    matches = [take for take in there if take.path.stem == path.stem]
    if not matches:
        hint = f"there are: {', '.join(take.path.stem for take in there[-5:])}" if there else "there is none"
        raise WrongUse(f"no take is called {name[:120]!r}", hint=hint + " (`perform takes`)")
    return matches[0]


def look(path: Path, folders: Sequence[Path] = ()) -> Take:
    """[disk] The take that begins with this file, its later parts beside it or in one of the folders.

    OSError, WrongUse where it is none of ours.
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
        tracks=("master", *(t for t in (PRE, INPUT, *STEMS) if beside(path, t).exists())),
        log=all(file.with_suffix(gesture_log.SUFFIX).exists() for file in files),
        marks=tuple(marks),
        state="recording" if busy else "unfinished" if broken else "whole",
    )


def verify(take: Take) -> list[str]:
    """[disk] What is wrong with a take, a line each."""
    problems = []
    after = -1
    for master in take.files:
        lengths = {}
        for track in take.tracks:
            path = beside(master, track)
            try:
                found = wav_repair.inspect(path)
                lengths[path.name] = found.held
                problems += [f"{path.name}: {found.missing} bytes of markers are missing"] * (
                    found.missing > 0
                )
                if found.held < found.claimed:
                    problems.append(f"{path.name}: {found.claimed - found.held} frames are missing")
                if found.unfinished and take.state != "recording":
                    problems.append(f"{path.name}: unfinished, `perform takes repair` makes it whole")
            except (OSError, WrongUse) as error:
                problems.append(f"{path.name}: {error}")
        if len(set(lengths.values())) > 1 and take.state != "recording":
            problems.append(f"its tracks are not of one length: {lengths}")
        try:
            log = gesture_log.read(master.with_suffix(gesture_log.SUFFIX))
        except (OSError, PerformError) as error:
            problems.append(f"gesture log: {error}")
            continue
        if log.torn:
            problems.append(f"{master.stem}{gesture_log.SUFFIX}: {log.torn} bytes of an unfinished end")
        if log.damaged:
            problems.append(f"{master.stem}{gesture_log.SUFFIX}: damaged, {log.damaged} bytes are lost")
        if after == -1 and log.header.part > 1:
            problems.append(f"{master.name}: what came before this part is in no folder of takes")
        if after not in (-1, log.header.position):
            problems.append(f"{master.name}: begins {log.header.position - after} frames after the last part")
        after = log.header.position + lengths.get(master.name, 0)
    return problems


def repair(take: Take) -> list[tuple[Path, int]]:
    """[disk] Make an unfinished take whole -> each file that was not, and its frames now."""
    if take.state == "recording":
        raise WrongUse("is being recorded", where=str(take.path), hint="end the take first")
    mended = []
    for master in take.files:
        for track in take.tracks:
            path = beside(master, track)
            if path.exists() and wav_repair.inspect(path).unfinished:
                mended.append((path, take_part.repair(path)))
        with suppress(OSError, PerformError):
            gesture_log.repair(master.with_suffix(gesture_log.SUFFIX))
    return mended


def sound(take: Take, track: str = "master") -> Iterator[Audio]:
    """[disk] All parts of a track, a block (n, 2) at a time; PerformError where one cannot be read."""
    for master in take.files:
        path = beside(master, track)
        try:
            with soundfile.SoundFile(path) as file:
                while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
                    yield block
        except soundfile.LibsndfileError as error:
            hint = "`perform takes verify` says what is wrong with a take"
            raise PerformError("cannot be read", where=str(path), hint=hint) from error


def _marks(master: Path) -> list[markers.Marker]:
    """The markers of a file that was not closed, from its log."""
    with suppress(OSError, PerformError):
        return gesture_log.read(master.with_suffix(gesture_log.SUFFIX)).marks()
    return []


def _masters(folder: Path) -> list[Path]:
    """The files of a folder that are no other's track."""
    with suppress(OSError):
        return [path for path in sorted(folder.glob("*.wav")) if _master(path) == path]
    return []


def _master(path: Path) -> Path:
    """The master that a file is a track of, or itself."""
    match = _TRACK.fullmatch(path.stem)
    return master if match and (master := path.with_name(f"{match[1]}.wav")).exists() else path


def _number(path: Path) -> int:
    """Which part of a take a master is, by its name."""
    match = _PART.fullmatch(path.stem)
    return int(match[2]) if match else 1


def parts(first: Path, folders: Sequence[Path]) -> list[Path]:
    """[disk] The masters of a take: it goes on in another folder where a disk is full, and may come back."""
    found = [first]
    while after := _part(part_name(first.stem, len(found) + 1), [first.parent, *folders]):
        found.append(after)
    return found


def _part(stem: str, folders: Sequence[Path]) -> Path | None:
    """The longest file of this name: one that a recorder left as it opened it may lie there too, empty."""
    there: list[tuple[int, Path]] = []
    for folder in folders:
        with suppress(OSError):  # a disk that is gone
            for path in takewhile(Path.exists, paths(folder, stem)):
                with suppress(WrongUse):
                    there.append((wav_repair.inspect(path).held, path))
    return max(there, key=lambda one: one[0])[1] if there else None


def _around(master: Path, folders: Sequence[Path]) -> Take:
    """The take that a master belongs to: it begins in the same folder or in another, or with this file."""
    if match := _PART.fullmatch(master.stem):
        for folder in (master.parent, *folders):
            first = folder / f"{match[1]}.wav"
            with suppress(OSError, WrongUse):
                take = look(first, [master.parent, *folders])
                if any(file.samefile(master) for file in take.files):
                    return take
    return look(master, folders)
