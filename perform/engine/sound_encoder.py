"""Encoding sound of any rate and channel count: for files and offline work, not for live input."""

from __future__ import annotations

import numpy as np

from perform.core.ring_buffers import Audio
from perform.engine.protocol import StreamingEncoder, Vector
from perform.engine.resampling import resampler


class SoundEncoder:
    """Encodes blocks of sound with one stream of an encoder.

    rate : sample rate of the sound, Hz
    """

    def __init__(self, encoder: StreamingEncoder, rate: float) -> None:
        card = encoder.card
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
        x, frames = np.concatenate([self._remainder, x]), []
        whole = len(x) - len(x) % self._ratio
        for at in range(0, whole, self._ratio):
            frame = x[at : at + self._ratio].T[None]  # (n, channels) -> (1, channels, n)
            frames.append(self._encoder.encode([self._stream], frame)[0])
        self._remainder = x[whole:]
        return frames
