"""Measures how a device takes its frames: one block at a time, or several in a burst.

A server with long periods calls back several times in a row, then not for a while; so do Bluetooth and
PulseAudio. The hosts must have all frames of such a burst ready when it begins.
"""

from __future__ import annotations

import heapq
import math
from collections import deque

#: a host renders at least this much faster than real time, so frames taken at this pace are no burst
FASTEST = 1.25
JITTER_S = 0.002  #: the margin covers a callback that comes this much early
LONGEST_S = 1.0  #: a burst longer than this counts as several
REMEMBERED_S = 4.0  #: a burst that has not come again for this long does not count
LEARNING_S = 2.0  #: at first a single burst counts
RECURRING = 3  #: later so many bursts in REMEMBERED_S count; fewer are hiccups of the machine


class DevicePace:
    """[audio] Measures the bursts of one device from the times of its callbacks.

    rate  : frames per second
    limit : frames; a longer burst counts as this long
    burst : frames that the device takes at once: its block, or several blocks
    until : seconds until which the frames taken so far last if the device plays them evenly
    """

    def __init__(self, rate: float, limit: int) -> None:
        self._rate, self._limit = rate, limit
        self.burst, self.until = 0, 0.0
        self._block, self._block_at = limit, 0.0  # frames of the shortest block, and when it came last
        self._drained = 0.0  # when the burst that runs now is over, at the pace FASTEST
        self._started = 0.0  # time of the first block
        self._began, self._peak = 0.0, 0.0  # of the burst that runs now
        self._bursts: deque[tuple[float, int]] = deque(maxlen=256)  # time and frames, longer than a block
        self._recurring = 0  # frames of the bursts that count

    def take(self, now: float, frames: int) -> None:
        """[audio] The device takes a block at `now`, seconds on any clock."""
        self._started = self._started or now
        if frames <= self._block or now - self._block_at > REMEMBERED_S:
            self._block, self._block_at = frames, now
        if now >= self._drained or now - self._began > LONGEST_S:
            self._end_burst(now)
        pace = FASTEST * self._rate
        self._drained = min(max(self._drained, now) + frames / pace, now + self._limit / pace)
        self._peak = max(self._peak, (self._drained - now) * pace)
        self.burst = min(max(frames, self._recurring), self._limit)
        self.until = min(max(self.until, now) + frames / self._rate, now + self.burst / self._rate)

    def _end_burst(self, now: float) -> None:
        peak, block, self._began, self._peak = self._peak, self._block, now, 0.0
        changed = peak > block + JITTER_S * self._rate
        if changed:
            self._bursts.append((now, _whole_blocks(peak, block)))
        while self._bursts and now - self._bursts[0][0] > REMEMBERED_S:
            self._bursts.popleft()
            changed = True
        if changed:
            needed = RECURRING if now - self._started > LEARNING_S else 1
            largest = heapq.nlargest(needed, (frames for _, frames in self._bursts))
            self._recurring = largest[-1] if len(largest) == needed else 0


def _whole_blocks(peak: float, block: int) -> int:
    """Frames of a burst whose callbacks take a moment themselves; one block and a bit are one early block."""
    return math.ceil(peak / block - 0.1) * block if peak > 1.5 * block else math.ceil(peak)
