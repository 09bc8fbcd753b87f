"""A set to sound without a clock: the same voices and the same mixer as on stage, pulled as fast as they go.

Two renders of one set with one seed are the same bits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from perform import params, session
from perform.audio.mixer import Mixer
from perform.errors import WrongUse
from perform.hosts.compiled import CompiledHost
from perform.hosts.voice import Voice
from perform.library.cards import find_model, trim_db
from perform.recorder.wav import Writer
from perform.shared import DECK_METER, LIVE, Arena

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
            int(deck): _voice(arena, int(deck), model, seed, rate) for deck, model in song.decks.items()
        }
        mixer = Mixer(arena, rate, opening=(1.0, 1.0))
        _pull(arena, voices, mixer, mixer.delay)  # what the limiter holds back: the file begins with the song
        frames = round(seconds * rate)
        with closing(Writer(out, rate)) as wav:
            for at in range(0, frames, BLOCK):
                wav.write(_pull(arena, voices, mixer, min(BLOCK, frames - at)))
                on_progress(min(at + BLOCK, frames) / rate)


def _voice(arena: Arena, deck: int, model: str, seed: int | None, rate: int) -> Voice:
    """A deck's voice, its strip opened as the stage opens it."""
    host = CompiledHost(find_model(model))
    meters = arena.deck_meters(deck)
    meters[DECK_METER["state"]] = LIVE
    meters[DECK_METER["gate"]] = 1
    meters[DECK_METER["trim"]] = trim_db(host.card)
    if seed is not None:
        own = params.slot(f"deck/{deck}/seed")
        arena.table[own] = (arena.table[own] + seed) % 2**31
    return Voice(host, deck, rate, arena.table)


def _pull(arena: Arena, voices: dict[int, Voice], mixer: Mixer, frames: int) -> np.ndarray:
    for deck, voice in voices.items():
        while arena.rings[deck].fill < frames:
            arena.rings[deck].write(voice.render(arena.table))
    out = np.zeros((frames, 2), np.float32)
    mixer.fill(out)
    return out
