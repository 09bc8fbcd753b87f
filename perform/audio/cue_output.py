"""The outputs of the cue: two more channels of the device, or a second device.

The second device has its own clock, so the sound between the two is kept in a buffer. Where that runs
dry or full, the cue fades out for a moment. The master does not depend on it. If the second device is
unplugged, it is opened again when it is back.
"""

from __future__ import annotations

import contextlib
import math
from types import ModuleType
from typing import Any

import numpy as np

from perform.audio import device as devices
from perform.audio.device import Device
from perform.core.ring_buffers import Audio, RingBuffer

BUFFER = 1 << 15  #: frames
FADE = 240  #: frames of a fade where the buffer ran dry or full
STALL_S = 1.0  #: a second device that has not called back for this long is gone
RETRY_S = 2.0  #: between two attempts to open it again


class CueOutput:
    """[main] The outputs that `wanted` names, on `device` or on another; none of them if that is impossible.

    wanted   : "": none; a number: the first of two outputs of the device, counted from 1; else another device
    channels : outputs of `device` that are needed
    text     : where the cue plays, or why it does not
    """

    def __init__(self, sd: ModuleType, device: Device, wanted: str) -> None:
        self.channels, self.text = 2, ""
        self._sd, self._first = sd, 0
        self._second: Device | None = None
        self._stream: Any = None
        self._buffer: DriftBuffer | None = None
        self._opening = 0.0, 0  # rate and block
        self._seen, self._seen_at = -1, math.inf  # blocks of the second device, and when they grew last
        self._tried_at = math.inf
        if wanted.isdecimal():
            self._choose_outputs(device, int(wanted))
        elif wanted:
            self._choose_device(device, wanted)

    def _choose_outputs(self, device: Device, first: int) -> None:
        if first < 3 or device.channels <= first:
            self.text = f"no cue: {device} has {device.channels} outputs, none called {first} and {first + 1}"
            if first < 3:
                self.text = "no cue: outputs 1 and 2 play the master; choose 3 or another device"
            return
        self._first, self.channels = first - 1, first + 1
        self.text = f"cue on outputs {first} and {first + 1}"

    def _choose_device(self, device: Device, wanted: str) -> None:
        try:
            second, _ = devices.choose(self._sd, wanted)
        except devices.NoDevice as error:
            self.text = f"no cue: {error}"
            return
        if second.index == device.index:
            self.text = f"no cue: {second} plays the master; name its outputs, or another device"
            return
        self._second = second

    @property
    def is_wanted(self) -> bool:
        """The mixer must make the cue."""
        return bool(self._first or self._second)

    def open(self, rate: float, block: int) -> None:
        """Open the second device, if there is one; `text` says why it cannot be opened."""
        self._opening = rate, block
        if self._second is not None:
            self._open_second(self._second)

    def _open_second(self, second: Device) -> None:
        buffer, (rate, block) = DriftBuffer(), self._opening
        try:
            self._stream = devices.open_stream(self._sd, second, None, rate, block, buffer.fill)
        except devices.NoDevice as error:
            self.text = f"no cue: {error}"
            return
        self._buffer, self._seen, self._seen_at = buffer, -1, math.inf
        self.text = f"cue on {second}"

    def poll(self, now: float) -> None:
        """Notice that the second device is gone, and open it when it is back; call it often."""
        if self._second is None:
            return
        if self._buffer and self._buffer.blocks != self._seen:
            self._seen, self._seen_at = self._buffer.blocks, now
        if self._stream and not (self._stream.active and now - self._seen_at < STALL_S):
            with contextlib.suppress(self._sd.PortAudioError):  # a lost device may refuse to be closed
                self._stream.close()
            self._stream = self._buffer = None
            self.text, self._tried_at = f"no cue: {self._second} is gone; perform waits for it", now
        self._tried_at = min(self._tried_at, now)
        if self._stream is None and now - self._tried_at > RETRY_S:
            self._tried_at, waiting = now, self.text
            self._open_second(self._second)
            if self._stream is None:
                self.text = waiting  # said once

    @property
    def is_playing(self) -> bool:
        """The cue has outputs."""
        return bool(self._first or (self._stream and self._stream.active))

    def split(self, both: Audio, out: Audio) -> None:
        """[audio] Put master and cue, (n, 4), to their outputs; out: (n, channels) of the device."""
        out[:, :2] = both[:, :2]
        out[:, 2:] = 0.0
        if self._first:
            out[:, self._first : self._first + 2] = both[:, 2:]
        elif self._buffer:
            self._buffer.put(both[:, 2:])


class DriftBuffer:
    """Sound from one device's callback to another's, whose clock differs.

    blocks : how many the second device has taken
    """

    def __init__(self) -> None:
        self._ring = RingBuffer(np.zeros(2, np.int64), np.zeros((BUFFER, 2), np.float32))
        self._block = 0  # frames of the longest block on either side
        self._plays = False
        self.blocks = 0

    @property
    def _target(self) -> int:
        return 2 * self._block

    def put(self, x: Audio) -> None:
        """[audio] Add a block (n, 2); where the other side takes nothing, it is lost."""
        self._block = max(self._block, len(x))
        self._ring.write(x)

    def fill(self, came: Audio | None, out: Audio, buffered: float, status: Any) -> None:
        """[audio] Fill a block (n, 2) of the second device: a callback of `device.open_stream`."""
        n = len(out)
        self.blocks += 1
        self._block = max(self._block, n)
        fill = self._ring.fill
        begins = not self._plays
        if begins and fill < self._target + n:
            out[:] = 0.0
            return
        if begins and fill > 2 * self._target + n:  # it ran full: go on with the newest
            self._skip(fill - self._target - n)
        out[self._ring.read(out) :] = 0.0
        fade = min(FADE, n)
        rise = np.linspace(0.0, 1.0, fade, dtype=np.float32)[:, None]
        if begins:
            out[:fade] *= rise
        left = self._ring.fill
        self._plays = n <= left <= 4 * self._target + n
        if not self._plays:  # fade out while there is still sound
            out[n - fade :] *= rise[::-1]

    def _skip(self, frames: int) -> None:
        self._ring.read(np.zeros((frames, 2), np.float32))
