"""Checking and repairing takes. [disk]"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from perform.core.errors import PerformError, WrongUse
from perform.recorder import gesture_log, take_part, wav_repair
from perform.recorder.take_index import Take
from perform.recorder.take_names import track_path


def verify(take: Take) -> list[str]:
    """Return the problems of a take, one line each."""
    problems = []
    expected: int | None = None  # frame of the history at which the next part must begin
    for master in take.files:
        lengths: dict[str, int] = {}
        for track in take.tracks:
            problems += _verify_track(track_path(master, track), lengths, take.state == "recording")
        if len(set(lengths.values())) > 1 and take.state != "recording":
            problems.append(f"its tracks differ in length: {lengths}")
        try:
            log = gesture_log.read(master.with_suffix(gesture_log.SUFFIX))
        except (OSError, PerformError) as error:
            problems.append(f"gesture log: {error}")
            continue
        if log.torn:
            problems.append(f"{master.stem}{gesture_log.SUFFIX}: the last {log.torn} bytes are unfinished")
        if log.damaged:
            problems.append(f"{master.stem}{gesture_log.SUFFIX}: damaged, {log.damaged} bytes are lost")
        if expected is None and log.header.part > 1:
            problems.append(f"{master.name}: the parts before this one are in no folder of takes")
        if expected not in (None, log.header.position):
            gap = log.header.position - (expected or 0)
            problems.append(f"{master.name}: begins {gap} frames after the last part")
        expected = log.header.position + lengths.get(master.name, 0)
    return problems


def _verify_track(path: Path, lengths: dict[str, int], recording: bool) -> list[str]:
    """Return the problems of one file, and enter its length in `lengths`."""
    problems = []
    try:
        found = wav_repair.inspect(path)
    except (OSError, WrongUse) as error:
        return [f"{path.name}: {error}"]
    lengths[path.name] = found.held
    if found.missing:
        problems.append(f"{path.name}: {found.missing} bytes of markers are missing")
    if found.held < found.claimed:
        problems.append(f"{path.name}: {found.claimed - found.held} frames are missing")
    if found.unfinished and not recording:
        problems.append(f"{path.name}: unfinished; mend it with `perform takes repair`")
    return problems


def repair(take: Take) -> list[tuple[Path, int]]:
    """Repair an unfinished take; return each repaired file and its frames."""
    if take.state == "recording":
        raise WrongUse("is being recorded", where=str(take.path), hint="end the take first")
    repaired = []
    for master in take.files:
        for track in take.tracks:
            path = track_path(master, track)
            if path.exists() and wav_repair.inspect(path).unfinished:
                repaired.append((path, take_part.repair(path)))
        with suppress(OSError, PerformError):
            gesture_log.repair(master.with_suffix(gesture_log.SUFFIX))
    return repaired
