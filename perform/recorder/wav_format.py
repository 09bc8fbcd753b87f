"""The WAV format of a take: stereo, 24-bit PCM or 32-bit float, RIFF that becomes RF64 at 4 GiB.

The layout never changes: 80 bytes of header, then frames of 6 bytes (24-bit PCM) or 8 (32-bit float). A
closed file holds its markers (`markers.py`) behind the last frame.

    0   RIFF size WAVE          12   RF64 past 4 GiB
    12  JUNK, 28 bytes          36   ds64 past 4 GiB: the sizes in 64 bits
    48  fmt, 16 bytes           24   WAVE_FORMAT_PCM, which every reader opens, or WAVE_FORMAT_IEEE_FLOAT
    72  data size                8
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.ring_buffers import Audio

CHANNELS = 2
HEADER = 80  #: bytes before the first frame

_FULL = 0xFFFF_FFFF  # RIFF counts bytes in 32 bits
_MARK = b"perform take"  # in the JUNK chunk: identifies a file of perform
_OPEN_MARK = b"perform take, open"  # until the file is closed; an open RF64 has no JUNK, it counts 0 samples


class WavFormat(NamedTuple):
    """The WAVE format code and the bits per sample."""

    code: int
    bits: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return CHANNELS * self.bits // 8

    def encode(self, audio: Audio) -> bytes:
        """Encode (n, 2) float32 as interleaved bytes. NaN becomes 0."""
        return encode(audio) if self.code == 1 else np.nan_to_num(audio).astype("<f4", order="C").tobytes()


PCM24, FLOAT32 = WavFormat(1, 24), WavFormat(3, 32)
FORMATS = {"pcm24": PCM24, "float32": FLOAT32}


def encode(audio: Audio) -> bytes:
    """Encode (n, 2) float32 as 24-bit little-endian, interleaved; 1.0 is 2**23, clipped to 2**23 - 1.

    Rounds to the nearest step, ties to even; NaN becomes 0. Any multiple of 2**-23 is stored exactly.
    There is no dither. The rounding error is 144 dB below full scale, under the noise of every converter.
    Without dither, silence stays silence, and a take can be compared with its source bit by bit.
    """
    scale = np.float32(1 << 23)
    steps = np.rint(np.clip(np.nan_to_num(audio), -1.0, 1.0 - 1.0 / scale) * scale)
    octets: npt.NDArray[np.uint8] = steps.astype("<i4", order="C").view(np.uint8)
    return octets.reshape(-1, 4)[:, :3].tobytes()


def header(rate: int, frames: int, form: WavFormat = PCM24, tail: int = 0, *, is_open: bool = False) -> bytes:
    """Return the header of a file with `frames` frames at `rate` Hz, then `tail` bytes of markers."""
    size = form.frame_bytes * frames
    riff = HEADER - 8 + size + tail
    if riff < _FULL:
        mark = _OPEN_MARK if is_open else _MARK
        head = struct.pack("<4sI4s4sI28s", b"RIFF", riff, b"WAVE", b"JUNK", 28, mark)
    else:
        count = 0 if is_open else frames
        head = struct.pack("<4sI4s4sIQQQI", b"RF64", _FULL, b"WAVE", b"ds64", 28, riff, size, count, 0)
    fields = (form.code, CHANNELS, rate, rate * form.frame_bytes, form.frame_bytes, form.bits)
    return head + struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, *fields, b"data", size if riff < _FULL else _FULL)
