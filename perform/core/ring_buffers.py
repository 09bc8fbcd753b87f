"""Sound between two processes, in memory both of them map: a ring is emptied, a tape is only followed.

A trail is a tape of latents, whose frames come at moments of their own.

Each end has ONE writer; nobody waits, nobody locks. Positions are published after the data, so a reader sees
whole blocks. This module knows no layout and no process. numpy alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.float32]  #: (frames, 2), full scale +-1


class RingBuffer:
    """Frames from one writer to one reader, (capacity, 2) float32; nobody waits, nobody locks.

    `ends` holds the frames ever written and ever read.
    """

    def __init__(self, ends: npt.NDArray[np.int64], data: Audio) -> None:
        self._ends, self._data = ends, data
        self.capacity = len(data)

    @property
    def written(self) -> int:
        """Frames ever written: the position at which the next one goes."""
        return int(self._ends[0])

    @property
    def position(self) -> int:
        """Frames ever read, or forgotten: the position of the next one."""
        return int(self._ends[1])

    @property
    def fill(self) -> int:
        """Frames written and not yet read."""
        return max(0, int(self._ends[0]) - int(self._ends[1]))

    def write(self, audio: Audio) -> int:
        """[render] Append what fits of (n, 2); returns the frames taken."""
        n = min(len(audio), self.capacity - self.fill)
        at = int(self._ends[0]) % self.capacity
        first = min(n, self.capacity - at)
        self._data[at : at + first] = audio[:first]
        self._data[: n - first] = audio[first:n]
        self._ends[0] += n
        return n

    def clear(self) -> None:
        """[stage] Forget what was not read; only while nobody writes and nobody reads."""
        self._ends[1] = self._ends[0]

    def read(self, out: Audio) -> int:
        """[audio] Fill the head of `out` (n, 2) with what is there; returns the frames given."""
        n = min(len(out), self.fill)
        at = int(self._ends[1]) % self.capacity
        first = min(n, self.capacity - at)
        out[:first] = self._data[at : at + first]
        out[first:n] = self._data[: n - first]
        self._ends[1] += n
        return n


class HistoryBuffer:
    """The last `capacity` frames of one track. It never waits; readers keep their own position.

    Tracks share one `end`, the master's, so that a frame has the same position in all of them.
    """

    def __init__(self, end: npt.NDArray[np.int64], data: Audio) -> None:
        self._end, self._data = end, data
        self.capacity = len(data)

    @property
    def written(self) -> int:
        """Frames ever written: the position at which the next one goes."""
        return int(self._end[0])

    def begin(self, position: int) -> None:
        """[audio] The next frame goes there, silence before; only for a track with an end of its own."""
        self._data[:] = 0.0
        self._end[0] = position

    def write(self, audio: Audio) -> None:
        """[audio] Append (n, 2), n <= capacity."""
        at, n = self.written % self.capacity, len(audio)
        first = min(n, self.capacity - at)
        self._data[at : at + first] = audio[:first]
        self._data[: n - first] = audio[first:]
        self._end[0] += n

    def lay(self, audio: Audio, ahead: int = 0) -> None:
        """[audio] (n, 2) of another track, `ahead` of what the master's next `write` publishes."""
        at, n = (self.written + ahead) % self.capacity, len(audio)
        first = min(n, self.capacity - at)
        self._data[at : at + first] = audio[:first]
        self._data[: n - first] = audio[first:]

    def read(self, position: int, limit: int) -> tuple[Audio, int]:
        """[disk] Up to `limit` frames from `position` on -> (a copy, frames lost before it).

        Frames are lost where the writer has lapped the reader; the copy then starts that much later.
        """
        lost = max(0, self.written - self.capacity - position)
        n = min(limit, self.written - position - lost)
        at = (position + lost) % self.capacity
        audio = np.concatenate([self._data[at : at + n], self._data[: max(0, at + n - self.capacity)]])
        torn = max(0, self.written - self.capacity - position - lost)  # overwritten while we copied
        torn = min(torn, len(audio))
        return audio[torn:], lost + torn


class LatentHistory:
    """The last vectors of one lane's source, and when each of them sounds; one writer, any number of readers.

    count  : vectors ever written, (1,)
    frames : of each, the frame of the tape at which it begins to sound, (length,)
    data   : (length, width) float32, in the order of the latents; zeros where there are no more
    """

    def __init__(
        self, count: npt.NDArray[np.int64], frames: npt.NDArray[np.int64], data: npt.NDArray[np.float32]
    ) -> None:
        self._count, self._frames, self._data = count, frames, data

    def write(self, frame: int, z: npt.NDArray[np.floating]) -> None:
        """[render] One more: (latents,), of which the first `width` are kept."""
        at, n = int(self._count[0]) % len(self._data), min(len(z), self._data.shape[1])
        self._data[at, :n], self._data[at, n:] = z[:n], 0.0
        self._frames[at] = frame
        self._count[0] += 1

    def clear(self) -> None:
        """[render] Forget them all."""
        self._count[0] = 0

    def read(self, frame: int) -> npt.NDArray[np.float64] | None:
        """[render] (width,) as it was at a frame of the tape, linear between two vectors.

        The newest where that is yet to come, the oldest where it is long gone; None where there is none.
        """
        count, length = int(self._count[0]), len(self._data)
        if not count:
            return None
        # the writer may be at work on the oldest one
        order = np.arange(max(0, count - length + 1), count) % length
        frames, z = self._frames[order], self._data[order].astype(np.float64)
        after = int(np.searchsorted(frames, frame, side="right"))
        if after in (0, len(frames)):
            return np.array(z[0 if after == 0 else -1])
        begin, end = frames[after - 1], frames[after]
        part = (frame - begin) / max(end - begin, 1)
        return np.array((1.0 - part) * z[after - 1] + part * z[after])
