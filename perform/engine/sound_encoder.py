"""Encoding sound of any rate and channel count: for files and offline work, not for live input."""

from __future__ import annotations

import numpy as np

from perform.core.ring_buffers import Audio
from perform.engine.many_frames import encode_frames
from perform.engine.protocol import StreamingEncoder, Vector
from perform.engine.resampling import resampler


class SoundEncoder:
    """Encodes blocks of sound with one stream of an encoder.

    rate : sample rate of the sound, Hz
    many : encode many frames per call, with another graph; for processes without a clock
    """

    def __init__(self, encoder: StreamingEncoder, rate: float, *, many: bool = False) -> None:
        card, self._many = encoder.card, many
        self._encoder, self._stream = encoder, encoder.stream()
        self._channels, self._ratio = card.channels, card.ratio
        self._resampler = None
        if card.sample_rate != rate:
            self._resampler = resampler(rate, card.sample_rate, card.channels)
        self._remainder = np.zeros((0, card.channels), np.float32)  # samples of an incomplete frame

    def __call__(self, x: Audio) -> list[Vector]:
        """Encode a block (n, channels), n >= 0, and return each complete frame's latents, (latents,)."""
        x = np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
        if self._channels == 1:
            x = x.mean(axis=1, keepdims=True)
        elif x.shape[1] < self._channels:
            x = np.broadcast_to(x[:, :1], (len(x), self._channels))
        x = np.ascontiguousarray(x[:, : self._channels], np.float32)
        if self._resampler:
            x = self._resampler.resample_chunk(x)
        x = np.concatenate([self._remainder, x])
        count = len(x) // self._ratio
        whole, self._remainder = x[: count * self._ratio], x[count * self._ratio :]
        frames = whole.reshape(count, self._ratio, self._channels).swapaxes(1, 2)  # (count, channels, n)
        if self._many and count:
            return list(encode_frames(self._encoder, self._stream, frames))
        return [self._encoder.encode([self._stream], frame[None])[0] for frame in frames]
