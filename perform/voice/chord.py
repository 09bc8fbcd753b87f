"""A deck's voices: up to four notes of a pitched model, each with its own decoder stream, noise and gate.

A mono model that plays one voice may have a stereo width: one more stream decodes the same latents with other
noise, for the right channel.

With one voice only the deck's own stream plays. With more, it fades out, and each note whose gate is on
sounds: with the deck's latents, but at its own pitch. All of them are decoded as one batch and summed before
the resampler. A voice that is silent is not decoded. A host calls `advance` with the parameters, a replay
calls `follow` with the voices in the event log; the rest is one code, so both give the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from perform.core.event_log import SoundingVoice
from perform.core.params import VOICES, Table
from perform.engine.compiled_model import CompiledModel, CompiledStream
from perform.engine.decoder_reset import reset
from perform.engine.protocol import PlayableModel, Stream, Vector
from perform.voice.module_settings import ModuleSettings

OWN = 0  #: number of the deck's own stream, which plays while the deck has one voice
RIGHT = VOICES + 1  #: number of the stream of the right channel, whose gain is the width
ATTACK_S, RELEASE_S = 0.015, 0.06  #: linear fades of a note, or one frame where that is longer
WIDEN_S = 0.1  #: in which the width moves from 0 to 1: the new stream has no past
SKIPPED = 256  #: frames of noise drawn at once


class DecoderInput(NamedTuple):
    """What one stream decodes next: latents (latents,) and noise (noise values,)."""

    stream: Stream
    z: Vector
    noise: Vector


class Chord:
    """[render] The voices of one deck's stream.

    pitch    : number of the pitch latent; None for a model without one, which has one voice
    is_alone : the deck's own stream plays alone, at gain 1
    widens   : whether the model can have a width: a mono RAVE that plays noise
    sounding : the voices of the next frame, in order; None: only the deck's own stream, at gain 1
    """

    def __init__(self, model: PlayableModel, own: Stream, settings: ModuleSettings, warm_up: int) -> None:
        """warm_up: frames that are decoded unheard after each reset."""
        self._model, self._own, self._settings, self._warm_up = model, own, settings, warm_up
        self.pitch, self.widens = model.card.pitch, can_widen(model)
        self._to_end = np.arange(1, model.card.ratio + 1, dtype=np.float32) / np.float32(model.card.ratio)
        self._streams: dict[int, Stream] = {}

    def begin(self, seed: int, *, own: bool = True) -> None:
        """Reset the deck's own stream and start without notes; own: that stream sounds."""
        reset(self._model, self._own, self._warm_up)
        self._seed = seed
        self.sounding: tuple[SoundingVoice, ...] | None = None
        self.is_alone = own
        self._gains = {OWN: 1.0} if own else {}  # of each voice that sounds
        self._since = {OWN: 1} if own else {}  # frames for which it has; 0 would start its stream again
        self._random: dict[int, np.random.Generator] = {}

    @property
    def notes(self) -> int:
        """How many notes sound in the next frame."""
        return sum(voice.number not in (OWN, RIGHT) for voice in self.sounding or ())

    def advance(
        self,
        count: int,
        pitches: Table,
        gates: Table,
        z: Vector,
        frame_s: float,
        age: int,
        width: float = 0.0,
    ) -> None:
        """Choose the voices of the next frame.

        count   : voices of the deck; with 1 its own stream plays, without a gate
        pitches : of its notes, in semitones from its pitch latent
        z       : the deck's latents
        frame_s : length of the frame, seconds;  age : frames since `begin`
        width   : of one voice, 0..1; it glides there

        A note sounds at a gain of 1 / sqrt(count), so that a full chord is as loud as one voice alone.
        """
        gains = self._gains
        wanted = width if self.widens and count == 1 else 0.0
        if count == 1 and not wanted and len(gains) == 1 and gains.get(OWN) == 1.0:
            self.sounding, self.is_alone = None, True
            return
        full = 1.0 / math.sqrt(count)
        played = []
        for number in (*range(VOICES + 1), RIGHT):
            is_note = OWN < number < RIGHT
            is_on = number <= count > 1 and gates[number - 1] > 0 if is_note else count == 1
            before, target = gains.get(number, 0.0), full if is_on else 0.0
            if number == RIGHT:
                target = wanted
            if not before and not target:
                continue
            step = max(before, target, full) * frame_s / (ATTACK_S if target > before else RELEASE_S)
            if number == RIGHT:
                step = frame_s / WIDEN_S
            after = min(target, before + step) if target > before else max(target, before - step)
            since = self._since.get(number, 0)
            octaves = 0.0 if number == OWN or self.pitch is None else float(z[self.pitch])
            octaves += pitches[number - 1] / 12.0 if is_note else 0.0
            played.append(
                SoundingVoice(number, since, *(float(np.float32(x)) for x in (octaves, before, after)))
            )
        self.follow(tuple(played), age)

    def follow(self, voices: tuple[SoundingVoice, ...] | None, age: int) -> None:
        """Play these voices in the next frame, whose age is `age`; None: only the deck's own stream."""
        if voices and not self.widens:  # a take that renders with another model
            voices = tuple(voice for voice in voices if voice.number != RIGHT)
        self.sounding, self.is_alone = voices, voices is None
        if voices is None:
            self._gains, self._since = {OWN: 1.0}, {OWN: 1}
            return
        self._gains, self._since = {}, {}
        for voice in voices:
            if not voice.since or voice.number not in (OWN, *self._random):
                self._start(voice, age)
            if voice.after:
                self._gains[voice.number] = voice.after
                self._since[voice.number] = voice.since + 1

    def continued(self, voices: tuple[SoundingVoice, ...] | None) -> tuple[SoundingVoice, ...] | None:
        """Return recorded voices for `follow`, where the recorded frames had another length.

        Each voice goes on from its gain now, and begins if it has none; one that is gone fades out.
        """
        if voices is None:
            if self._gains == {OWN: 1.0}:
                return None
            voices = (SoundingVoice(OWN, 0, 0.0, 0.0, 1.0),)
        pitches = {voice.number: voice.pitch for voice in self.sounding or ()}
        wanted = {n: SoundingVoice(n, 0, pitches.get(n, 0.0), 0.0, 0.0) for n in self._gains}
        wanted |= {voice.number: voice for voice in voices}
        return tuple(
            wanted[n]._replace(since=self._since.get(n, 0), before=self._gains.get(n, 0.0))
            for n in sorted(wanted)
        )

    def _start(self, voice: SoundingVoice, age: int) -> None:
        """Reset a voice's stream, and draw its noise up to this frame."""
        if voice.number == OWN:  # its prior has played all the time
            reset(self._model, self._own, self._warm_up, keeps_prior=True)
            return
        if voice.number not in self._streams:
            self._streams[voice.number] = self._model.stream()
            self._settings.add_stream(self._streams[voice.number])
        reset(self._model, self._streams[voice.number], self._warm_up)
        random = np.random.default_rng([self._seed, 3, voice.number, age - voice.since])
        for at in range(0, voice.since, SKIPPED):
            random.standard_normal((min(SKIPPED, voice.since - at), self._model.noise))
        self._random[voice.number] = random

    def inputs(self, z: Vector, noise: Vector, temperature: float) -> list[DecoderInput]:
        """What the voices that sound decode next; z, noise: the deck's."""
        if self.sounding is None:
            return [DecoderInput(self._own, z, noise)]
        wanted = []
        for voice in self.sounding:
            if voice.number == OWN:
                wanted.append(DecoderInput(self._own, z, noise))
                continue
            own_z, drawn = z.copy(), self._random[voice.number].standard_normal(self._model.noise)
            if self.pitch is not None:
                own_z[self.pitch] = voice.pitch
            if voice.number == RIGHT:
                self._share_style(self._streams[RIGHT])
            own_noise = (drawn * temperature).astype(np.float32)
            wanted.append(DecoderInput(self._streams[voice.number], own_z, own_noise))
        return wanted

    def _share_style(self, stream: Stream) -> None:
        """Let a stream decode in the style that the deck's own stream has learnt."""
        own = self._own
        if not (isinstance(own, CompiledStream) and isinstance(stream, CompiledStream)):
            return
        if not (own.has_default_style and stream.has_default_style):
            stream.restore_style(own.saved_style)

    def mix(self, y: Vector) -> Vector:
        """Sum the voices' frames (voices, channels, ratio) with their gains -> (channels, ratio).

        With a width, a mono model gives two channels: the right one moves from the deck's own stream to the
        one with other noise.
        """
        if self.sounding is None:
            one: Vector = y[0]
            return one
        mixed = np.zeros((self._model.card.channels, self._model.card.ratio), np.float32)
        for voice, one in zip(self.sounding, y, strict=True):
            if voice.number != RIGHT:
                mixed += one * self._gain(voice)
        if self.sounding and self.sounding[-1].number == RIGHT:
            other = (y[-1] - y[0]) * self._gain(self.sounding[-1])
            if self.sounding[0].number == OWN:
                return np.concatenate([mixed, mixed + other * self._gain(self.sounding[0])])
        return mixed

    def _gain(self, voice: SoundingVoice) -> Vector | np.float32:
        """A voice's gain over the frame: (ratio,), or one value."""
        before, after = np.float32(voice.before), np.float32(voice.after)
        return before + (after - before) * self._to_end if before != after else before

    def reset(self) -> None:
        """Reset the decoders of the voices that sound: their sum was NaN or infinite."""
        for number in [OWN] if self.sounding is None else [voice.number for voice in self.sounding]:
            reset(self._model, self._own if number == OWN else self._streams[number], self._warm_up)


def can_widen(model: PlayableModel) -> bool:
    """Whether two streams with the same latents differ: a mono model of ours that plays noise."""
    return isinstance(model, CompiledModel) and model.card.channels == 1 and model.noise > 0


def decode(model: PlayableModel, wanted: Sequence[Sequence[DecoderInput]]) -> list[Vector]:
    """[render] Decode the next frames of several decks as one batch: (voices, channels, ratio) of each."""
    flat = [each for inputs in wanted for each in inputs]
    if not flat:
        return [np.zeros((0, model.card.channels, model.card.ratio), np.float32) for _ in wanted]
    streams, z, noise = zip(*flat, strict=True)
    y = model.render(streams, np.array(z), np.array(noise))  # (B, channels, ratio)
    at, frames = 0, []
    for inputs in wanted:
        frames.append(y[at : at + len(inputs)])
        at += len(inputs)
    return frames


def warm_up(model: PlayableModel) -> None:
    """[disk] Decode a chord of each size now: the first one takes many times as long as later ones."""
    most = VOICES + 1 if model.card.pitch is not None else 2 if can_widen(model) else 1
    z, noise = np.zeros(model.card.latents, np.float32), np.zeros(model.noise, np.float32)
    for count in range(2, most + 1):  # a fade between one voice and notes has one more
        decode(model, [[DecoderInput(model.stream(), z, noise) for _ in range(count)]])
