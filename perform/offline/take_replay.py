"""Replays a take: mixer and lanes get the values of the gesture log, in the same blocks as on stage."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from perform.audio.guard import MAX_BLOCK
from perform.audio.mixer import Mixer
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, LANE_METER, LANES
from perform.core.errors import PerformError
from perform.core.event_log import (
    ALL_VALUES,
    CHANGED_VALUES,
    FIRST_VALUES,
    RING_READ,
    RingReadEvent,
    unpack_values,
)
from perform.core.ring_buffers import Audio
from perform.engine.protocol import PlayableModel
from perform.offline.input_replay import InputReplay
from perform.offline.logged_take import LoggedTake, deck_of
from perform.recorder import gesture_log
from perform.recorder.take_writer import read_track
from perform.voice.lane_replay import LaneReplay
from perform.voice.recorded_streams import RecordedModel

MASTER = "master"


class TakeReplay:
    """[render] The mixer and the lanes of a take.

    model_for  : (deck, recorded model) -> the model to play
    live_input : the live input of the take
    """

    def __init__(
        self,
        arena: Arena,
        logged: LoggedTake,
        model_for: Callable[[int, RecordedModel], PlayableModel],
        rate: int,
        live_input: InputReplay,
    ) -> None:
        self._arena, self._logged, self._rate, self._live_input = arena, logged, rate, live_input
        self._lanes = {
            lane: LaneReplay(
                streams, partial(model_for, deck_of(lane)), rate, logged.rate, partial(self._trim, lane)
            )
            for lane, streams in logged.lanes.items()
        }
        for lane in logged.lanes:
            if lane >= LANES:
                arena.reserve_insert(lane - LANES)
        self._reading: dict[int, int] = {}  # lane -> next position in its ring buffer, at the output rate
        self._once: dict[int, tuple[int, int]] = {}  # lane -> position and frames, for one block only
        self._mixer: Mixer | None = None

    def _trim(self, lane: int) -> float:
        """The gain of a lane's model in the take, dB."""
        return float(self._arena.lanes[lane, LANE["trim"]])

    def play(self, begin: int, end: int, tracks: list[str]) -> Iterator[tuple[int, dict[str, Audio]]]:
        """Play from frame `begin` to `end`; yield the end of each block and its audio (n, 2) by track."""
        events = self._events(begin)
        at = max(0, min(begin, events[0].at)) if events else begin
        start, index, silent_until = at, 0, at
        while at < end:
            before = index
            while index < len(events) and events[index].at <= at:
                try:
                    self._apply(events[index])
                except (ValueError, LookupError, TypeError, RecursionError) as error:
                    what = f"the gesture log is damaged at frame {at} ({error})"
                    raise PerformError(what, hint="the WAV files are complete") from error
                index += 1
            stop = min(end, at + self._left_of_block(at, start))
            if index == before:
                stop = self._end_of_rest(at, stop, min(end, events[index].at) if index < len(events) else end)
            if index < len(events):
                missed = self._missed(events[index])
                silent_from = events[index].at - missed
                stop = min(stop, events[index].at if silent_from <= at else silent_from)
                silent_until = events[index].at if missed and silent_from <= at else silent_until
            n = self._scaled(stop) - self._scaled(at)
            live_input = self._live_input.read(at, n) if self._live_input.is_known else None
            blocks = self._mix(n, tracks, live_input, silent=at < silent_until)
            if stop > begin:
                cut = max(0, self._scaled(begin) - self._scaled(at))
                yield stop, {track: audio[cut:] for track, audio in blocks.items()}
            at = stop

    def _left_of_block(self, at: int, start: int) -> int:
        """Return the frames to the end of the recorded block; other blocks would round differently."""
        return self._logged.block - (at - start) % self._logged.block

    def _end_of_rest(self, at: int, stop: int, until: int) -> int:
        """Return the end of the longest block of whole recorded blocks in which nothing changes."""
        block = self._logged.block
        if stop - at != block or self._live_input.is_known or self._rate != self._logged.rate or self._once:
            return stop
        if self._mixer is None or not self._mixer.rests:
            return stop
        return max(stop, at + min(until - at, MAX_BLOCK) // block * block)

    def _scaled(self, at: int) -> int:
        return round(at * self._rate / self._logged.rate)

    def _events(self, begin: int) -> list[gesture_log.LoggedEvent]:
        """Return the mixer's events from the last full set of values that is PREROLL_S before `begin`."""
        early = begin - round(gesture_log.PREROLL_S * self._logged.rate)
        events = self._logged.mixer
        whole = [i for i, event in enumerate(events) if event.kind in (ALL_VALUES, FIRST_VALUES)]
        first = max((i for i in whole if events[i].at <= early), default=whole[0] if whole else 0)
        return events[first:]

    def _missed(self, event: gesture_log.LoggedEvent) -> int:
        """Return the frames before a new mixer in which no mixer ran."""
        if event.kind != FIRST_VALUES or self._mixer is None:
            return 0
        return int(_details(event).get("missed", 0))

    def _apply(self, event: gesture_log.LoggedEvent) -> None:
        if event.kind in (CHANGED_VALUES, ALL_VALUES, FIRST_VALUES):
            logged, values, _ = unpack_values(event.payload)
            slots = self._logged.slots[logged]
            self._arena.values[slots[slots >= 0]] = values[slots >= 0]
            if event.kind == FIRST_VALUES or self._mixer is None:
                factor, rise = _details(event)["opening"] if event.kind == FIRST_VALUES else (1.0, 1.0)
                self._mixer = self._new_mixer(float(factor), float(rise))
        elif event.kind == RING_READ:
            reading = RingReadEvent.unpack(event.payload)
            position = self._scaled(reading.ring)
            self._reading.pop(reading.lane, None)
            if reading.whole:
                self._reading[reading.lane] = position
            elif reading.frames:
                self._once[reading.lane] = position, self._scaled(reading.frames)

    def _new_mixer(self, factor: float, rise_s: float) -> Mixer:
        block = min(self._logged.block, MAX_BLOCK)
        return Mixer(self._arena, self._rate, opening=(factor, rise_s), block=block)

    def _mix(self, n: int, tracks: list[str], live_input: Audio | None, *, silent: bool) -> dict[str, Audio]:
        if silent or self._mixer is None:
            return {track: np.zeros((n, 2), np.float32) for track in tracks}
        for lane, position in self._reading.items():
            self._fill(lane, position, n)
            self._reading[lane] = position + n
        for lane, (position, frames) in self._once.items():
            self._fill(lane, position, min(frames, n))
        out = np.zeros((n, 2), np.float32)
        at = self._arena.history.written
        self._mixer.fill(out, live_input)
        for lane in (*self._reading, *self._once):
            self._arena.rings[lane].clear()
        self._once.clear()
        return {
            track: out if track == MASTER else read_track(self._arena.tracks[track], at, n)[0]
            for track in tracks
        }

    def _fill(self, lane: int, position: int, frames: int) -> None:
        if lane not in self._lanes:
            return
        ring = self._arena.rings[lane]
        if lane >= LANES:  # the mixer takes the next frames of the ring, wherever they were on stage
            meters, delay_s = self._arena.lane_meters(lane), self._arena.lanes[lane, LANE["delay"]]
            given = self._arena.inserted[lane - LANES].written - round(delay_s * self._rate)
            meters[LANE_METER["frames"]], meters[LANE_METER["begin"]] = 1, given - ring.position
        ring.write(self._lanes[lane].read(position, frames))


def _details(event: gesture_log.LoggedEvent) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unpack_values(event.payload)[2])
    return found
