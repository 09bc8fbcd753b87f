"""MPE: each finger has its own MIDI channel for pressure, slide and pitch.

A zone has a master channel and up to 15 members: the lower zone 1 and 2, 3..., the upper one 16 and 15, 14...
RPN 6 on a master channel sets the number of members; without it, a mapping that uses fingers gets a lower
zone of 15. Source: MIDI Association, "MIDI Polyphonic Expression" 1.0 (RP-053).
"""

from __future__ import annotations

from perform.control.control_names import ControlId, finger
from perform.control.control_values import ControlEvent, centred
from perform.core.params import FINGERS

BEND_RANGE = 48  #: semitones of a member's full pitch bend, if the device does not say
OCTAVE = 12.0  #: semitones of a slide over the keys that cover a parameter's range, each way
SLIDE_CC = 74

_PRESS, _SLIDE, _BEND = 0, 1, 2
_LOWER, _UPPER = 1, 16  # master channels


class _Member:
    """A member channel: the last values that it sent, and the finger that plays on it (0: none)."""

    def __init__(self, channel: int) -> None:
        self.channel, self.finger = channel, 0
        self.notes: set[int] = set()  # that are held; the first one began the finger
        self.press, self.slide, self.bend = 0, 64, 0

    def event(self, axis: int, master: int, bend_range: int, *, down: bool = True) -> ControlEvent:
        value, semitones = (self.press, self.slide, self.bend)[axis], self.semitones(bend_range)
        position = centred(value)
        if axis == _BEND:
            position = min(max(0.5 + semitones / (2 * OCTAVE), 0.0), 1.0)
        source = ControlId("finger", finger(self.finger, axis), master)
        return ControlEvent(
            source, value, position, down, release=not down, member=self.channel, bend=semitones
        )

    def semitones(self, bend_range: int) -> float:
        return self.bend / 8192 * bend_range


class MpeZones:
    """[control] The zones of one port and the fingers that play in them.

    playing : how many fingers play
    """

    def __init__(self) -> None:
        self.playing = 0
        self._members: dict[int, int] = {}  # master channel -> number of members; empty: not announced
        self._channels = {channel: _Member(channel) for channel in range(1, 17)}
        self._ranges = {_LOWER: BEND_RANGE, _UPPER: BEND_RANGE}

    def configure(self, master: int, members: int) -> list[ControlEvent]:
        """Set the size of a zone, as RPN 6 says; the other zone gets what is left.

        Returns the releases of the fingers whose channels now belong to no zone, or to the other one.
        """
        before = {channel: self.master_of(channel) for channel in self._channels}
        other = _UPPER if master == _LOWER else _LOWER
        members = min(members, 15)
        self._members[master] = members
        self._members[other] = min(self._members.get(other, 0), max(0, 14 - members))
        released = []
        for channel, member in self._channels.items():
            was = before[channel]
            if member.finger and was is not None and was != self.master_of(channel):
                released += self._release(member, was)
        return released

    def set_bend_range(self, channel: int, semitones: int) -> None:
        """Set the range of the pitch bend of a zone's members, as RPN 0 on one of them says."""
        if (master := self.master_of(channel)) is not None:
            self._ranges[master] = semitones

    def master_of(self, channel: int) -> int | None:
        """The master channel of a member; None if the channel is no member."""
        members = self._members or {_LOWER: 15}
        if 2 <= channel <= 1 + members.get(_LOWER, 0):
            return _LOWER
        return _UPPER if 16 - members.get(_UPPER, 0) <= channel <= 15 else None

    @property
    def are_announced(self) -> bool:
        """Whether the device has said that it has members."""
        return any(self._members.values())

    def bend(self, channel: int) -> float:
        """Semitones by which a member channel is bent."""
        master = self.master_of(channel)
        return 0.0 if master is None else self._channels[channel].semitones(self._ranges[master])

    def note(self, channel: int, note: int, *, down: bool) -> list[ControlEvent]:
        """A finger touches or leaves a member channel; all notes on the channel belong to it."""
        member, master = self._channels[channel], self.master_of(channel)
        if master is None:
            return []
        if not down:
            member.notes.discard(note)
            return self._release(member, master) if member.finger and not member.notes else []
        member.notes.add(note)
        if member.finger:
            return []
        taken = {it.finger for it in self._channels.values()}
        # the lowest free number goes to the next finger
        member.finger = next((n for n in range(1, FINGERS + 1) if n not in taken), 0)
        if not member.finger:
            member.notes.clear()  # an eleventh finger: its release ends nothing
            return []
        self.playing += 1
        return self._events(member, master, down=True)

    def _release(self, member: _Member, master: int) -> list[ControlEvent]:
        events = self._events(member, master, down=False)
        member.finger = 0
        member.notes.clear()
        self.playing -= 1
        return events

    def _events(self, member: _Member, master: int, *, down: bool) -> list[ControlEvent]:
        return [
            member.event(axis, master, self._ranges[master], down=down) for axis in (_BEND, _SLIDE, _PRESS)
        ]

    def move(self, channel: int, axis: int, value: int) -> list[ControlEvent]:
        """A finger presses (0), slides (1) or bends (2); kept for the next note if there is none."""
        member, master = self._channels[channel], self.master_of(channel)
        member.press = value if axis == _PRESS else member.press
        member.slide = value if axis == _SLIDE else member.slide
        member.bend = value if axis == _BEND else member.bend
        if master is None or not member.finger:
            return []
        return [member.event(axis, master, self._ranges[master])]
