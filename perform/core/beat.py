"""The beat line: which beat sounds at which frame.

It is a straight line, so a reader computes the beat of any frame, past or coming, and needs no ticks. A
change of tempo makes another line that goes on from the same beat.
"""

from __future__ import annotations

from typing import NamedTuple


class BeatLine(NamedTuple):
    """Beats and frames of the master's history; both may be fractions, and negative before beat 0.

    origin : frame of beat 0
    bpm    : beats a minute, more than 0
    rate   : frames a second
    """

    origin: float
    bpm: float
    rate: float

    @property
    def frames(self) -> float:
        """Frames a beat."""
        return 60.0 * self.rate / self.bpm

    def beat_at(self, frame: float) -> float:
        """The beat that sounds at a frame; its fraction is the phase."""
        return (frame - self.origin) / self.frames

    def frame_at(self, beat: float) -> float:
        """The frame at which a beat sounds."""
        return self.origin + beat * self.frames

    def through(self, frame: float, beat: float, bpm: float) -> BeatLine:
        """The line of another tempo on which this beat sounds at this frame."""
        return BeatLine(frame - beat * 60.0 * self.rate / bpm, bpm, self.rate)

    def at_tempo(self, bpm: float, frame: float) -> BeatLine:
        """The line that goes on from this one at a frame, in another tempo."""
        return self.through(frame, self.beat_at(frame), bpm)
