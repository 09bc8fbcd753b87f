"""The sound of another deck as latents: a voice encodes it with its own model."""

from __future__ import annotations

import numpy as np

from perform.engine.protocol import Stream, StreamingEncoder, Vector
from perform.voice.deck_sound import DeckSound
from perform.voice.encoder_input import EncoderInput
from perform.voice.lane_context import NOBODY, LaneContext


class LeaderInput(EncoderInput):
    """[render] One voice's encoder of another deck's sound. It never waits for that deck.

    heard  : the deck; set before each frame
    plays  : whether that deck gave sound for the last frame; without it, silence is encoded
    """

    def __init__(self, encoder: StreamingEncoder, stream: Stream, context: LaneContext, rate: float) -> None:
        self.sound, self._context = DeckSound(encoder.card), context
        self.heard, self.plays = NOBODY, False
        super().__init__(encoder, stream, context.input, rate)

    def reset(self) -> None:
        """Reset the encoder too."""
        self.sound.reset()
        super().reset()

    def next_frame(self) -> Vector:
        """The next frame of that deck's sound, (channels, ratio); zeros if it plays nothing."""
        late = (self.elapsed - 1.0) * self._ratio * self._rate / self._model_rate
        x = self.sound.next(self._context, self.heard, late)
        self.plays = x is not None
        return np.zeros((self._channels, self._ratio), np.float32) if x is None else x
