"""The gesture logs of a take: the mixer's events and the recorded streams of each lane."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from perform.core.arena_layout import ALL_LANES, LANES, NAMES, RING_FRAMES, bank_of, log_of
from perform.core.errors import PerformError
from perform.core.event_log import RECORDS_LOST, RING_READ, RingReadEvent
from perform.core.params import ADDRESSES
from perform.recorder import gesture_log, take_index
from perform.recorder.markers import Marker
from perform.voice.recorded_streams import RecordedStream, recorded_streams


@dataclass
class LoggedTake:
    """The contents of a take's gesture logs.

    begin, end : first frame and end of the take, in frames of the master's history
    mixer      : events of the mixer, in order
    lanes      : lane -> the streams that played on it; those of the armed song render ahead, and are left out
    slots      : for each slot of the log the slot of this version, -1 if it no longer exists
    lost       : number of events that are missing, because the event log was full
    damaged    : frame from which events may be missing, because a log is damaged; None if no log is
    """

    rate: int
    block: int
    samples: str
    begin: int
    end: int
    mixer: list[gesture_log.LoggedEvent]
    lanes: dict[int, list[RecordedStream]]
    slots: npt.NDArray[np.intp]
    lost: int
    damaged: int | None = None
    marks: list[Marker] = field(default_factory=list)

    def plays(self, deck: int) -> bool:
        """Return whether a deck, from 1, played anything."""
        return any(deck_of(lane) == deck for lane in self.lanes)


def load(take: take_index.Take) -> LoggedTake:
    """[disk] Read a take's gesture logs, up to where they are damaged; PerformError if one is missing."""
    logs = []
    for master in take.files:
        path = master.with_suffix(gesture_log.SUFFIX)
        if not path.exists():
            hint = "very old takes have none; the WAV file is complete"
            raise PerformError("this take has no gesture log", where=str(path), hint=hint)
        logs.append(gesture_log.read(path))
    seen: set[gesture_log.LoggedEvent] = set()
    events: list[gesture_log.LoggedEvent] = []
    for log in logs:  # the log of each part begins with the last events of the one before
        events += [event for event in log.records if event not in seen]
        seen = set(log.records) if len(logs) > 1 else seen
    header = logs[0].header
    # a voice logs frames that its ring buffer plays later
    damaged = [max((e.at for e in log.records), default=0) - RING_FRAMES for log in logs if log.damaged]
    mixer = sorted((event for event in events if event.who == LANES), key=lambda event: event.at)
    try:
        lanes = {}
        for lane in sorted(_read_lanes(mixer)):
            events_of_lane = ((event.kind, event.payload) for event in events if event.who == log_of(lane))
            if streams := recorded_streams(events_of_lane, _bank_places(header, lane)):
                lanes[lane] = streams
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise PerformError(f"the gesture log is damaged ({error})", where=str(take.path)) from error
    slots = {name: i for i, name in enumerate(NAMES)}
    return LoggedTake(
        rate=header.rate,
        block=header.block,
        samples=header.samples,
        begin=header.position,
        end=header.position + take.frames,
        mixer=mixer,
        lanes=lanes,
        slots=np.array([slots.get(name, -1) for name in header.names], np.intp),
        lost=sum(
            int.from_bytes(event.payload[:8], "little") for event in events if event.kind == RECORDS_LOST
        ),
        damaged=min(damaged, default=None),
        marks=list(take.marks),
    )


def _read_lanes(events: Iterable[gesture_log.LoggedEvent]) -> set[int]:
    """Return the lanes that the mixer has read."""
    lanes = set()
    for event in events:
        with contextlib.suppress(ValueError):  # damaged: the replay says so when it gets there
            if event.kind == RING_READ and (reading := RingReadEvent.unpack(event.payload)).lane < ALL_LANES:
                lanes |= {reading.lane} if reading.whole or reading.frames else set()
    return lanes


def deck_of(lane: int) -> int:
    """Return the deck of a lane, from 1; 0 for the lane of an insert."""
    return lane // 2 + 1 if lane < LANES else 0


def lane_text(lane: int) -> str:
    """Return a lane's place for the player: "deck 2", "the insert of deck 2"."""
    if lane < LANES:
        return f"deck {deck_of(lane)}"
    return f"the insert of {f'deck {lane - LANES}' if lane > LANES else 'the master'}"


def _bank_places(header: gesture_log.GestureHeader, lane: int) -> npt.NDArray[np.intp]:
    """Return for each slot of a log its place in a lane's bank of attributes, or -1."""
    bank = {name: i for i, name in enumerate(ADDRESSES[bank_of(lane)])}
    return np.array([bank.get(name, -1) for name in header.names], np.intp)
