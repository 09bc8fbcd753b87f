"""Keeps the beat line: it follows the parameter `tempo`, taps and a MIDI clock; songs begin at beat 0."""

from __future__ import annotations

import time

from perform.core.arena import Arena
from perform.core.beat import BeatLine
from perform.core.frame_time import FrameTime
from perform.core.params import SPEC_AT, slot
from perform.core.tempo_meters import CLOCK, PLACED_CLOCK, TAPPED, MeasuredTempo, TempoMeters

_TEMPO, _START, _OFFSET, _FOLLOWS = (slot(a) for a in ("tempo", "clock/start", "clock/offset", "clock/in"))
SNAP_S = 0.03  #: a song that begins so close to a beat begins on it
STEP_BPM = 0.02  #: a MIDI clock changes the tempo by no less
STEP_S = 0.001  #: and the beat by no less


class BeatKeeper:
    """The one writer of an arena's beat line."""

    def __init__(self, arena: Arena) -> None:
        self._arena, self._time = arena, FrameTime(arena)
        self._measured = TempoMeters(arena.meters)
        self._seen = self._measured.read()
        self._starts = float(arena.table[_START])
        self.begin_song()

    @property
    def line(self) -> BeatLine:
        """The beat line."""
        return self._arena.beat_line

    def begin_song(self) -> None:
        """[main] Beat 0 is now, unless a MIDI clock says otherwise: LFOs and loops begin together."""
        if self._follows_clock:
            return
        line = self.line
        frame = self._time.frame_at(time.monotonic())
        near = line.frame_at(round(line.beat_at(frame)))
        frame = near if abs(frame - near) < SNAP_S * line.rate else frame
        self._arena.write_beat_line(line.through(frame, 0.0, self._tempo))

    def tick(self) -> set[int]:
        """[main, about every 15 ms] Follow tempo, taps and starts. Returns the slots that it wrote."""
        starts = float(self._arena.table[_START])
        if starts != self._starts:
            self._starts = starts
            self.begin_song()
        measured, moved = self._measured.read(), set[int]()
        if measured and measured != self._seen:
            self._seen = measured
            if measured.kind == TAPPED and not self._arena.table[_FOLLOWS]:
                self._follow_taps(measured)
                moved.add(_TEMPO)
            elif self._follows_clock:
                self._follow_clock(measured)
        line = self.line
        if self._follows_clock:
            self._arena.table[_TEMPO] = line.bpm
            moved.add(_TEMPO)
        elif line.bpm != self._tempo:
            frame = self._time.frame_at(time.monotonic())
            self._arena.write_beat_line(line.at_tempo(self._tempo, frame))
        return moved

    def _follow_taps(self, measured: MeasuredTempo) -> None:
        """Take over the tempo, and move the nearest beat to the tap. The count of beats stays."""
        self._arena.table[_TEMPO] = bpm = SPEC_AT[_TEMPO].clamp(round(measured.bpm, 1))
        line, frame = self.line, self._time.sounding_at(measured.seconds + self._offset)
        self._arena.write_beat_line(line.through(frame, round(line.beat_at(frame)), bpm))

    def _follow_clock(self, measured: MeasuredTempo) -> None:
        """Take over the tempo, and the beat if it is known, where they differ noticeably from ours."""
        line, frame = self.line, self._time.sounding_at(measured.seconds + self._offset)
        bpm = line.bpm
        if abs(bpm - measured.bpm) >= STEP_BPM:
            bpm = SPEC_AT[_TEMPO].clamp(round(measured.bpm, 2))
        beat = ours = line.beat_at(frame)
        if measured.kind == PLACED_CLOCK and abs(measured.beat - ours) * line.frames > STEP_S * line.rate:
            beat = measured.beat
        if (bpm, beat) != (line.bpm, ours):
            self._arena.write_beat_line(line.through(frame, beat, bpm))

    @property
    def _follows_clock(self) -> bool:
        """Whether the MIDI clock of another device leads."""
        kind = self._seen.kind if self._seen else None
        return self._arena.table[_FOLLOWS] > 0 and kind in (CLOCK, PLACED_CLOCK)

    @property
    def _tempo(self) -> float:
        return SPEC_AT[_TEMPO].clamp(float(self._arena.table[_TEMPO]))

    @property
    def _offset(self) -> float:
        """Seconds by which the beat sounds later than the player taps."""
        return SPEC_AT[_OFFSET].clamp(float(self._arena.table[_OFFSET])) / 1000.0
