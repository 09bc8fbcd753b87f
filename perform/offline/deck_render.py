"""One deck of an offline render: its voice renders into its lane whenever the mixer needs a block.

Where nothing changes before they sound, many frames are shaped one by one and decoded in one call.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, METER_SLOTS, NOW, lanes_of
from perform.core.errors import PerformError
from perform.core.messages.host_messages import DeckAssignment, FileAssignment
from perform.core.params import Table
from perform.core.ring_buffers import Audio
from perform.core.table_reader import TableReader
from perform.engine.many_frames import decode_frames, frames_per_call
from perform.foreign.opening import open_model, prepare
from perform.library.cards import corpus_range, trim_db
from perform.library.deck_file_names import find_deck_file
from perform.library.song import Song
from perform.voice.assignments import Assignments
from perform.voice.frame_writer import FrameWriter, check_room
from perform.voice.lane_context import LaneContext
from perform.voice.lane_modulation import LaneModulation
from perform.voice.voice import Voice, render_applied

RESAMPLER_FRAMES = 64  #: by which a resampled frame may be longer than others


class DeckRender:
    """A song's model on a deck, with an open lane, as on stage.

    seed   : added to the deck's seed; None adds nothing
    logged : write the event log, for a take
    """

    def __init__(
        self, arena: Arena, song: Song, deck: int, path: Path, seed: int | None, rate: int, *, logged: bool
    ) -> None:
        lane, self._rate = lanes_of(deck)[0], rate
        self._model = model = open_model(path, separate_process=True)
        check_room(arena, model.card, rate)
        self._deck, self._path, self._row = deck, prepare(path), arena.lanes[lane]
        self._block = int(arena.meters[METER_SLOTS["block"]])
        self.assignments = Assignments(model, _raise, wait=True)
        row = self._row
        row[LANE["live"]] = row[LANE["gate"]] = 1
        calibrated = bool(arena.table[params.slot(f"deck/{deck}/calibrated")])
        row[LANE["trim"]] = trim_db(model.card, calibrated=calibrated)
        if seed is not None:
            slot = params.slot(f"deck/{deck}/seed")
            arena.table[slot] = (arena.table[slot] + seed) % 2**31
        self._reader, self._ring = TableReader(arena), arena.rings[lane]
        self._modulation = LaneModulation(arena, params.slots(deck), NOW)
        self._context = LaneContext(arena, lane, self.assignments)
        self._voice = Voice(model, deck, rate, arena.table, self._context)
        self.assignments.read_sounds(song.deck_texts(deck))
        self._voice.settings.sounds = self.assignments.sounds
        self._voice.settings.set_texts(song.deck_texts(deck))
        self._out = FrameWriter(arena, lane, model, self._voice, rate) if logged else None

    @property
    def latent_range(self) -> tuple[list[float], list[float]]:
        """5th and 95th percentile of each latent in the corpus, as biases."""
        return corpus_range(self._model.card, home=self._voice.home.part == 1.0)

    def assignment(self, song: Song) -> DeckAssignment:
        """Return this deck's assignment for the other decks; PerformError if its matrix is missing."""
        matrix = song.matrices.get(str(self._deck))
        found = str(find_deck_file(matrix)) if matrix else ""
        return DeckAssignment(str(self._path), self._model.sha256, found)

    def files(self, song: Song) -> dict[int, FileAssignment]:
        """Return the deck's sound file, if it has one; PerformError if the file is missing."""
        name = song.files.get(str(self._deck))
        if not name:
            return {}
        self._row[LANE["file"]] = self._deck
        return {self._deck: FileAssignment(str(find_deck_file(name)), self._deck)}

    def fill(self, frames: int, *, ahead: bool = False) -> None:
        """Render until the ring buffer holds this many frames of sound.

        ahead : render more, as `look_ahead.decks_ahead` allows
        PerformError if the module refuses a value of the song.
        """
        self._reader.update()
        self._modulation.read(self._reader, NOW)
        while self._ring.fill < frames:
            count = self._frames_ahead() if ahead else 1
            if count == 1:
                self._render_frame()
            else:
                self._render_frames(count)

    def _render_frame(self) -> None:
        table = self._modulation.evaluate(self._context.next_sounds_at())
        self._apply(table)
        if encoder_input := self._voice.encoder_input:
            encoder_input.follow(self._context.next_sounds_at(), self._block, self._block / 2)
        self._write(render_applied(self._model, [self._voice], [table])[0], table)

    def _frames_ahead(self) -> int:
        """Return how many frames to render at once: as many as the model takes, and the ring buffer."""
        card, base = self._model.card, self._modulation.base
        if self._voice.has_chord(base):
            return 1  # its voices are the frames of one call
        ratio = params.tuning_ratio(base, self._deck)  # `voice.ratio` is of the frame before
        if len(self._modulation.slots) and (ratio != 1.0 or card.sample_rate != self._rate):
            return 1  # only the resampler knows when each frame will sound
        longest = card.ratio / card.sample_rate / ratio * self._rate + RESAMPLER_FRAMES
        room = int((self._ring.capacity - self._ring.fill) / longest)
        return max(1, min(frames_per_call(self._model), room))

    def _render_frames(self, count: int) -> None:
        voice, at, shaped = self._voice, self._context.next_sounds_at(), []
        applied: Table | None = None
        for i in range(count):
            table = self._modulation.evaluate(at + i * self._model.card.ratio)
            if table is not applied:
                self._apply(table)
                applied = table
            z, noise = voice.next_latents(table)
            shaped.append((table, z, noise, voice.age, voice.file_mix))
        tables, *arrays, ages, mixes = zip(*shaped, strict=True)
        z, noise = (np.array(part) for part in arrays)  # (count, latents), (count, noise)
        decoded = decode_frames(self._model, voice.stream, z, noise)
        for table, one, age, mix, y in zip(tables, z, ages, mixes, decoded, strict=True):
            voice.z, voice.age, voice.file_mix = one, age, mix  # of the frame that is written now
            self._write(voice.resample(y), table)

    def _apply(self, table: Table) -> None:
        self._voice.apply(table)
        for refused in self._voice.settings.refused:
            raise PerformError(refused.error, where=self._model.card.name, hint="change it in the song")

    def _write(self, audio: Audio, table: Table) -> None:
        if self._out:
            self._out.write(audio, table, self._modulation.slots, self._modulation.base)
        else:
            self._ring.write(audio)


def _raise(line: str) -> None:
    raise PerformError(line)
