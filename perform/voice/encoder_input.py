"""The live input of a voice as latents: one encoded frame for each frame that the voice renders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perform.core.ring_buffers import HistoryBuffer
from perform.engine.protocol import Stream, StreamingEncoder, Vector
from perform.voice.input_follower import InputFollower


class EncoderInput(InputFollower):
    """[render] One voice's encoded input.

    stream : the encoder's stream, used by this voice alone
    z      : (latents,) of the last frame; zeros before the first
    """

    def __init__(
        self, encoder: StreamingEncoder, stream: Stream, history: HistoryBuffer, rate: float
    ) -> None:
        self.encoder, self.stream = encoder, stream
        self.z: Vector = np.zeros(encoder.card.latents, np.float32)
        super().__init__(encoder.card, history, rate)

    def reset(self) -> None:
        """Reset the encoder too."""
        self.stream.reset()
        super().reset()


def encode_inputs(inputs: Sequence[EncoderInput]) -> None:
    """[render] Encode the next frame of each input, all of one model, as one batch."""
    if inputs:
        x = np.stack([one.next_frame() for one in inputs])  # (B, channels, ratio)
        z = inputs[0].encoder.encode([one.stream for one in inputs], x)  # (B, latents)
        for one, row in zip(inputs, z, strict=True):
            one.z = row
