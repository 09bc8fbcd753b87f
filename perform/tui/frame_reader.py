"""Reads the frames of the screen from shared memory and the last status."""

from __future__ import annotations

import math

import numpy as np

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import METER_SLOTS
from perform.core.frame_time import FrameTime
from perform.stage.status import DeckStatus, SceneStatus, Status, TouchStatus
from perform.tui.corpus_clouds import CorpusClouds
from perform.tui.deck_watch import DeckWatch
from perform.tui.heard_values import HeardValues
from perform.tui.load_history import LoadHistory
from perform.tui.screen_frame import EXCLUDED, LOOP_GLYPHS, MODULATED, ScreenFrame
from perform.tui.screen_state import ScreenState
from perform.tui.song_times import SongTimes
from perform.tui.sound_meters import SoundMeters
from perform.tui.trace_history import TraceHistory

EMPTY_STATUS = Status("", (DeckStatus(),) * params.DECKS, "", (), "", "", (), "", TouchStatus(), "", "", ())
_PRINT_EVERY = 5  #: frames between two updates of a printed number, so that it can be read
_FOCUS = params.slot("focus")
_LOAD = METER_SLOTS["load"]
_STATES = [METER_SLOTS[f"deck/{d}/state"] for d in range(1, params.DECKS + 1)]
_DECK_LOADS = [METER_SLOTS[f"deck/{d}/load"] for d in range(1, params.DECKS + 1)]


class FrameReader:
    """Reads frames from shared memory; keeps traces, printed numbers and times of dropouts between frames."""

    def __init__(self, arena: Arena, view: ScreenState) -> None:
        self._table, self._meters, self._hardware = arena.table, arena.meters, arena.hardware
        self._knobs, self.view = arena.knobs, view
        self._arena, self._time = arena, FrameTime(arena)
        self._heard = HeardValues(arena)
        self._worst, self._last_table = arena.meters.copy(), arena.table.copy()
        self._last_hands: tuple[object, ...] = ()  # positions of controls and the state of the screen
        self._changes = 0
        self._printed: list[float] = []
        self._count = 0
        self._status = EMPTY_STATUS
        self._scenes: dict[int, SceneStatus] = {}
        self._marks: dict[str, str] = {}
        self._traces = TraceHistory()
        self._clouds, self._sound = CorpusClouds(), SoundMeters(arena)
        self._loads, self._times = LoadHistory(), SongTimes()
        self._watch = DeckWatch()
        self._active: dict[str, float] = {}  # device -> when one of its controls moved
        self._controls: dict[str, str] = {}
        self._controls_of: tuple[Status, float] = (EMPTY_STATUS, 0.0)

    def read(self, status: Status | None, now: float) -> ScreenFrame:
        """[ui] Read one frame."""
        meters = np.nan_to_num(self._meters, posinf=0.0, neginf=0.0)  # a copy; the screen must survive a NaN
        if self.view.gone:  # the last values in shared memory are no longer true
            meters[:] = 0.0
            self._worst[:] = 0.0
        np.maximum(self._worst, meters, out=self._worst)
        if self._count % _PRINT_EVERY == 0:
            self._printed = self._worst.tolist()
            self._worst = meters.copy()
        self._count += 1
        if status is not None and status != self._status:
            if status.touched.number != self._status.touched.number and self._status is not EMPTY_STATUS:
                self._active[status.touched.port] = now
            self._status = status
            self._scenes = {scene.number: scene for scene in status.scenes}
            self._marks = _marks(status)
        self._traces.sample(now, self._table, meters)
        self._watch.sample(now, meters)
        self._loads.sample(now, max(meters[_LOAD], *meters[_DECK_LOADS]))
        self._sound.update(now, meters, self._status.songs.since)
        self._times.sample(now, self._status.songs)
        now_in_it = np.nan_to_num(self._table, posinf=0.0, neginf=0.0)
        table, placed = now_in_it.tolist(), self._placed()
        hands = (placed, self.view.shown_as(now))
        if hands != self._last_hands or not np.array_equal(now_in_it, self._last_table):
            self._changes += 1
        self._last_hands, self._last_table = hands, now_in_it
        state = meters[_STATES]
        used = [
            deck
            for deck, status in enumerate(self._status.decks, 1)
            if state[deck - 1] or status.model or status.error
        ]
        frame = ScreenFrame(
            table,
            meters.tolist(),
            self._printed,
            self._status,
            self.view,
            now,
            self._mapped(table[_FOCUS]),
            self._scenes,
            self._marks,
            self._traces,
            self._beat(now),
            {slot: at for slot, at in placed.items() if at != table[slot]},
            placed,
            self._knobs,
            self._heard.read(),
            self._clouds,
            self._sound,
            self._loads,
            self._times,
            self._watch,
            self._active,
            self._changes,
            used,
        )
        view, count = self.view, frame.dropouts
        if view.dropouts >= 0 and count > view.dropouts:
            view.dropout_at = now
        view.dropouts = count
        if frame.stage_meter("frames") != view.frames:
            view.frames, view.frames_at = frame.stage_meter("frames"), now
        return frame

    def _beat(self, now: float) -> float:
        """The beat that plays now; 0 if the meters are broken: the screen must survive a NaN."""
        try:
            beat = self._arena.beat_line.beat_at(self._time.frame_at(now))
        except (ValueError, OverflowError):
            return 0.0
        return beat if math.isfinite(beat) else 0.0

    def _placed(self) -> dict[int, float]:
        """Where the controls stand, of those that have moved."""
        at = np.flatnonzero(np.isfinite(self._hardware))
        return dict(zip(at.tolist(), self._hardware[at].tolist(), strict=True))

    def _mapped(self, focus: float) -> dict[str, str]:
        """The control mapped to each address; `focus/...` is the deck with the focus."""
        if self._controls_of[0] is not self._status or self._controls_of[1] != focus:
            deck = f"deck/{focus:.0f}/"
            bindings = self._status.bindings
            focused = {
                deck + b.address.removeprefix("focus/"): b.control
                for b in reversed(bindings)  # the first of several is shown
                if b.address.startswith("focus/")
            }
            # a control mapped to this deck comes before one that follows the focus
            self._controls = focused | {b.address: b.control for b in bindings}
            self._controls_of = (self._status, focus)
        return self._controls


def _marks(status: Status) -> dict[str, str]:
    marks = {loop.address: LOOP_GLYPHS.get(loop.state, "■") for loop in status.loops}
    marks |= {address: marks.get(address, "") + EXCLUDED for address in status.excluded}
    moved = {row.address for row in status.modulation}
    return marks | {address: marks.get(address, "") + MODULATED for address in moved}
