"""Cuts the live input into frames at a model's rate, a fixed time before each frame sounds.

A frame's input is complete `slack` frames before the frame must sound. The latency from input to output is
the slack, the length of the frame, and the delays of model, resamplers and limiter.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from perform.core.ring_buffers import Audio
from perform.engine.protocol import Vector
from perform.engine.resampling import resampler, resampling_delay
from perform.library.cards import Card


class FollowedSound(Protocol):
    """Sound that is being written: the live input's history, or another deck's."""

    @property
    def written(self) -> int:
        """Frames ever written."""
        ...

    def read(self, position: int, limit: int) -> tuple[Audio, int]:
        """Copy up to `limit` frames (n, 2) from `position` on; and the frames lost before it."""
        ...


class InputFollower:
    """[render] Reads one voice's input from the history of the live input.

    card    : of the encoder
    rate    : of the history, frames per second
    elapsed : frames of input since the last one was encoded, until the voice's next frame begins
    """

    def __init__(self, card: Card, history: FollowedSound, rate: float) -> None:
        self._history, self._rate = history, rate
        self._ratio, self._channels, self._model_rate = card.ratio, card.channels, card.sample_rate
        self._resample = card.sample_rate != rate
        self._resampler_delay = resampling_delay(rate, card.sample_rate) * rate  # frames, cached per process
        self._position = history.written  # the next frame of the history to read
        self._slack: float | None = None  # frames between a frame's input and its sound; None until `follow`
        self.reset()

    def reset(self) -> None:
        """Forget the past audio; reading continues at the same position."""
        self.elapsed = 1.0
        self._pending = np.zeros((0, self._channels), np.float32)  # at the model's rate, less than a frame
        if self._resample:
            self._resampler = resampler(self._rate, self._model_rate, self._channels)

    @property
    def due(self) -> int:
        """Frames of input to encode before the voice's next frame: 1, or another number if it is tuned."""
        return int(self.elapsed)

    @property
    def end(self) -> int:
        """The frames that are due are complete when the history has been written about up to this frame."""
        return self._position + self._missing

    @property
    def _missing(self) -> int:
        missing = max(0, self.due * self._ratio - len(self._pending))
        return math.ceil(missing * self._rate / self._model_rate)

    @property
    def delay(self) -> float:
        """Frames from an input to the start of its model frame in the ring buffer; 0 before `follow`."""
        return self.delay_at(1.0)

    def delay_at(self, pace: float) -> float:
        """The delay at a pace, frames of input for one frame of the voice; its mean if it varies."""
        if self._slack is None:
            return 0.0
        waits = self.elapsed % 1.0 if pace == 1.0 else (1.0 + max(0.0, 1.0 - pace) ** 2) / 2
        frame = self._ratio * self._rate / self._model_rate
        return self._slack + frame * ((1.0 + pace) / 2 + waits) + self._resampler_delay

    def follow(self, sounds_at: int, slack: float, tolerance: float) -> None:
        """Align the next frame: it sounds at frame `sounds_at`, so its input ends `slack` frames before.

        The position moves only if it is wrong, or the slack too short, by more than `tolerance` frames. So
        normally there are no gaps.
        """
        sounds_at -= round(self.elapsed % 1.0 * self._ratio * self._rate / self._model_rate)
        if (
            self._slack is None
            or abs(sounds_at - self.end - self._slack) > tolerance
            or slack - self._slack > tolerance
        ):
            self._pending = self._pending[:0]
            self._slack = float(round(slack))
            self._position = sounds_at - int(self._slack) - self._missing

    def release(self) -> None:
        """Timing lost: read the latest input until `follow` sets the position again."""
        self._slack = None
        self._position = self._history.written - self._missing

    def complete(self) -> bool:
        """Read the input that has arrived; True if all frames that are due are there."""
        wanted = self.due * self._ratio
        while len(self._pending) < wanted and self.end <= self._history.written:
            self._read(self._missing)
        return len(self._pending) >= wanted

    def _read(self, frames: int) -> None:
        audio, lost = self._history.read(self._position, min(frames, self._history.written - self._position))
        self._position += lost + len(audio)
        if self._channels == 1:
            audio = audio.mean(axis=1, keepdims=True)
        if self._resample:
            audio = self._resampler.resample_chunk(np.ascontiguousarray(audio))
        self._pending = np.concatenate([self._pending, audio])

    def next_frame(self) -> Vector:
        """The next frame's input (channels, ratio); padded with zeros if it is incomplete."""
        if not self.complete() and self._position < self._history.written:
            self._read(self._missing)
        frame, self._pending = self._pending[: self._ratio], self._pending[self._ratio :]
        x = np.zeros((self._channels, self._ratio), np.float32)
        x[:, : len(frame)] = np.nan_to_num(frame).T  # (n, channels) -> (channels, n)
        return x
