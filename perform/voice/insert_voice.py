"""The voice of an insert: an effect module that plays the sound which the mixer gives it, without gaps."""

from __future__ import annotations

from typing import cast

import numpy as np

from perform.core.params import SLOTS, Table
from perform.core.ring_buffers import Audio, HistoryBuffer
from perform.engine.protocol import EffectStream, PlayableModel, Vector
from perform.engine.sound_passage import SoundPassage
from perform.voice.input_follower import InputFollower
from perform.voice.voice_stream import VoiceStream

TEMPERATURE = 1.0  #: of the module's noise
_PANIC = SLOTS["panic"]


class InsertFollower(InputFollower):
    """[render] Cuts an insert's input into frames of its module."""

    def __init__(self, model: PlayableModel, history: HistoryBuffer, rate: float) -> None:
        self._capacity = history.capacity
        super().__init__(SoundPassage(model.card, "").card, history, rate)

    def start(self) -> int:
        """Begin again with the newest sound; return its first frame."""
        self.reset()
        self._position = self._history.written
        return self._position

    @property
    def is_lost(self) -> bool:
        """Whether it is so late that its input is about to be overwritten."""
        return self._history.written - self._position > self._capacity // 2


class InsertVoice(VoiceStream):
    """[render] One playing instance of an effect module, as `FrameWriter` and a replay know voices.

    z, temperature : as of any voice; the latents of an insert are 0
    sound : of the last frame, (inputs, ratio); None for silence
    begin_at : the frame of the input that is the first of the stream, less its place in the ring buffer
    """

    temperature = TEMPERATURE

    def __init__(
        self, model: PlayableModel, bank: slice, history: HistoryBuffer, rate: float, table: Table
    ) -> None:
        """bank: slots of its attributes and actions."""
        super().__init__(model, rate)
        self._model, self._bank = model, bank
        self.z = np.zeros(model.card.latents, np.float32)
        self.sound: Vector | None = None
        self._follower = InsertFollower(model, history, rate)
        self._panics = float(table[_PANIC])
        self.settings.begin(table[bank])
        self.begin_at = 0

    def start(self, written: int) -> None:
        """Begin the stream with the newest input; written: frames ever written to the ring buffer."""
        self.begin(0)
        self.begin_at = self._follower.start() - written

    @property
    def frame_s(self) -> float:
        """Length of a frame, seconds."""
        return self._card.ratio / self._card.sample_rate

    @property
    def end(self) -> int:
        """Frame of the input up to which the next frame needs it."""
        return self._follower.end

    @property
    def is_lost(self) -> bool:
        """Whether it is so late that it has to begin again."""
        return self._follower.is_lost

    def complete(self) -> bool:
        """Whether the next frame's input has arrived."""
        return self._follower.complete()

    def apply(self, table: Table) -> bool:
        """Before each frame: apply attributes and actions; True after a panic: it must start again."""
        self.settings.apply(table[self._bank])
        before, self._panics = self._panics, float(table[_PANIC])
        return self._panics != before

    def render(self) -> Audio:
        """The next frame, (n, 2); its input has arrived."""
        x = self._follower.next_frame()  # (channels, ratio)
        sound = x[np.arange(self._card.latents) % len(x)]
        self.sound = sound if sound.any() else None
        if self.sound is not None:
            cast(EffectStream, self.stream).feed(self.sound)
        noise = self.noise(self.temperature)
        return self.resample(self._model.render([self.stream], self.z[None], noise[None])[0])
