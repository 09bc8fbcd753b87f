"""One decoder stream: its noise, its attributes, and its resampler to the stage's sample rate."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from perform.core.event_log import Tuning
from perform.core.file_mix import FileMix
from perform.core.ring_buffers import Audio
from perform.engine.protocol import PlayableModel, Vector
from perform.engine.resampling import resampler
from perform.engine.varispeed import HISTORY, Varispeed, joined
from perform.voice.chord import SKIPPED, Chord, DecoderInput
from perform.voice.module_settings import ModuleSettings


class VoiceStream:
    """[render] A decoder stream of one model. `Voice` adds a source; a replay adds recorded latents.

    settings  : the module's attributes and actions
    chord     : the voices that sound
    seed, age : seed of the noise, and frames decoded since `begin`
    sent      : audio frames at the stage's rate since `begin`
    resets    : how often the decoder was reset because its output was NaN or infinite
    ratio     : by which the next frame's pitch is raised; set it before `resample`
    file_mix  : what `resample` does with the sound of the deck's file; None: nothing
    """

    def __init__(self, model: PlayableModel, rate: float, warm_up: int | None = None) -> None:
        """Make a stream of a model.

        rate    : of the audio, Hz
        warm_up : frames that are decoded unheard after each reset; None: as many as the card says
        """
        self._card, self._rate, self._noise_values = model.card, rate, model.noise
        self.stream = model.stream()
        self.settings = ModuleSettings(model, self.stream)
        frames = model.card.warm_up if warm_up is None else warm_up
        self.chord = Chord(model, self.stream, self.settings, frames)
        self._resample = model.card.sample_rate != rate
        self.resets = self.sent = self.seed = self.age = 0
        self.ratio = 1.0
        self.file_mix: FileMix | None = None
        self._varispeed: Varispeed | None = None

    def begin(self, seed: int, *, own: bool = True) -> None:
        """Reset the decoder and the resampler, and seed the noise; own: it sounds without notes."""
        self.seed, self.age, self.sent = seed, 0, 0
        self._random = np.random.default_rng([seed, 1])
        self.chord.begin(seed, own=own)
        self._varispeed, self._taken = None, 0  # samples of the model since `begin`
        self._past: deque[Vector] = deque(maxlen=-(-HISTORY // self._card.ratio))  # its last frames
        if self._resample:
            self._resampler = resampler(self._card.sample_rate, self._rate, self._card.channels)

    def skip(self, frames: int) -> None:
        """Advance noise, resampler and frame count as if so many silent frames had been decoded."""
        self.age += frames
        for at in range(0, frames, SKIPPED):
            count = min(SKIPPED, frames - at)
            self._random.standard_normal((count, self._noise_values))
            silence = np.zeros((count * self._card.ratio, self._card.channels), np.float32)
            self.sent += len(self._resampler.resample_chunk(silence) if self._resample else silence)
            self._taken += len(silence)

    def resume_tuning(self, tuning: Tuning) -> None:
        """After `skip`: continue as a tuned stream, from a recorded frame."""
        self._varispeed = Varispeed.resumed(self._speed, self._card.channels, tuning)
        self.sent = self._varispeed.sent

    @property
    def tuning(self) -> Tuning | None:
        """How the last frame was resampled; None if the stream was never tuned since `begin`."""
        return self._varispeed.tuning if self._varispeed else None

    @property
    def _speed(self) -> float:
        """Samples of the model for one frame of sound at ratio 1."""
        return self._card.sample_rate / self._rate

    def noise(self, temperature: float) -> Vector:
        """The next frame's noise (noise values,)."""
        self.age += 1
        return (self._random.standard_normal(self._noise_values) * temperature).astype(np.float32)

    def inputs(self, z: Vector, noise: Vector, temperature: float) -> list[DecoderInput]:
        """What its voices decode next: latents (latents,) and noise (noise values,) of each."""
        return self.chord.inputs(z, noise, temperature)

    def resample_voices(self, y: Vector) -> Audio:
        """Mix the voices' frames (voices, channels, ratio) and resample them, as `resample` does."""
        return self.resample(self.chord.mix(y))

    def resample(self, y: Vector) -> Audio:
        """The decoder's output (channels, n) -> audio at the stage's rate, about (n x rate / model rate, 2).

        A mono model's output has two channels while it has a width or a file's sound. The resampler
        of fixed ratio takes one, so the first such frame starts a varispeed.

        NaN or infinity becomes silence and resets the decoder, whose state would keep the NaN.
        """
        if not math.isfinite(y.sum()) and not np.isfinite(y).all():
            self.chord.reset()
            self.resets += 1
            y = np.zeros_like(y)
        if self.file_mix:
            y = self.file_mix.mixed(y)
        y = y.T  # (channels, n) -> (n, channels)
        is_wide = y.shape[1] > self._card.channels
        if (self.ratio != 1.0 or (is_wide and self._resample)) and not self._varispeed:
            self._varispeed = self._new_varispeed()
        if self._varispeed:
            audio = self._varispeed(y, self.ratio)
            self.sent = self._varispeed.sent
        else:
            audio = self._resampler.resample_chunk(y) if self._resample else y
            self.sent += len(audio)
            self._past.append(y.copy())
            self._taken += len(y)
        stereo = np.empty((len(audio), 2), np.float32)
        stereo[:] = audio  # mono to both channels
        return stereo

    def _new_varispeed(self) -> Varispeed:
        """One that continues where the sound is now; the stream keeps it until it begins again."""
        began = self.ratio if not self._taken else 1.0
        played = self.sent * self._speed - self._taken
        past = np.zeros((0, self._card.channels), np.float32)
        for frame in self._past:
            past = joined(past, frame)
        return Varispeed(self._speed, past, min(played, 0.0), self.sent, began)
