"""Renders a take from its gesture log, with the same mixer, decoders and latents.

A take that was rendered offline is reproduced bit by bit. For a live take, decoders and limiter first replay
the seconds before the take, so that only rounding differs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from perform.core.arena import Arena
from perform.core.arena_layout import STEMS
from perform.core.errors import PerformError, WrongUse
from perform.library import places
from perform.offline.input_replay import InputReplay
from perform.offline.logged_take import LoggedTake, load
from perform.offline.take_models import take_models
from perform.offline.take_replay import MASTER, TakeReplay
from perform.recorder import take_index
from perform.recorder.markers import Marker
from perform.recorder.new_files import check_new, new_sound_file
from perform.recorder.take_names import track_path
from perform.recorder.wav_format import FORMATS


class ReplayOptions(NamedTuple):
    """How to render a take; None: as it was recorded. begin, end: in seconds of the take."""

    rate: int | None = None
    float32: bool | None = None
    stems: bool = False
    swap: Mapping[int, str] = {}  #: deck -> another model, by library name or path
    begin: float = 0.0
    end: float | None = None


def render(
    take: take_index.Take, out: Path, options: ReplayOptions, on_progress: Callable[[float], None]
) -> LoggedTake:
    """Render a take to a new WAV file; with `options.stems` also a file for each deck.

    on_progress : called with the seconds rendered so far
    PerformError if a model is missing, or if the log is damaged before `options.end`.
    """
    logged = load(take)
    rate = options.rate or logged.rate
    samples = logged.samples
    if options.float32 is not None:
        samples = "float32" if options.float32 else "pcm24"
    begin, end = _span(take, logged, options)
    stems = [stem for i, stem in enumerate(STEMS) if options.stems and logged.plays(i + 1)]
    tracks = [MASTER, *stems]
    model_for = take_models(logged, options.swap)  # raises for a missing model before any file is made
    check_new(out, (".wav",))
    scale = rate / logged.rate
    marks = [
        Marker(round((mark.frame - begin + logged.begin) * scale), mark.name)
        for mark in logged.marks
        if begin <= mark.frame + logged.begin <= end
    ]
    with tempfile.TemporaryDirectory(prefix="perform-", dir=places.memory()) as folder, ExitStack() as files:
        arena = Arena.create(Path(folder) / "arena")
        arena.set_meter("tracks/on", options.stems)
        player = TakeReplay(arena, logged, model_for, rate, InputReplay(take, logged, rate))
        wav_format, write = FORMATS[samples], {}
        for track in tracks:
            write[track] = files.enter_context(
                new_sound_file(track_path(out, track), rate, wav_format, marks)
            )
        for at, blocks in player.play(begin, end, tracks):
            for track in tracks:
                write[track](blocks[track])
            on_progress((at - begin) / logged.rate)
    return logged


def _span(take: take_index.Take, logged: LoggedTake, options: ReplayOptions) -> tuple[int, int]:
    """Return the first frame to render and the end; WrongUse if there is no frame between them."""
    begin = logged.begin + round(options.begin * logged.rate)
    end = logged.end
    if options.end is not None:
        end = min(end, logged.begin + round(options.end * logged.rate))
    if begin >= end:
        what = f"the take has no sound from {options.begin:g} s to {options.end or take.seconds:g} s"
        raise WrongUse(what, where=str(take.path), hint=f"it is {take.seconds:.1f} s long")
    if logged.damaged is not None and logged.damaged < end:
        known = max(0, (logged.damaged - logged.begin) // logged.rate)
        hint = f"--to {known} renders the sound before that" if known else "the WAV files are complete"
        raise PerformError(f"the gesture log is damaged after {known} s", where=str(take.path), hint=hint)
    return begin, end
