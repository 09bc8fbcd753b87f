"""The live input of a voice as latents: one encoded frame for each frame that the voice renders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perform.core.ring_buffers import HistoryBuffer
from perform.engine.protocol import Stream, StreamingEncoder, Vector
from perform.voice.input_follower import InputFollower


class EncoderInput(InputFollower):
    """[render] One voice's encoded input. The encoder keeps its own pace, whatever a deck is tuned to.

    stream : the encoder's stream, used by this voice alone
    z      : (latents,) of the voice's last frame; zeros before the first
    pace   : frames of input for one frame of the voice: 1, or less on a deck that is tuned up
    """

    def __init__(
        self, encoder: StreamingEncoder, stream: Stream, history: HistoryBuffer, rate: float
    ) -> None:
        self.encoder, self.stream = encoder, stream
        self.z: Vector = np.zeros(encoder.card.latents, np.float32)
        self.pace = 1.0
        self._before = self._newest = self.z  # of the last two frames of input
        super().__init__(encoder.card, history, rate)

    def reset(self) -> None:
        """Reset the encoder too."""
        self.stream.reset()
        super().reset()

    def take(self, z: Vector) -> None:
        """Take the latents of the next frame of input."""
        self._before, self._newest = self._newest, z
        self.elapsed -= 1.0

    def advance(self) -> None:
        """Set `z` for the voice's next frame: by its end, it has reached the newest frame of input."""
        part = self.elapsed + self.pace
        self.z = self._newest if part >= 1.0 else self._before + part * (self._newest - self._before)
        self.elapsed += self.pace


def encode_inputs(inputs: Sequence[EncoderInput]) -> None:
    """[render] Encode the inputs, all of one model, for the next frame of each voice, as batches."""
    while due := [one for one in inputs if one.due]:
        x = np.stack([one.next_frame() for one in due])  # (B, channels, ratio)
        z = due[0].encoder.encode([one.stream for one in due], x)  # (B, latents)
        for one, row in zip(due, z, strict=True):
            one.take(row)
    for one in inputs:
        one.advance()
