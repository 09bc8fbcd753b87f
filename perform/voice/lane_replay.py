"""Replays a lane from its recorded streams: from the latents it renders the same audio again.

At another sample rate, or with another model, the same latents play at the same moments.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import numpy as np

from perform.core.errors import PerformError
from perform.core.file_mix import FileMix
from perform.core.ring_buffers import Audio
from perform.engine.file_reader import LocalFileReader
from perform.engine.many_frames import decode_frames, frames_per_call
from perform.engine.protocol import BufferSound, EffectStream, PlayableModel, Vector
from perform.library.cards import trim_db
from perform.voice.chord import decode
from perform.voice.recorded_streams import RecordedModel, RecordedSettings, RecordedStream
from perform.voice.voice_stream import VoiceStream

FLUSH = 1 << 14  #: samples of silence that flush a resampler
WARM_S = 10.0  #: decoding starts this long before the first frame that is wanted


class LaneReplay:
    """[render] One lane. Positions are frames of its ring buffer, scaled to the new rate.

    open_model : opens a recorded model, or the one that replaces it
    rate, recorded_rate : frames a second now, and in the recording
    trim : the gain with which the mixer plays the recorded model now, dB
    """

    def __init__(
        self,
        streams: Sequence[RecordedStream],
        open_model: Callable[[RecordedModel], PlayableModel],
        rate: int,
        recorded_rate: int,
        trim: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._streams, self._open_model, self._trim = streams, open_model, trim
        self._rate, self._recorded_rate = rate, recorded_rate
        self._starts = [self._position(stream, stream.ages[0]) for stream in streams]
        self._at = -1  # index of the stream that plays
        self._decoder: VoiceStream | None = None
        self._audio = np.zeros((0, 2), np.float32)  # decoded and not yet taken
        self._end = 0  # position after it
        self._flushed = False  # the stream's last frame is decoded
        self._sounds: dict[str, BufferSound] = {}  # in the buffers of modules, by their names

    def read(self, position: int, frames: int) -> Audio:
        """(frames, 2) from a scaled position of the ring; silence where no stream plays."""
        out = np.zeros((frames, 2), np.float32)
        done = 0
        while done < frames:
            at = position + done
            index = bisect.bisect_right(self._starts, at) - 1
            if index < 0:
                return out
            if index != self._at:
                self._begin(index, at)
            limit = self._starts[index + 1] if index + 1 < len(self._starts) else position + frames
            n = min(position + frames, limit) - at
            self._decode(at + n)
            begin = len(self._audio) - (self._end - at)
            part = self._audio[max(0, begin) : max(0, begin + n)]
            out[done + max(0, -begin) : done + max(0, -begin) + len(part)] = part
            self._audio = self._audio[max(0, begin + n) :]
            done += n
        return out

    def _scaled(self, position: int) -> int:
        return round(position * self._rate / self._recorded_rate)

    def _position(self, stream: RecordedStream, age: int) -> int:
        """Position of a frame's first sample; if it is resampled, up to the resampler's delay after it."""
        frame = stream.frame_at(age)
        if frame.tuning:
            return self._scaled(frame.base) + self._scaled(math.ceil(frame.tuning.time))
        time = age * stream.model.ratio / stream.model.sample_rate
        return self._scaled(frame.base) + round(time * self._rate)

    def _age_at(self, stream: RecordedStream, into: int) -> int:
        """The age of the frame that plays so many audio frames after the stream's first one."""
        first, last = stream.ages[0], stream.ages[-1]
        if not stream.frame_at(last).tuning:  # then none is tuned, and all take the same time
            return first + into * stream.model.sample_rate // (stream.model.ratio * self._rate)
        position = self._position(stream, first) + into
        index = bisect.bisect_right(stream.ages, position, key=lambda age: self._position(stream, age))
        return stream.ages[max(0, index - 1)]

    def _begin(self, index: int, position: int) -> None:
        """Start decoding a stream, at its beginning or WARM_S before the position."""
        into = position - self._starts[index] - round(WARM_S * self._rate)
        if index == self._at + 1 and self._streams[index].continues and into <= 0 and self._decoder:
            self._continue(index)
            return
        self._at, stream = index, self._streams[index]
        model = self._open_model(stream.model)
        self._card, self._model, self._call = model.card, model, frames_per_call(model)
        self._same_model = model.sha256 == stream.model.sha256  # attributes and style fit no other model
        louder = 0.0 if self._same_model else trim_db(model.card) - self._trim()
        self._level = np.float32(10.0 ** (louder / 20.0))  # another model is brought to the common loudness
        frame, recorded = (model.card.ratio, model.card.sample_rate), stream.model
        self._same_frames = frame == (recorded.ratio, recorded.sample_rate)
        warm_up = recorded.warm_up if self._same_model else None
        self._decoder = decoder = VoiceStream(model, self._rate, warm_up)
        self._adopted: bytes | None = None
        age = self._age_at(stream, into) if into > 0 else stream.ages[0]
        decoder.begin(stream.frame_at(age).seed, own=not stream.has_voices(age))
        decoder.settings.begin(stream.settings_at(age).bank)  # actions before it are done
        self._skip(decoder, stream, age)
        self._audio, self._flushed = np.zeros((0, 2), np.float32), False
        self._end = self._scaled(stream.frame_at(age).base) + decoder.sent

    def _continue(self, index: int) -> None:
        """Restart the decoder where a reset began a stream; first decode the rest: it may learn a style."""
        assert self._decoder
        while not self._flushed:
            self._decode(self._end + 1)
        self._at, stream = index, self._streams[index]
        first = stream.frame_at(stream.ages[0])
        self._decoder.begin(first.seed, own=first.voices is None)
        self._skip(self._decoder, stream, stream.ages[0])
        self._audio, self._flushed = np.zeros((0, 2), np.float32), False
        self._end = self._scaled(first.base) + self._decoder.sent

    def _skip(self, decoder: VoiceStream, stream: RecordedStream, age: int) -> None:
        """Advance a decoder that has just begun to a recorded frame."""
        if frames := self._model_age(stream, age):
            decoder.skip(frames)
            if tuning := stream.frame_at(age).tuning:
                time = tuning.time * self._rate / self._recorded_rate
                decoder.resume_tuning(tuning._replace(time=time))

    def _model_age(self, stream: RecordedStream, age: int) -> int:
        """Frames of the model that decodes, in the time of `age` frames of the recorded one."""
        then, now = stream.model, self._card
        return age * then.ratio * now.sample_rate // (then.sample_rate * now.ratio)

    def _recorded_age(self, stream: RecordedStream, age: int) -> int:
        then, now = stream.model, self._card
        return age * now.ratio * then.sample_rate // (now.sample_rate * then.ratio)

    def _decode(self, until: int) -> None:
        """Decode frames until the audio reaches a position, or the stream's last frame."""
        stream, decoder = self._streams[self._at], self._decoder
        assert decoder
        while self._end < until:
            ages = self._next_ages(stream, decoder)
            if not ages:
                if not self._flushed:  # the recording holds the rest of the resampler too
                    self._flushed, decoder.file_mix = True, None
                    self._append(decoder.resample(np.zeros((self._card.channels, FLUSH), np.float32)))
                return
            frames = [stream.frame_at(age) for age in ages]
            z = np.zeros((len(frames), self._card.latents), np.float32)
            for row, frame in zip(z, frames, strict=True):
                n = min(len(row), len(frame.z))
                row[:n] = frame.z[:n]
            self._adopt_style(decoder, stream.style_before(ages[0]))
            self._apply_settings(decoder, stream.settings_at(ages[0]))
            voices = frames[0].voices
            if not self._same_frames:
                voices = decoder.chord.continued(voices)
            decoder.chord.follow(voices, decoder.age)
            if (sound := stream.sound_at(ages[0])) is not None:
                self._feed(decoder, sound)
            noise = np.array([decoder.noise(frame.temperature) for frame in frames])
            decoded: Iterable[Vector]
            if voices is None:
                decoded = decode_frames(self._model, decoder.stream, z, noise)
            else:  # one frame, of several voices
                inputs = decoder.inputs(z[0], noise[0], frames[0].temperature)
                decoded = decoder.chord.mix(decode(self._model, [inputs])[0])[None]
            for age, frame, y in zip(ages, frames, decoded, strict=True):
                decoder.ratio = frame.tuning.ratio if frame.tuning else 1.0
                decoder.file_mix = self._mix_at(stream, age)
                self._append(decoder.resample(y if self._same_model else y * self._level))
                self._end = self._scaled(frame.base) + decoder.sent

    def _next_ages(self, stream: RecordedStream, decoder: VoiceStream) -> list[int]:
        """Return the recorded ages of the next frames for one call; none after the last."""
        ages: list[int] = []
        for at in (self._recorded_age(stream, decoder.age + i) for i in range(self._call)):
            if at > stream.ages[-1]:
                break
            if ages and not decoder.chord.is_alone:
                break
            if ages and (stream.has_voices(at) or stream.has_voices(ages[0])):
                break
            if ages and stream.settings_at(at) is not stream.settings_at(ages[0]):
                break
            if ages and stream.style_before(at) is not stream.style_before(ages[0]):
                break
            ages.append(at)
        return ages

    def _adopt_style(self, decoder: VoiceStream, style: bytes | None) -> None:
        """Restore the style from the log, for a stream that was not decoded from its beginning."""
        if self._same_model and style is not None and style is not self._adopted:
            decoder.stream.restore_style(style)
        self._adopted = style

    def _apply_settings(self, decoder: VoiceStream, recorded: RecordedSettings) -> None:
        """Set the attributes of a frame, if the model is the recorded one."""
        if self._same_model:
            if decoder.settings.texts is not recorded.texts:
                decoder.settings.sounds = {text: self._sound(text, recorded) for text in recorded.sounds}
                decoder.settings.set_texts(recorded.texts)
            decoder.settings.apply(recorded.bank)

    def _feed(self, decoder: VoiceStream, sound: Vector) -> None:
        """Give an effect module its recorded sound, (inputs, samples); a model that takes none plays on."""
        card, recorded = self._card, self._streams[self._at].model
        if not self._model.takes_sound:
            return
        if not self._same_frames:
            what = (
                f"takes sound in frames of {card.ratio} samples at {card.sample_rate} Hz; "
                f"{recorded.name} had {recorded.ratio} at {recorded.sample_rate} Hz"
            )
            raise PerformError(what, where=card.name, hint="swap it for another model")
        if sound.shape[1] != card.ratio:
            what = f"the gesture log is damaged: a frame has {sound.shape[1]} samples, not {card.ratio}"
            raise PerformError(what, where=card.name, hint="the WAV files are complete")
        cast(EffectStream, decoder.stream).feed(sound[np.arange(card.latents) % len(sound)])

    def _mix_at(self, stream: RecordedStream, age: int) -> FileMix | None:
        """The sound of the deck's file in a frame; a model with other frames plays without it."""
        mix = stream.mix_at(age) if self._same_frames else None
        if mix and mix.dry is not None and mix.dry.shape[1] != self._card.ratio:
            what = (
                f"the gesture log is damaged: a frame has {mix.dry.shape[1]} samples, not {self._card.ratio}"
            )
            raise PerformError(what, where=self._card.name, hint="the WAV files are complete")
        return mix

    def _sound(self, text: str, recorded: RecordedSettings) -> BufferSound:
        """[disk] Read a sound of the module's buffers. PerformError: it is gone, or has changed since."""
        if text not in self._sounds:
            self._sounds[text] = found = LocalFileReader().sound(text)
            if found.digest != recorded.sounds[text]:
                hint = "bring back the file that the take was recorded with"
                raise PerformError("has changed since the take was recorded", where=text, hint=hint)
        return self._sounds[text]

    def _append(self, audio: Audio) -> None:
        self._audio = np.concatenate([self._audio, audio])
        self._end += len(audio)
