"""Audio and latents between processes, in memory that all of them map.

A ring buffer passes frames from one writer to one reader. A history buffer keeps the last seconds for any
number of readers. A latent history keeps latents, with the frame at which each begins to sound.

Each position has one writer. Nothing waits and nothing is locked; `perform.core.memory_order` explains why a
reader never sees a position before its data. A writer may overwrite frames that a reader is copying: it
claims them first, and the reader then discards them. numpy and the standard library only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perform.core.memory_order import fence, load_acquire, store_release

Audio = npt.NDArray[np.float32]  #: (frames, 2), full scale +-1
Position = npt.NDArray[np.int64]  #: (1,), or (2,) of a ring buffer


class RingBuffer:
    """Frames from one writer to one reader: (capacity, 2) float32.

    ends : frames ever written, frames ever read
    """

    def __init__(self, ends: Position, data: Audio) -> None:
        self._ends, self._data = ends, data
        self.capacity = len(data)

    @property
    def written(self) -> int:
        """Frames ever written: the position of the next one to write."""
        return int(self._ends[0])

    @property
    def position(self) -> int:
        """Frames ever read or cleared: the position of the next one to read."""
        return int(self._ends[1])

    @property
    def fill(self) -> int:
        """Frames written and not yet read."""
        return max(0, int(self._ends[0]) - int(self._ends[1]))

    def write(self, audio: Audio) -> int:
        """[render] Append (n, 2) as far as it fits; return the number of frames appended."""
        written = int(self._ends[0])
        n = min(len(audio), self.capacity - max(0, written - load_acquire(self._ends, 1)))
        at = written % self.capacity
        first = min(n, self.capacity - at)
        self._data[at : at + first] = audio[:first]
        if first < n:
            self._data[: n - first] = audio[first:n]
        store_release(self._ends, 0, written + n)
        return n

    def past(self, frames: int) -> Audio:
        """[any] Copy the last frames that were read, (frames, 2), for a meter; (0, 2) if they are gone."""
        position = load_acquire(self._ends, 1)
        if position < frames:
            return self._data[:0].copy()
        at = (position - frames) % self.capacity
        audio = np.concatenate(
            [self._data[at : at + frames], self._data[: max(0, at + frames - self.capacity)]]
        )
        fence()
        kept = int(self._ends[0]) <= position - frames + self.capacity  # the writer is not there yet
        return audio if kept else audio[:0]

    def copy(self, position: int, limit: int) -> tuple[Audio, int]:
        """[render] Copy up to `limit` frames from `position` on, read or not; and the frames lost before it.

        Frames of the older half of the buffer count as lost: the writer may be overwriting them.
        """
        written = load_acquire(self._ends, 0)
        lost = max(0, written - self.capacity // 2 - position)
        n = max(0, min(limit, written - position - lost))
        at = (position + lost) % self.capacity
        return np.concatenate([self._data[at : at + n], self._data[: max(0, at + n - self.capacity)]]), lost

    def skip(self, frames: int) -> int:
        """[audio] Discard up to `frames` unread frames; return their number."""
        n = min(frames, self.fill)
        store_release(self._ends, 1, int(self._ends[1]) + n)
        return n

    def clear(self) -> None:
        """[stage] Discard unread frames. Only while no process writes or reads."""
        self._ends[1] = self._ends[0]

    def read(self, out: Audio) -> int:
        """[audio] Copy unread frames to the start of `out` (n, 2); return their number."""
        position = int(self._ends[1])
        n = min(len(out), max(0, load_acquire(self._ends, 0) - position))
        at = position % self.capacity
        first = min(n, self.capacity - at)
        out[:first] = self._data[at : at + first]
        if first < n:
            out[first:n] = self._data[: n - first]
        store_release(self._ends, 1, position + n)
        return n


class HistoryBuffer:
    """The last `capacity` frames of one track: (capacity, 2). Each reader keeps its own position.

    end     : frames ever written. All recorded tracks share one, so that their positions agree
    claimed : frame up to which the writer may have written; it is set before the write
    """

    def __init__(self, end: Position, claimed: Position, data: Audio) -> None:
        self._end, self._claimed, self._data = end, claimed, data
        self.capacity = len(data)

    @property
    def written(self) -> int:
        """Frames ever written: the position of the next one to write."""
        return int(self._end[0])

    def restart(self, position: int) -> None:
        """[audio] Continue at `position`, with silence before it. Only for a track with its own end."""
        self._claimed[0] = position + self.capacity
        fence()
        self._data[:] = 0.0
        store_release(self._claimed, 0, position)
        store_release(self._end, 0, position)

    def write(self, audio: Audio) -> None:
        """[audio] Append (n, 2), n <= capacity."""
        at = self.written
        self._put(audio, at)
        store_release(self._end, 0, at + len(audio))

    def write_ahead(self, audio: Audio, ahead: int = 0) -> None:
        """[audio] Write (n, 2), `ahead` frames after the end; the master's next `write` publishes them."""
        self._put(audio, self.written + ahead)

    def _put(self, audio: Audio, position: int) -> None:
        at, n = position % self.capacity, len(audio)
        self._claimed[0] = max(int(self._claimed[0]), position + n)
        fence()
        first = min(n, self.capacity - at)
        self._data[at : at + first] = audio[:first]
        if first < n:
            self._data[: n - first] = audio[first:]

    def read(self, position: int, limit: int) -> tuple[Audio, int]:
        """[disk] Copy up to `limit` frames from `position` on; return the copy and the frames lost before it.

        Frames are lost when the writer has overwritten them; the copy then starts that much later.
        """
        written = load_acquire(self._end, 0)
        lost = max(0, written - self.capacity - position)
        n = max(0, min(limit, written - position - lost))
        at = (position + lost) % self.capacity
        audio = np.concatenate([self._data[at : at + n], self._data[: max(0, at + n - self.capacity)]])
        fence()
        torn = max(0, int(self._claimed[0]) - self.capacity - position - lost)  # overwritten during the copy
        torn = min(torn, n)
        return audio[torn:], lost + torn


class LatentHistory:
    """The last latent vectors of one lane's source: one writer, any number of readers.

    count  : vectors ever written, (1,)
    frames : frame of the history buffer at which each vector begins to sound, (length,)
    data   : (length, width) float32; unused latents are zero
    """

    def __init__(self, count: Position, frames: npt.NDArray[np.int64], data: npt.NDArray[np.float32]) -> None:
        self._count, self._frames, self._data = count, frames, data

    def write(self, frame: int, z: npt.NDArray[np.floating]) -> None:
        """[render] Append (latents,), of which the first `width` are kept."""
        count = int(self._count[0])
        at, n = count % len(self._data), min(len(z), self._data.shape[1])
        fence()  # after the count: a reader that sees the new vector knows that the oldest one is gone
        self._data[at, :n], self._data[at, n:] = z[:n], 0.0
        self._frames[at] = frame
        store_release(self._count, 0, count + 1)

    def clear(self) -> None:
        """[render] Discard all vectors."""
        self._count[0] = 0

    def read(self, frame: int) -> npt.NDArray[np.float64] | None:
        """[render] Return the vector (width,) at a frame, by linear interpolation; None if there is none.

        Before the oldest vector this is the oldest one, after the newest the newest.
        """
        count, length = load_acquire(self._count, 0), len(self._data)
        order = np.arange(max(0, count - length + 1), count)  # the writer may be overwriting the oldest one
        frames, z = self._frames[order % length], self._data[order % length].astype(np.float64)
        fence()
        now = int(self._count[0])
        if now < count:  # cleared during the copy
            return None
        whole = order > now - length  # not overwritten during the copy
        frames, z = frames[whole], z[whole]
        if not len(frames):
            return None
        after = int(np.searchsorted(frames, frame, side="right"))
        if after in (0, len(frames)):
            return np.array(z[0 if after == 0 else -1])
        begin, end = frames[after - 1], frames[after]
        part = (frame - begin) / max(end - begin, 1)
        return np.array((1.0 - part) * z[after - 1] + part * z[after])
