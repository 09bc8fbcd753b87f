"""A set to sound without a clock: the same voices and the same mixer as on stage, pulled as fast as they go.

Two renders of one set with one seed are the same bits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perform import params, session
from perform.audio.mixer import Mixer
from perform.errors import WrongUse
from perform.hosts.compiled import CompiledHost
from perform.hosts.host import Host
from perform.hosts.voice import Voice
from perform.hosts.voice import render as frame
from perform.library.cards import find_model, trim_db
from perform.recorder.wav import Writer
from perform.shared import LANE, Arena, lanes_of

BLOCK = 256  #: frames between two looks at the table


def render(
    name: str, out: Path, seconds: float, *, seed: int | None, rate: int, on_progress: Callable[[float], None]
) -> None:
    """Render the first song of a set to a 24-bit WAV; never overwrites.

    seconds : length of the file; seed: added to every deck's own; on_progress: is told seconds done
    """
    song = session.load_set(name).songs[0]
    if not out.parent.is_dir():
        raise WrongUse("no such folder", where=str(out.parent), hint="make it, or name a file elsewhere")
    if out.exists():
        raise WrongUse("is there already", where=str(out), hint="nothing is overwritten: name another file")
    with tempfile.TemporaryDirectory(prefix="perform-") as folder:
        arena = Arena.create(Path(folder) / "arena")
        session.apply(song, arena.table)
        voices = {
            deck: _voice(arena, deck, find_model(model.name), seed, rate)
            for deck, model in song.models.items()
        }
        mixer = Mixer(arena, rate, opening=(1.0, 1.0))
        _pull(arena, voices, mixer, mixer.delay)  # what the limiter holds back: the file begins with the song
        frames = round(seconds * rate)
        with closing(Writer(out, rate)) as wav:
            for at in range(0, frames, BLOCK):
                wav.write(_pull(arena, voices, mixer, min(BLOCK, frames - at)))
                on_progress(min(at + BLOCK, frames) / rate)


def _voice(arena: Arena, deck: int, model: Path, seed: int | None, rate: int) -> tuple[Host, Voice]:
    """A deck's voice, its lane opened as the stage opens it."""
    host = CompiledHost(model)
    lane = arena.lanes[lanes_of(deck)[0]]
    lane[LANE["live"]] = lane[LANE["gate"]] = 1
    lane[LANE["trim"]] = trim_db(host.card)
    if seed is not None:
        own = params.slot(f"deck/{deck}/seed")
        arena.table[own] = (arena.table[own] + seed) % 2**31
    return host, Voice(host, deck, rate, arena.table)


def _pull(
    arena: Arena, voices: dict[int, tuple[Host, Voice]], mixer: Mixer, frames: int
) -> npt.NDArray[np.float32]:
    for deck, (host, voice) in voices.items():
        ring = arena.rings[lanes_of(deck)[0]]
        while ring.fill < frames:
            ring.write(frame(host, [voice], [arena.table])[0])
    out = np.zeros((frames, 2), np.float32)
    mixer.fill(out)
    return out
