"""The events of the last minutes, read from the event logs of hosts and mixer and kept in memory."""

from __future__ import annotations

from collections import deque

from perform.core.arena import Arena
from perform.core.event_log import ALL_VALUES, ALL_VALUES_S, FIRST_VALUES, MARKER, RECORDS_LOST
from perform.recorder.gesture_log import PREROLL_S, LoggedEvent, mark_of, parse_records
from perform.recorder.markers import Marker


class RecentEvents:
    """[disk] The logged events of the last `seconds`, in memory; every gesture log is written from here."""

    def __init__(self, arena: Arena, seconds: float) -> None:
        self._arena = arena
        self._seconds = seconds + PREROLL_S + 2 * ALL_VALUES_S
        self._pieces: deque[tuple[int, bytes]] = deque()  # frame of the history when it was read, records
        self._ends = [event_log.oldest for event_log in arena.event_logs]
        self._dropped = [event_log.dropped for event_log in arena.event_logs]
        self._count = 0  # pieces ever added

    def drain(self) -> None:
        """Read new records from the event logs; call it often."""
        now = self._arena.history.written
        fresh = []
        for event_log in self._arena.event_logs:
            data = event_log.read(self._ends[event_log.who])
            self._ends[event_log.who] += len(data)
            if data:
                fresh.append(data)
            if event_log.dropped != self._dropped[event_log.who]:
                lost = event_log.dropped - self._dropped[event_log.who]
                fresh.append(LoggedEvent(RECORDS_LOST, event_log.who, now, lost.to_bytes(8, "little")).pack())
                self._dropped[event_log.who] = event_log.dropped
        if fresh:
            self._add(now, b"".join(fresh))
        oldest = now - round(self._seconds * self._arena.meter("rate"))
        while self._pieces and self._pieces[0][0] < oldest:
            self._pieces.popleft()

    def mark(self, record: LoggedEvent) -> None:
        """Add a marker from the stage."""
        self._add(self._arena.history.written, record.pack())

    def _add(self, now: int, piece: bytes) -> None:
        self._pieces.append((now, piece))
        self._count += 1

    def release(self) -> None:
        """Free the space of the records read so far; call it when they are written or not needed."""
        for event_log in self._arena.event_logs:
            event_log.release(self._ends[event_log.who])

    def opening(self, position: int) -> tuple[bytes, int]:
        """Return the records so far that a log from frame `position` on needs, and a cursor for `since`."""
        rate = self._arena.meter("rate")
        begin = position - round(PREROLL_S * rate)
        recent = begin - round(3 * ALL_VALUES_S * rate)  # an idle writer has logged all its values since then
        kept = self._needed(begin, position, recent)
        if any(records[0].kind not in (ALL_VALUES, FIRST_VALUES, MARKER) for records in kept.values()):
            kept = self._needed(begin, position, 0)
        return b"".join(record.pack() for records in kept.values() for record in records), self._count

    def _needed(self, begin: int, position: int, since: int) -> dict[int, list[LoggedEvent]]:
        """Return records by writer, from the last with all values before `begin`; markers from `position`."""
        kept: dict[int, list[LoggedEvent]] = {}
        for read, piece in self._pieces:
            for record in parse_records(piece) if read >= since else ():
                if record.kind in (ALL_VALUES, FIRST_VALUES) and record.at <= begin:
                    kept[record.who] = []  # it includes all earlier values
                if record.kind != MARKER or record.at >= position:
                    kept.setdefault(record.who, []).append(record)
        return kept

    def since(self, cursor: int) -> tuple[bytes, int]:
        """Return the records since a cursor, and the next cursor."""
        fresh = min(self._count - cursor, len(self._pieces))
        pieces = [self._pieces[i][1] for i in range(len(self._pieces) - fresh, len(self._pieces))]
        return b"".join(pieces), self._count

    def marks(self, begin: int, end: int) -> list[Marker]:
        """Return the markers between two frames; their frames count from `begin`."""
        events = (
            event for _, piece in self._pieces for event in parse_records(piece) if event.kind == MARKER
        )
        return [mark_of(e, begin) for e in events if begin <= e.at <= end]
