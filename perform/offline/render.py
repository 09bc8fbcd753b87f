"""A set to sound without a clock: the same voices and the same mixer as on stage, pulled as fast as they go.

Two renders of one set with one seed are the same bits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from perform.audio.mixer import Mixer
from perform.core import params
from perform.core.arena import LANE, Arena, lanes_of
from perform.core.errors import PerformError
from perform.core.messages import AnyReport, DeckAssignment, FileAssignment, TakeFailed
from perform.core.ring_buffers import Audio
from perform.foreign.opening import open_model, prepare
from perform.library import places, sets
from perform.library.cards import trim_db
from perform.library.sets import Song
from perform.recorder.gesture_log import RecentEvents, mark_record, new_header
from perform.recorder.new_files import check_new, writing
from perform.recorder.take_names import take_name
from perform.recorder.take_writer import TakePlan, TakeWriter, read_track
from perform.stage.loops import Loops
from perform.voice.assignments import Assignments
from perform.voice.frame_writer import FrameWriter, check_room
from perform.voice.lane_context import LaneContext
from perform.voice.voice import Voice
from perform.voice.voice import render as frame

BLOCK = 256  #: frames between two looks at the table
SAFE_S = 2.0  #: seconds of sound between two syncs of a take


class TakeOutput(NamedTuple):
    """A take instead of a file: the folder it goes to, and what it holds beside the master."""

    folder: Path
    tracks: tuple[str, ...]
    samples: str


def render(
    name: str,
    out: Path | TakeOutput,
    seconds: float,
    *,
    seed: int | None,
    rate: int,
    on_progress: Callable[[float], None],
) -> Path:
    """Render the first song of a set to a 24-bit WAV, or as a take with its gesture log; never overwrites.

    Its loops play as they do on stage.

    seconds : length of the file; seed: added to every deck's own; on_progress: is told seconds done
    """
    song = sets.load_set(name).songs[0]
    if isinstance(out, Path):
        check_new(out, (".wav",))
    with tempfile.TemporaryDirectory(prefix="perform-", dir=places.memory()) as folder:
        arena = Arena.create(Path(folder) / "arena")
        arena.show("rate", rate)
        arena.show("block", BLOCK)
        sets.apply(song, arena.table)
        voices = {
            deck: _Voice(arena, song, deck, sets.model_file(model), seed, rate)
            for deck, model in song.models.items()
        }
        seats = {deck: voice.seat(song) for deck, voice in voices.items()}
        for deck, voice in voices.items():
            voice.desk.tell(seats, {deck}, voice.files(song))
        if isinstance(out, TakeOutput):
            arena.show("tracks/on", len(out.tracks) > 1)
        loops = Loops(arena.table)
        loops.use(song.loops, 0.0)
        mixer = Mixer(arena, rate, opening=(1.0, 1.0))
        begin = mixer.delay  # what the limiter holds back: the file begins with the song
        end = begin + round(seconds * rate)
        block = np.zeros((BLOCK, 2), np.float32)
        with ExitStack() as files:
            sink: _File | _Take
            if isinstance(out, Path):
                sink = _File(out, files.enter_context(writing(out, rate)), begin)
            else:
                sink = files.enter_context(closing(_Take(out, arena, name, song.name, begin)))
            while arena.tape.written < end:
                loops.tick(arena.tape.written / rate)
                for voice in voices.values():
                    voice.fill(BLOCK)
                mixer.fill(block)
                sink.go_on(arena, min(arena.tape.written, end))
                on_progress(max(0, min(arena.tape.written, end) - begin) / rate)
        return sink.path


def _refuse(words: str) -> None:
    raise PerformError(words)


class _Voice:
    """A deck's voice, its lane opened as the stage opens it."""

    def __init__(self, arena: Arena, song: Song, deck: int, model: Path, seed: int | None, rate: int) -> None:
        lane = lanes_of(deck)[0]
        self._host = host = open_model(model, separate_process=True)
        check_room(arena, host.card, rate)
        self._deck, self._model, self._row = deck, prepare(model), arena.lanes[lane]
        self.desk = Assignments(host, _refuse, wait=True)
        row = self._row
        row[LANE["live"]] = row[LANE["gate"]] = 1
        row[LANE["trim"]] = trim_db(host.card)
        if seed is not None:
            own = params.slot(f"deck/{deck}/seed")
            arena.table[own] = (arena.table[own] + seed) % 2**31
        self._table, self._ring = arena.table, arena.rings[lane]
        self._place = LaneContext(arena, lane, self.desk)
        self._voice = Voice(host, deck, rate, arena.table, self._place)
        self._voice.settings.hear(song.words_of(deck))
        self._out = FrameWriter(arena, lane, deck, host, self._voice, rate)

    def seat(self, song: sets.Song) -> DeckAssignment:
        """What the others' desks know of it; PerformError where a file of the song is not here."""
        matrix = song.matrices.get(str(self._deck))
        found = str(sets.material(matrix)) if matrix else ""
        return DeckAssignment(str(self._model), self._host.sha256, found)

    def files(self, song: sets.Song) -> dict[int, FileAssignment]:
        """The sound file it plays, if there is one; PerformError where it is not here."""
        name = song.files.get(str(self._deck))
        if not name:
            return {}
        self._row[LANE["file"]] = self._deck
        return {self._deck: FileAssignment(str(sets.material(name)), self._deck)}

    def fill(self, frames: int) -> None:
        """Have so many frames in the ring; PerformError where the module refuses an attribute of the song."""
        while self._ring.fill < frames:
            self._voice.attend(self._table)
            if ear := self._voice.ear:
                ear.follow(self._place.sounds(), BLOCK, BLOCK / 2)
            audio = frame(self._host, [self._voice], [self._table])[0]
            for refused in self._voice.settings.refused:
                raise PerformError(refused.error, where=self._host.card.name, hint="change it in the song")
            self._out.write(audio, self._table)


class _File:
    """The master in a file."""

    def __init__(self, path: Path, write: Callable[[Audio], None], begin: int) -> None:
        self.path, self._write, self._at = path, write, begin

    def go_on(self, arena: Arena, end: int) -> None:
        """Write up to a frame of the tape."""
        if end > self._at:
            self._write(read_track(arena.tape, self._at, end - self._at)[0])
            self._at = end


class _Take:
    """All that a recorder would have made of it."""

    def __init__(self, out: TakeOutput, arena: Arena, set_name: str, song: str, begin: int) -> None:
        self._end = self._safe = begin
        self._step = round(SAFE_S * arena.meter("rate"))
        history = RecentEvents(arena, 0.0)
        name = take_name(Path(set_name).stem, datetime.now())
        tracks = {track: arena.tracks[track] for track in out.tracks}
        header = new_header(arena, Path(set_name).stem, list(tracks), out.samples)
        self._take = TakeWriter(
            TakePlan(tracks, [out.folder], name, header), history, self._report, position=begin
        )
        history.mark(mark_record(begin, song, "song"))
        self._take.mark(begin, song)

    @property
    def path(self) -> Path:
        """Its first file."""
        assert self._take.first
        return self._take.first

    def _report(self, report: AnyReport) -> None:
        if isinstance(report, TakeFailed):
            raise PerformError(report.error, where=report.path)

    def go_on(self, arena: Arena, end: int) -> None:
        """Write up to a frame of the tape, and the log beside it before a journal is full."""
        self._end = end
        if end - self._safe >= self._step:
            self._take.advance(end, sync=True)
            self._safe = end

    def close(self) -> None:
        """The take is whole."""
        self._take.close(self._end)
