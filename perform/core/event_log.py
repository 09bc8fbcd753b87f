"""Event logs from hosts and mixer to the recorder: the changes of values and their times, in a ring of bytes.

Each lane's voice and the mixer write one log each; the recorder reads all of them and stores them beside the
take (`perform.recorder.gesture_log`). A writer never waits. When the log is full, the record is dropped and
counted, and the writer's next record holds all its values again. numpy and the standard library only.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.memory_order import load_acquire, store_release

Values = npt.NDArray[np.float64]
Slots = npt.NDArray[np.intp]

#: header of a record: bytes that follow, kind, writer, frame of the history at which it happened
RECORD_HEADER = struct.Struct("<IHHq")

#: kinds of records; FIRST_VALUES is ALL_VALUES of a writer that has just started;
#: SOUND_FED is the sound that an effect module gets with the frame that follows, see `pack_sound`;
#: FILE_MIXED is the `FileMix` of the frame that follows, and comes before its SOUND_FED
(
    CHANGED_VALUES,
    ALL_VALUES,
    FIRST_VALUES,
    FRAME_RENDERED,
    RING_READ,
    MARKER,
    RECORDS_LOST,
    FRAME_TUNED,
    FRAME_OF_VOICES,
    SOUND_FED,
    FILE_MIXED,
) = range(11)
FRAMES = (FRAME_RENDERED, FRAME_TUNED, FRAME_OF_VOICES)  #: kinds that hold a `FrameEvent`

STAGE_WRITER = 0xFFFF  #: the writer of markers; the others are numbered like `Arena.event_logs`
ALL_VALUES_S = 5.0  #: seconds between two records that hold all values of their writer


class EventLog:
    """Records from one writer to one reader, in a ring of bytes.

    who  : number of the writer
    ends : (3,) bytes ever written, bytes released, records dropped
    data : (capacity,)
    """

    def __init__(self, who: int, ends: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]) -> None:
        self.who = who
        self._ends, self._data, self._bytes = ends, data, data.data
        self.capacity = len(data)

    @property
    def dropped(self) -> int:
        """Records that were dropped because the log was full."""
        return int(self._ends[2])

    @property
    def oldest(self) -> int:
        """Position of the oldest byte that is not released."""
        return int(self._ends[1])

    def append(self, kind: int, at: int, payload: bytes) -> bool:
        """[render], [audio] Append a record. If there is no room, count it and return False."""
        record = RECORD_HEADER.pack(len(payload), kind, self.who, at) + payload
        written, n = int(self._ends[0]), len(record)
        if n > self.capacity - (written - load_acquire(self._ends, 1)):
            self._ends[2] += 1
            return False
        start = written % self.capacity
        first = min(n, self.capacity - start)
        self._bytes[start : start + first] = record[:first]
        self._bytes[: n - first] = record[first:]
        store_release(self._ends, 0, written + n)
        return True

    def read(self, position: int) -> bytes:
        """[disk] All records from `position` on: `oldest`, or the end of an earlier read."""
        n = load_acquire(self._ends, 0) - position
        start = position % self.capacity
        return (
            self._data[start : start + n].tobytes()
            + self._data[: max(0, start + n - self.capacity)].tobytes()
        )

    def release(self, position: int) -> None:
        """[disk] Free the bytes before `position` for the writer."""
        store_release(self._ends, 1, position)


class EventWriter:
    """[render], [audio] Writes the changes of some values to an event log, and regularly all of them.

    slots   : indices of these values in `Arena.values`
    rate    : Hz
    details : bytes written after all values: other facts about the writer
    """

    def __init__(self, log: EventLog, slots: Slots, rate: float, details: bytes) -> None:
        self._log, self._slots, self._details = log, slots, details
        self._written, self._written_bytes = np.full(len(slots), np.nan), b""
        self._every = round(ALL_VALUES_S * rate)
        self._due = -1  # frame of the history at which all values are written again
        self._started = False

    def write_values(self, at: int, values: Values, *, still: bool = True) -> bool:
        """Log the values that apply from frame `at` of the history on; True if all of them were written.

        still : no fade runs, so the values describe the writer's state and a replay can begin here
        """
        now = values[self._slots]
        as_bytes = now.tobytes()
        if at >= self._due and (still or not self._started):
            kind = ALL_VALUES if self._started else FIRST_VALUES
            if self._log.append(kind, at, pack_values(self._slots, now) + self._details):
                self._written, self._due, self._started = now, at + self._every, True
                self._written_bytes = as_bytes
                return True
            return False
        if as_bytes != self._written_bytes and len(changed := np.flatnonzero(now != self._written)):
            if self._log.append(CHANGED_VALUES, at, pack_values(self._slots[changed], now[changed])):
                self._written, self._written_bytes = now, as_bytes
            else:
                self._due = at
        return False

    def is_due(self, at: int) -> bool:
        """Return whether all values are due at frame `at` of the history."""
        return at >= self._due

    def set_details(self, details: bytes) -> None:
        """Replace the details. The next record holds all values, with the new details."""
        self._details, self._due = details, -1

    def write(self, kind: int, at: int, payload: bytes) -> None:
        """Log another event. If it is dropped, all values follow."""
        if not self._log.append(kind, at, payload):
            self._due = at


def pack_values(slots: Slots, values: Values) -> bytes:
    """Pack slots and their values."""
    return struct.pack("<H", len(slots)) + slots.astype("<u2").tobytes() + values.astype("<f8").tobytes()


def unpack_values(payload: bytes) -> tuple[Slots, Values, bytes]:
    """Unpack slots, values and the bytes after them. ValueError: the payload is cut short."""
    if len(payload) < 2:
        raise ValueError("no values")
    n = int.from_bytes(payload[:2], "little")
    middle, end = 2 + 2 * n, 2 + 10 * n
    if len(payload) < end:
        raise ValueError("values cut short")
    slots = np.frombuffer(payload[2:middle], "<u2").astype(np.intp)
    return slots, np.frombuffer(payload[middle:end], "<f8").astype(np.float64), payload[end:]


class Tuning(NamedTuple):
    """How a frame of a tuned deck is resampled: what a replay needs to begin there.

    time   : of the frame's first sample, in frames of sound since the stream began
    before : the ratio at its beginning; 2 is an octave up
    ratio  : the ratio at its end
    """

    time: float
    before: float
    ratio: float


class SoundingVoice(NamedTuple):
    """One of a deck's voices in one frame.

    number : 1..VOICES; 0: the deck's own stream, which plays while the deck has one voice
    since  : frames for which it has sounded before this one; 0: its stream begins
    pitch  : its pitch latent, octaves above 220 Hz
    before, after : its gain at the beginning and at the end of the frame
    """

    number: int
    since: int
    pitch: float
    before: float
    after: float


class FrameEvent(NamedTuple):
    """One frame that a lane's voice decoded.

    base        : position in the lane's ring buffer of the stream's first sample
    age         : frames of the stream before this one; 0 after a start or reset
    seed        : random seed of the stream
    temperature : randomness of the latents beyond the model's PCA
    z           : (latents,) to the decoder
    tuning      : None for a stream that was never tuned
    voices      : those that sound; None: only the deck's own stream, at gain 1
    """

    base: int
    age: int
    seed: int
    temperature: float
    z: npt.NDArray[np.float32]
    tuning: Tuning | None = None
    voices: tuple[SoundingVoice, ...] | None = None

    @property
    def kind(self) -> int:
        """The kind of its record: FRAME_OF_VOICES with voices, FRAME_TUNED with a tuning only."""
        if self.voices is not None:
            return FRAME_OF_VOICES
        return FRAME_TUNED if self.tuning else FRAME_RENDERED

    def pack(self) -> bytes:
        """Pack the event as a record's payload."""
        tuning = _TUNING.pack(*self.tuning) if self.tuning else b""
        if self.voices is not None:
            voices = b"".join(_VOICE.pack(*voice) for voice in self.voices)
            tuning = bytes((len(self.voices), bool(self.tuning))) + voices + tuning
        return tuning + _FRAME.pack(*self[:4]) + self.z.astype("<f4").tobytes()

    @classmethod
    def unpack(cls, payload: bytes, kind: int = FRAME_RENDERED) -> FrameEvent:
        """Unpack an event. ValueError: the payload is cut short."""
        count, is_tuned, first = 0, kind == FRAME_TUNED, 0
        if kind == FRAME_OF_VOICES:
            if len(payload) < 2:
                raise ValueError("a frame cut short")
            count, is_tuned, first = payload[0], bool(payload[1]), 2
        tuned_at = first + count * _VOICE.size
        begin = tuned_at + is_tuned * _TUNING.size
        end = begin + _FRAME.size
        if len(payload) < end or (len(payload) - end) % 4:
            raise ValueError("a frame cut short")
        voices = tuple(SoundingVoice(*each) for each in _VOICE.iter_unpack(payload[first:tuned_at]))
        tuning = Tuning(*_TUNING.unpack_from(payload, tuned_at)) if is_tuned else None
        z = np.frombuffer(payload, "<f4", offset=end).astype(np.float32)
        base, age, seed, temperature = _FRAME.unpack_from(payload, begin)
        return cls(base, age, seed, temperature, z, tuning, voices if kind == FRAME_OF_VOICES else None)


_FRAME = struct.Struct("<qqqd")
_TUNING = struct.Struct("<ddd")
_VOICE = struct.Struct("<BIfff")


def pack_sound(sound: npt.NDArray[np.float32]) -> bytes:
    """Pack the sound of a frame, (inputs, samples)."""
    return struct.pack("<H", len(sound)) + sound.astype("<f4").tobytes()


def unpack_sound(payload: bytes) -> npt.NDArray[np.float32]:
    """Unpack the sound of a frame, (inputs, samples). ValueError: the payload is damaged."""
    inputs = int.from_bytes(payload[:2], "little")
    if not inputs or (len(payload) - 2) % (4 * inputs):
        raise ValueError("sound cut short")
    return np.frombuffer(payload, "<f4", offset=2).astype(np.float32).reshape(inputs, -1)


class RingReadEvent(NamedTuple):
    """The mixer began or stopped to read a lane's ring buffer, or skipped frames of it.

    ring   : first frame of this block, as a position in the ring buffer
    frames : read in this block
    whole  : True if later blocks continue from here without gaps; False if nothing follows these frames
    """

    lane: int
    ring: int
    frames: int
    whole: bool

    def pack(self) -> bytes:
        """Pack the event as a record's payload."""
        return _RING_READ.pack(*self)

    @classmethod
    def unpack(cls, payload: bytes) -> RingReadEvent:
        """Unpack an event. ValueError: the payload is cut short."""
        if len(payload) != _RING_READ.size:
            raise ValueError("a reading cut short")
        lane, ring, frames, whole = _RING_READ.unpack(payload)
        return cls(lane, ring, frames, bool(whole))


_RING_READ = struct.Struct("<HqI?")
