"""Exporting a take: all parts as one WAV or FLAC, all files as a ZIP, a picture."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from perform.core.errors import PerformError
from perform.core.event_log import FRAMES, FrameEvent
from perform.core.paths import to_text
from perform.recorder import gesture_log, take_index
from perform.recorder.markers import clock
from perform.recorder.new_files import check_new, new_file, new_sound_file
from perform.recorder.wav_format import FORMATS

KINDS = (".wav", ".flac", ".zip")
WIDTH = 2000  #: points of the waveform in a picture
GAP_S = 0.5  #: a longer pause of a lane is drawn as a gap
TRACES = 8  #: latents of a lane in a picture


def export(take: take_index.Take, out: Path) -> None:
    """[disk] Write `.wav`: all parts in one, with markers; `.flac`: the same in 24 bits; `.zip`: all files.

    WrongUse and PerformError as `new_file`.
    """
    if out.suffix == ".zip":
        with new_file(out, KINDS) as part, zipfile.ZipFile(part, "x", zipfile.ZIP_STORED) as archive:
            for path in take.all_files():  # stored: sound does not compress well
                archive.write(path, to_text(path.name))
        return
    check_new(out, KINDS)
    with new_sound_file(out, take.rate, FORMATS[take.samples], take.marks) as write:
        for block in take_index.read_sound(take):
            write(block)


def plot(take: take_index.Take, out: Path) -> None:
    """[disk] Draw a PNG: the waveform with the markers, and below it the latents that each lane decoded."""
    check_new(out, (".png",))
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        hint = f"{sys.executable} -m pip install matplotlib"
        raise PerformError("pictures need matplotlib", hint=hint) from error
    lanes = traces(take)
    rows = 1 + len(lanes)
    figure = Figure(figsize=(16, 3 + 2 * len(lanes)), layout="constrained")
    axes: Any = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    low, high = envelope(take)
    seconds = np.arange(len(low)) * take.seconds / max(1, len(low))
    axes[0].fill_between(seconds, low, high, linewidth=0)
    axes[0].set(ylim=(-1, 1), ylabel="master", title=to_text(take.path.stem))
    for mark in take.marks:
        at = mark.frame / take.rate
        axes[0].axvline(at, color="black", linewidth=0.6)
        axes[0].annotate(mark.name, (at, 0.95), rotation=90, va="top", fontsize=7)
    for axis, (name, times, z) in zip(axes[1:], lanes, strict=True):
        axis.plot(times, z, linewidth=0.7)
        axis.set(ylabel=name)
    axes[-1].set(xlabel=f"seconds of {clock(take.seconds)}", xlim=(0, take.seconds))
    with new_file(out, (".png",)) as part:
        figure.savefig(part, dpi=100, format="png")


def envelope(take: take_index.Take) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the lowest and the highest sample of each of at most WIDTH stretches of the master."""
    step = max(1, -(-take.frames // WIDTH))
    low, high = np.zeros(-(-take.frames // step), np.float32), np.zeros(-(-take.frames // step), np.float32)
    at = 0
    for block in take_index.read_sound(take):
        index = (at + np.arange(len(block))) // step
        np.minimum.at(low, index, block.min(axis=1))
        np.maximum.at(high, index, block.max(axis=1))
        at += len(block)
    return low, high


def traces(take: take_index.Take) -> list[tuple[str, npt.NDArray[np.float64], npt.NDArray[np.float32]]]:
    """Return for each lane: its name "deck 2", times in seconds (n,), first latents (n, <= TRACES)."""
    lanes: dict[int, list[tuple[float, npt.NDArray[np.float32]]]] = {}
    for file in take.files:
        try:
            log = gesture_log.read(file.with_suffix(gesture_log.SUFFIX))
        except (OSError, PerformError):
            continue
        for record in log.records:
            if record.kind in FRAMES and record.at >= log.header.position:
                seconds = (record.at - log.header.began) / take.rate
                lanes.setdefault(record.who, []).append(
                    (seconds, FrameEvent.unpack(record.payload, record.kind).z[:TRACES])
                )
    drawn = []
    for who, frames in sorted(lanes.items()):
        width = max(len(z) for _, z in frames)
        z = np.full((len(frames), width), np.nan, np.float32)
        for i, (_, row) in enumerate(frames):
            z[i, : len(row)] = row
        times = np.array([t for t, _ in frames])
        gaps = np.flatnonzero(np.diff(times) > GAP_S) + 1  # draw nothing where nothing was decoded
        times, z = np.insert(times, gaps, times[gaps]), np.insert(z, gaps, np.nan, axis=0)
        drawn.append((f"deck {who // 2 + 1}", times, z))
    return drawn
