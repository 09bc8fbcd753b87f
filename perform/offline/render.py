"""Renders a set offline with the stage's voices and mixer, as fast as the machine can.

The same set with the same seed gives the same bits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from perform.audio.mixer import Mixer
from perform.core.arena import Arena
from perform.core.frame_time import FrameTime
from perform.library import places, sets
from perform.library.song_files import model_file
from perform.offline.deck_render import DeckRender
from perform.offline.insert_render import InsertRender
from perform.offline.look_ahead import decks_ahead
from perform.offline.outputs import MasterFile, RenderedTake, TakeOutput
from perform.recorder.new_files import check_new, new_sound_file
from perform.stage.beat_keeper import BeatKeeper
from perform.stage.examples import Examples
from perform.stage.loops import Loops
from perform.stage.modulation_writer import ModulationWriter
from perform.stage.song_values import opening_values

BLOCK = 256  #: frames of a block; parameters change between blocks
LONG_BLOCK = 1024  #: where nothing changes; mixed as four blocks would be


def render(
    name: str,
    out: Path | TakeOutput,
    seconds: float,
    *,
    seed: int | None,
    rate: int,
    on_progress: Callable[[float], None],
) -> Path:
    """Render the first song of a set, with its loops, and return the path of the new file.

    out         : a new file (24-bit WAV), or a take with its gesture log; no file is overwritten
    seconds     : length of the sound
    seed        : added to each deck's seed
    on_progress : called with the seconds rendered so far
    """
    opened = sets.load_set(name)
    song = opened.songs[0]
    if isinstance(out, Path):
        check_new(out, (".wav",))
    with tempfile.TemporaryDirectory(prefix="perform-", dir=places.memory()) as folder:
        arena = Arena.create(Path(folder) / "arena")
        arena.set_meter("rate", rate)
        arena.set_meter("block", BLOCK)
        arena.set_meter("burst", BLOCK)
        arena.table[:] = opening_values(song, arena.table, opened.tempo)
        is_take = isinstance(out, TakeOutput)
        decks = {
            deck: DeckRender(arena, song, deck, model_file(model, scan=True), seed, rate, logged=is_take)
            for deck, model in song.models.items()
        }
        assignments = {number: deck.assignment(song) for number, deck in decks.items()}
        for number, deck in decks.items():
            deck.assignments.update(assignments, {number}, deck.files(song))
        inserts = [
            InsertRender(arena, song, insert, model_file(module, scan=True), rate, logged=is_take)
            for insert, module in song.modules.items()
        ]
        if isinstance(out, TakeOutput):
            arena.set_meter("tracks/on", len(out.tracks) > 1)
        loops, beats = Loops(arena.table, FrameTime(arena).beat_at), BeatKeeper(arena)
        modulation = ModulationWriter(arena)
        modulation.write(song.modulation)
        loops.replace(song.loops, 0.0)
        examples = Examples(arena.table, lambda deck: decks[deck].latent_range if deck in decks else ([], []))
        examples.use(song.examples)
        ahead = decks_ahead(song, arena)
        mixer = Mixer(arena, rate, opening=(1.0, 1.0), block=BLOCK)
        begin = mixer.delay  # skip the limiter's delay, so that the file begins with the song
        end = begin + round(seconds * rate)
        block = np.zeros((LONG_BLOCK, 2), np.float32)
        with ExitStack() as files:
            output: MasterFile | RenderedTake
            if isinstance(out, Path):
                output = MasterFile(out, files.enter_context(new_sound_file(out, rate)), begin)
            else:
                output = files.enter_context(closing(RenderedTake(out, arena, name, song.name, begin)))
            while arena.history.written < end:
                loops.tick(arena.history.written / rate)
                beats.tick()
                modulation.tick()
                examples.tick(loops.slots)
                n = LONG_BLOCK if len(ahead) == len(decks) and mixer.rests else BLOCK
                for number, deck in decks.items():
                    deck.fill(n, ahead=number in ahead)
                for insert in inserts:
                    insert.fill()
                mixer.fill(block[:n])
                output.advance(arena, min(arena.history.written, end))
                on_progress(max(0, min(arena.history.written, end) - begin) / rate)
        return output.path
