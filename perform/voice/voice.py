"""A deck's voice: the table's numbers and a source become latents, a host makes them sound.

One frame a call, the same live and offline: given the same table at each frame and the same seed it gives
the same samples. Voices of one model are decoded together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perform.core import params
from perform.core.params import SLOTS, SOURCES, Table
from perform.core.ring_buffers import Audio
from perform.engine.file_latents import FileLatents
from perform.engine.protocol import PlayableModel, Stream, StreamingEncoder, Vector
from perform.engine.resampling import resampler, resampling_delay
from perform.voice.encoder_input import EncoderInput, listen
from perform.voice.file_source import FileSource
from perform.voice.lane_context import LaneContext, leads
from perform.voice.module_settings import ModuleSettings
from perform.voice.shaping import GLIDE_S, RISE_S, LatentGlide, LatentShaping
from perform.voice.sources import HandSource, Latents, LatentSource, LoopSource, PriorSource, WalkSource

COLDEST = 0.01  #: temperature of a prior, at least: it is divided by it
SKIPPED = 256  #: frames passed over at once


class VoiceStream:
    """[render] A voice without its source: a stream of a host, its chance, its way to the stage's rate.

    settings  : its attributes
    seed, age : what its chance began with, and the frames since
    sent      : frames made at the stage's rate since it began
    resets    : how often the decoder had to be reset because its output was not finite
    """

    def __init__(self, host: PlayableModel, rate: float) -> None:
        self._card, self._rate, self._noise = host.card, rate, host.noise
        self.stream = host.stream()
        self.settings = ModuleSettings(host, self.stream)
        self._resample = host.card.sample_rate != rate
        self.resets = self.sent = self.seed = self.age = 0

    def begin(self, seed: int) -> None:
        """Decoder and chance at their beginning."""
        self.seed, self.age, self.sent = seed, 0, 0
        self._random = np.random.default_rng([seed, 1])
        self.stream.reset()
        if self._resample:
            self._resampler = resampler(self._card.sample_rate, self._rate, self._card.channels)

    def skip(self, frames: int) -> None:
        """As if so many frames had been decoded, all of them silent: chance and time go on."""
        self.age += frames
        for at in range(0, frames, SKIPPED):
            count = min(SKIPPED, frames - at)
            self._random.standard_normal((count, self._noise))
            silence = np.zeros((count * self._card.ratio, self._card.channels), np.float32)
            self.sent += len(self._resampler.resample_chunk(silence) if self._resample else silence)

    def chance(self, temperature: float) -> Vector:
        """The next frame's noise (noise values,)."""
        self.age += 1
        return (self._random.standard_normal(self._noise) * temperature).astype(np.float32)

    def sound(self, y: Vector) -> Audio:
        """What the host made of it, (channels, ratio): about ratio x rate / model rate frames, (n, 2)."""
        if not np.isfinite(y).all():  # it would stay in the decoder's caches for ever
            self.stream.reset()
            self.resets += 1
            y = np.zeros_like(y)
        frames = self._resampler.resample_chunk(y.T) if self._resample else y.T  # (n, channels)
        self.sent += len(frames)
        return np.broadcast_to(frames, (len(frames), 2))  # mono or stereo


class Voice(VoiceStream):
    """[render] Frames of one deck, stereo at the stage's rate.

    place : its lane in the arena, for the sources that need others; without one they give nothing
    given, z : (latents,) of the last frame, sigma: what its source gave, and what sounds
    temperature : of its noise
    ear : what hears the input, while that is its source
    """

    def __init__(
        self, host: PlayableModel, deck: int, rate: float, table: Table, place: LaneContext | None = None
    ) -> None:
        super().__init__(host, rate)
        self._gesture, self._host, self._place, self._deck = host.gesture, host, place, deck
        self._has_prior = host.has_prior
        names = ("source", "freeze", "speed", "temperature", "seed", "silence")
        self._slot = {name: SLOTS[f"deck/{deck}/{name}"] for name in names}
        self._file = {name: SLOTS[f"deck/{deck}/file/{name}"] for name in ("play", "loop", "start", "end")}
        self._restarts = [SLOTS[f"deck/{deck}/seed"], SLOTS[f"deck/{deck}/reset"], SLOTS["panic"]]
        self._bank = params.bank(deck)
        self.z, self.temperature = np.zeros(host.card.latents, np.float32), 0.0
        self.given: Latents = np.zeros(host.card.latents)
        self.ear: EncoderInput | None = None
        self._listening: Stream | None = None
        self._leader = 0  # the deck it follows
        self.adopt(table)
        self.start(table)

    def start(self, table: Table) -> None:
        """Decoder, sources and chance back to their beginning, with the table's seed."""
        self._started = table[self._restarts]
        seed, card = int(table[self._slot["seed"]]), self._card
        loop: LatentSource = LoopSource(self._gesture) if len(self._gesture) else HandSource(card.latents)
        self._sources: dict[str, LatentSource] = {
            "hand": HandSource(card.latents),
            "loop": loop,
            "walk": WalkSource(card, seed),
            "prior": PriorSource(self._drawn, seed) if self._has_prior else HandSource(card.latents),
        }
        if self.ear:
            self.ear.reset()
        self._came = np.zeros(card.latents)  # from the input, or from another deck
        self._playing = FileSource()
        self._glide, self._shaping = (
            LatentGlide(self.frame_s),
            LatentShaping(self._deck, card.latents, self.frame_s),
        )
        self.begin(seed)

    def adopt(self, table: Table) -> None:
        """Go on with another table: what was reset in it before now is none of this voice's business."""
        self._started = table[self._restarts]
        self.settings.begin(table[self._bank])

    def _drawn(self, seed: int) -> Vector:
        """The next frame of the model's prior (latents,)."""
        return self.stream.prior(max(self.temperature, COLDEST), seed)

    @property
    def held_s(self) -> float:
        """Seconds of sound that its resampler holds back."""
        return resampling_delay(self._card.sample_rate, self._rate)

    @property
    def frame_s(self) -> float:
        """Seconds of sound in a frame."""
        return self._card.ratio / self._card.sample_rate

    @property
    def behind(self) -> float:
        """Frames from the input to what becomes of it here; 0 where it is nothing of the source."""
        said = (self._card.decoder_s + self.held_s) * self._rate
        if self.ear and self.ear.behind:
            return self.ear.behind + self._card.encoder_s * self._rate + said
        if self._place and self._leader and (heard := self._place.heard(self._leader, self.frame_s)):
            return heard + said
        return 0.0

    def attend(self, table: Table) -> None:
        """Start over where the table says so, and listen where the input is the source; before each frame."""
        self.settings.apply(table[self._bank])
        if not np.array_equal(table[self._restarts], self._started):
            self.start(table)
        listens = SOURCES[int(table[self._slot["source"]])] == "input"
        if not listens or not self._place:
            self.ear = None
        elif self.ear is None and (encoder := self._host.encoder):
            self.ear = EncoderInput(encoder, self._listener(encoder), self._place.input, self._rate)

    def _listener(self, encoder: StreamingEncoder) -> Stream:
        """A stream of the encoder, the same each time: what it has learnt outlives another source."""
        if self._listening is None:
            self._listening = encoder.stream()
            self.settings.share(self._listening)
        return self._listening

    def latents(self, table: Table) -> tuple[Vector, Vector]:
        """The next frame's latents (latents,) as the table stands now, and its chance (noise values,)."""
        self.temperature = float(table[self._slot["temperature"]])
        self.given = self._source(table)
        level, octaves = 0.0, 0.0
        if self._place:
            self._place.leave(self.given)
            level, octaves = self._place.modulation
        self.z = self._shaping(self.given, table, level, octaves).astype(np.float32)
        return self.z, self.chance(self.temperature)

    def _source(self, table: Table) -> Latents:
        name = SOURCES[int(table[self._slot["source"]])]
        speed = 0.0 if table[self._slot["freeze"]] else float(table[self._slot["speed"]])
        self._leader = leads(table, self._deck) if name == "deck" else 0
        if name in self._sources:
            return self._glide(name, self._sources[name].next(speed))
        if self._place and name == "deck":
            leader = self._leader
            z = self._place.follow(leader, self._deck) if leader else None
            return self._glide((name, leader), self._held(z, still=not speed))
        if self._place and name == "file" and self._place.has_file:
            return self._played(self._place.recording, table, speed)
        if self.ear:
            return self._listened(self.ear, table, still=not speed)
        return self._glide("hand", self._sources["hand"].next(speed))

    def _held(self, z: Latents | None, *, still: bool) -> Latents:
        """What comes from elsewhere, now; the last of it while the source stands still."""
        if not still:
            self._came = np.zeros(self._card.latents) if z is None else z
        return self._came

    def _listened(self, ear: EncoderInput, table: Table, *, still: bool) -> Latents:
        """The input's latents, or where its gate is shut those of silence."""
        z = self._held(ear.z.astype(np.float64), still=still)
        if self._place and self._place.gate_open:
            return self._glide("input", z, RISE_S if self._glide.key == "silence" else GLIDE_S)
        return self._glide("silence", self._silence(table))

    def _played(self, recording: FileLatents | None, table: Table, speed: float) -> Latents:
        """The file's latents, there at once wherever it begins; silence before it is read, and after it."""
        now = {name: float(table[slot]) for name, slot in self._file.items()}
        z = None
        if recording:
            z = self._playing.next(
                recording,
                speed,
                begin=now["start"],
                end=now["end"],
                loop=bool(now["loop"]),
                plays=now["play"],
            )
        if z is None:
            return self._glide("silence", self._silence(table))
        return self._glide(("file", self._playing.turns), z, RISE_S)

    def _silence(self, table: Table) -> Latents:
        """The latents of silence: the model's, or the deck's own."""
        encoder = self._host.encoder
        z = encoder.silence.astype(np.float64) if encoder else np.zeros(self._card.latents)
        if table[self._slot["silence"]]:
            own = table[params.slots(self._deck, "silence")][: len(z)]
            z[: len(own)] = own
        return z


def render(host: PlayableModel, voices: Sequence[Voice], tables: Sequence[Table]) -> list[Audio]:
    """[render] The next frame of each voice of a host, each as its own table stands now."""
    for voice, table in zip(voices, tables, strict=True):
        voice.attend(table)
    listen([voice.ear for voice in voices if voice.ear])
    wanted = [voice.latents(table) for voice, table in zip(voices, tables, strict=True)]
    z, noise = (np.stack(part) for part in zip(*wanted, strict=True))
    y = host.render([voice.stream for voice in voices], z, noise)
    return [voice.sound(one) for voice, one in zip(voices, y, strict=True)]
