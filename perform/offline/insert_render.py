"""One insert of an offline render: its module processes the sound that the mixer gave it before."""

from __future__ import annotations

from pathlib import Path

from perform.core.arena import Arena
from perform.core.arena_layout import LANE, METER_SLOTS, insert_lane
from perform.core.errors import PerformError, WrongUse
from perform.core.insert_delay import check_insert_delay, insert_delay
from perform.core.table_reader import TableReader
from perform.engine.resampling import resampling_both_ways
from perform.foreign.opening import open_model
from perform.library.song import Song
from perform.voice.assignments import Assignments
from perform.voice.frame_writer import check_room
from perform.voice.insert_lane import InsertLane


class InsertRender:
    """A song's effect module behind a deck (N) or the master (0), with an open lane, as on stage.

    logged : write the event log, for a take
    """

    def __init__(self, arena: Arena, song: Song, insert: int, path: Path, rate: int, *, logged: bool) -> None:
        """PerformError, WrongUse: the module cannot be an insert."""
        self._model = model = open_model(path, separate_process=True)
        card = model.card
        if not model.takes_sound:
            raise WrongUse("takes no sound", where=card.name, hint="an insert is an effect module")
        check_room(arena, card, rate)
        frame_s = card.ratio / card.sample_rate
        resampling_s, shift_s = resampling_both_ways(card.sample_rate, rate)
        delay_s = insert_delay(frame_s, resampling_s, arena.meters[METER_SLOTS["block"]], rate)
        dry_s = card.delay / card.sample_rate + shift_s
        check_insert_delay(delay_s, frame_s, dry_s, rate, card.name)
        arena.reserve_insert(insert)
        lane = insert_lane(insert)
        row = arena.lanes[lane]
        row[LANE["live"]] = row[LANE["gate"]] = 1
        row[LANE["delay"]], row[LANE["dry"]] = delay_s, dry_s
        self._reader, texts = TableReader(arena), song.insert_texts(insert)
        assignments = Assignments(model, _raise, wait=True)
        assignments.read_sounds(texts)
        self._lane = InsertLane(arena, self._reader, lane, model, rate, texts, assignments, logged=logged)

    def fill(self) -> None:
        """Render all frames whose input the mixer has written.

        PerformError if the module refuses a value of the song.
        """
        self._reader.update()
        while self._lane.is_due:
            self._lane.render()
            for refused in self._lane.voice.settings.refused:
                raise PerformError(refused.error, where=self._model.card.name, hint="change it in the song")


def _raise(line: str) -> None:
    raise PerformError(line)
