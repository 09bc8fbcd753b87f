"""What a voice hears of the live input: it follows the tape, and its model's encoder makes latents of it.

A frame's input is complete some time before the frame has to sound: `slack`. The less of it, the shorter the
way from the input to the output, which is slack + the frame + what model, resamplers and limiter hold back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from perform.core.ring_buffers import HistoryBuffer
from perform.engine.protocol import Stream, StreamingEncoder, Vector
from perform.engine.resampling import resampler, resampling_delay


class EncoderInput:
    """[render] One voice's.

    stream : of the encoder, nobody else's meanwhile
    z : (latents,) of the last frame, zeros before there was one
    """

    def __init__(self, encoder: StreamingEncoder, stream: Stream, tape: HistoryBuffer, rate: float) -> None:
        card = encoder.card
        self.encoder, self._tape, self._rate = encoder, tape, rate
        self.stream = stream
        self._ratio, self._channels, self._own = card.ratio, card.channels, card.sample_rate
        self._resample = card.sample_rate != rate
        self._late = resampling_delay(rate, card.sample_rate) * rate  # reckoned once a process
        self._position = tape.written  # frame of the tape that is heard next
        self._slack: float | None = None  # frames between a frame's input and its sound, once it is known
        self.z: Vector = np.zeros(card.latents, np.float32)
        self.reset()

    def reset(self) -> None:
        """Silence before, no memory; it goes on from where it is on the tape."""
        self.stream.reset()
        self._heard = np.zeros((0, self._channels), np.float32)  # at the model's rate, less than a frame
        if self._resample:
            self._resampler = resampler(self._rate, self._own, self._channels)

    @property
    def end(self) -> int:
        """Frame of the tape up to which it has to be written for the next frame to be complete, about."""
        return self._position + self._missing

    @property
    def _missing(self) -> int:
        missing = max(0, self._ratio - len(self._heard))
        return math.ceil(missing * self._rate / self._own)

    @property
    def behind(self) -> float:
        """Frames from the input to where its frame begins in the ring; 0 before `follow`."""
        if self._slack is None:
            return 0.0
        return self._slack + self._ratio * self._rate / self._own + self._late

    def follow(self, sounds: int, slack: float, tolerance: float) -> None:
        """The next frame will sound at this frame of the tape: hear what came `slack` frames before it.

        Nothing moves while the input lies where it did, within `tolerance` frames: an input that goes on is
        heard without a gap.
        """
        if self._slack is None or abs(sounds - self.end - self._slack) > tolerance:
            self._heard = self._heard[:0]
            self._slack = float(round(slack))
            self._position = sounds - int(self._slack) - self._missing

    def let_go(self) -> None:
        """Where it lies is no longer known: the newest is heard, till `follow` says otherwise."""
        self._slack = None
        self._position = self._tape.written - self._missing

    def complete(self) -> bool:
        """Hear what has come; True where that is a whole frame."""
        while len(self._heard) < self._ratio and self.end <= self._tape.written:
            self._hear(self._missing)
        return len(self._heard) >= self._ratio

    def _hear(self, frames: int) -> None:
        audio, lost = self._tape.read(self._position, min(frames, self._tape.written - self._position))
        self._position += lost + len(audio)
        if self._channels == 1:
            audio = audio.mean(axis=1, keepdims=True)
        if self._resample:
            audio = self._resampler.resample_chunk(np.ascontiguousarray(audio))
        self._heard = np.concatenate([self._heard, audio])

    def take(self) -> Vector:
        """The next frame's input (channels, ratio); the newest there is, where it is not complete."""
        if not self.complete() and self._position < self._tape.written:
            self._hear(self._missing)
        frame, self._heard = self._heard[: self._ratio], self._heard[self._ratio :]
        x = np.zeros((self._channels, self._ratio), np.float32)
        x[:, : len(frame)] = np.nan_to_num(frame).T
        return x


def listen(ears: Sequence[EncoderInput]) -> None:
    """[render] The next frame of each, all of one model, as one batch."""
    if ears:
        x = np.stack([ear.take() for ear in ears])
        z = ears[0].encoder.encode([ear.stream for ear in ears], x)
        for ear, row in zip(ears, z, strict=True):
            ear.z = row
