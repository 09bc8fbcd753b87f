"""A MIDI clock that another device sends: tempo and beat from the times of its ticks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.tempo_meters import CLOCK, PLACED_CLOCK, MeasuredTempo

TICK, START, CONTINUE, STOP, POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2  #: status bytes
TICKS = 24  #: a beat
SIXTEENTH = TICKS // 4  #: ticks of one step of a song position
LONG = 384  #: the last ticks count, 16 beats: JACK gives all messages of a period of 21 ms one time
SURE = 72  #: so many ticks tell whether the next ones are of another tempo
EVERY = 6  #: ticks between two measurements
LOST_S = 0.6  #: without a tick for this long the clock has stopped: five ticks at the slowest tempo
CHANGED, CHANGED_S = 3.0, 0.0005  #: times the jitter, plus seconds, by which a beat's ticks are off then
JITTER_S = 0.007  #: until it is measured


class MidiClock:
    """[control] The clock of one port.

    The slope of a straight line through the last ticks is the tempo: after a change over one beat, later over
    LONG of them, so that jitter averages out. The beat is known once the device has started or continued;
    until then only the tempo is.
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=LONG)
        self._count = 0  # ticks ever
        self._shift = 0  # ticks from this count to the song's position
        self._placed = False
        self._position = 0  # ticks of the song; advances between start and stop
        self._plays = False
        self._moved = False  # to another position, at which the next tick comes
        self._jitter = JITTER_S

    def receive(self, data: Sequence[int], seconds: float) -> MeasuredTempo | None:
        """Take a message that arrived at a time; return a new measurement if there is one."""
        match data[0]:
            case 0xF8:  # TICK
                return self._tick(seconds)
            case 0xFA | 0xFB:  # START, CONTINUE
                self._position = 0 if data[0] == START else self._position
                self._plays = True
                self._place()
            case 0xFC:  # STOP
                self._plays = False
            case 0xF2 if len(data) == 3:  # POSITION
                self._position = SIXTEENTH * (data[1] | data[2] << 7)
                if self._plays:
                    self._place()
        return None

    def is_lost(self, now: float) -> bool:
        """Return whether it ticked and does so no more; it then begins anew."""
        if not self._times or now - self._times[-1] < LOST_S:
            return False
        self._times.clear()
        self._placed = self._plays
        return True

    @property
    def ticks(self) -> bool:
        """Whether it ticks now."""
        return bool(self._times)

    def _place(self) -> None:
        """The next tick is the song's position."""
        self._placed = self._moved = True
        self._shift = self._position - self._count

    def _tick(self, seconds: float) -> MeasuredTempo | None:
        times = self._times
        if times and seconds - times[-1] > LOST_S:
            times.clear()
        times.append(seconds)
        at, first = self._count + self._shift, self._moved
        self._moved = False
        self._count += 1
        self._position += self._plays
        if self._count % EVERY and not first:
            return None
        self._forget_another_tempo()
        if len(times) < TICKS:
            return None
        pulse, last, _ = _line(np.array(times))
        bpm = 60.0 / (TICKS * pulse)
        low, high = params.SPECS["tempo"].low, params.SPECS["tempo"].high
        if not low * 0.95 <= bpm <= high * 1.05:
            return None
        return MeasuredTempo(PLACED_CLOCK if self._placed else CLOCK, last, at / TICKS, bpm)

    def _forget_another_tempo(self) -> None:
        """Keep only the newest ticks if the last beat's come too early or too late for the ticks before."""
        times = np.array(self._times)
        before = times[:-TICKS]
        if len(before) < SURE:
            return
        pulse, last, jitter = _line(before)
        self._jitter += 0.1 * (jitter - self._jitter)
        off = times[-TICKS:] - last - pulse * np.arange(1, TICKS + 1)
        if abs(off.mean()) > CHANGED * self._jitter + CHANGED_S:
            for _ in range(len(times) - TICKS // 2):
                self._times.popleft()


def _line(times: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """The line through ticks by least squares: seconds a tick, time of the last, jitter in seconds."""
    n = len(times)
    x = np.arange(n) - (n - 1) / 2
    slope, mean = float(x @ times) / float(x @ x), float(times.mean())
    jitter = float(np.sqrt(((times - mean - slope * x) ** 2).sum() / (n - 2)))
    return slope, mean + slope * (n - 1) / 2, jitter


class DriverTime:
    """[control] The monotonic time of a port's messages, from the seconds between them that the driver gives.

    Reading is late by a few milliseconds, never early. So the driver's clock is set by the earliest messages.
    """

    LOST_S = 0.05  #: so much later, and the driver has left out the time of a message that it did not deliver
    DRIFT = 0.001  #: share by which it is set later at each message, for a driver whose clock is slow

    def __init__(self) -> None:
        self._driver = self._offset = 0.0
        self._first = True

    def at(self, delta: float, now: float) -> float:
        """The time of a message that was read `now`, `delta` seconds after the one before."""
        self._driver += delta
        late = now - self._driver - self._offset
        if self._first or not 0.0 <= late < self.LOST_S:
            self._first, self._offset = False, now - self._driver
            return now
        self._offset += self.DRIFT * late
        return self._driver + self._offset
