"""A voice: a source and the parameter table give latents, the model decodes them to audio.

Live and offline rendering both use it, one frame at a time. The same tables and the same seed give the same
samples. Voices of one model are decoded as one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from perform.core import params
from perform.core.params import SLOTS, SOURCES, Table
from perform.core.ring_buffers import Audio
from perform.engine.file_latents import FileLatents
from perform.engine.protocol import EffectStream, PlayableModel, Stream, StreamingEncoder, Vector
from perform.engine.resampling import resampling_delay
from perform.engine.varispeed import varispeed_delay
from perform.voice.chord import decode
from perform.voice.deck_sound import DeckSound
from perform.voice.dry_file import DryFile
from perform.voice.effect_input import SOUND_SOURCES, EffectInput
from perform.voice.encoder_input import EncoderInput, encode_inputs
from perform.voice.file_source import FileSlots, FileSource
from perform.voice.home import Home
from perform.voice.lane_context import NOBODY, LaneContext, followed_deck, heard_deck
from perform.voice.leader_input import LeaderInput
from perform.voice.shaping import GLIDE_S, RISE_S, LatentGlide, LatentShaping
from perform.voice.sources import (
    CorpusWalk,
    Latents,
    LatentSource,
    LoopSource,
    PriorSource,
    WalkSource,
    lively_moments,
)
from perform.voice.voice_stream import VoiceStream

CORPUS_WALK = "walk in the corpus"  #: the source "walk" with `deck/N/walk` at "corpus"
MIN_TEMPERATURE = 0.01  #: a prior divides by the temperature
STEADY_S = 0.1  #: the delay that the dry input follows changes once a tuning has held this long


class Voice(VoiceStream):
    """[render] One playing instance of a model on a deck; its audio is stereo at the stage's rate.

    context : the lane it plays on; without it the sources input, file and deck give zeros
    source_latents, z : (latents,) of the last frame, sigma: before and after shaping
    temperature : of the last frame's noise
    home : the latents of bias 0
    sound : of the last frame, (inputs, ratio), for a model that takes sound; else None
    encoder_input : encodes the live input while that is the source, else None
    leader_input : encodes another deck's sound while the deck chooses that, else None
    """

    def __init__(
        self, model: PlayableModel, deck: int, rate: float, table: Table, context: LaneContext | None = None
    ) -> None:
        super().__init__(model, rate)
        self._gesture, self._model, self._context, self._deck = model.gesture, model, context, deck
        self._has_prior, self._moments = model.has_prior, lively_moments(model.gesture, model.card)
        names = (
            "source",
            "freeze",
            "speed",
            "temperature",
            "seed",
            "silence",
            "voices",
            "encode",
            "width",
            "walk",
        )
        self._slot = {name: SLOTS[f"deck/{deck}/{name}"] for name in names}
        self._file = FileSlots(deck)
        self._notes = params.note_slots(deck, "pitch"), params.note_slots(deck, "gate")
        restarts = f"deck/{deck}/seed", f"deck/{deck}/reset", "panic"
        self._restart_slots = np.array([SLOTS[name] for name in restarts])
        self._bank = params.attribute_slots(deck)
        self.z, self.temperature = np.zeros(model.card.latents, np.float32), 0.0
        self.source_latents: Latents = np.zeros(model.card.latents)
        self.encoder_input: EncoderInput | None = None
        self.leader_input: LeaderInput | None = None
        self._encoder_stream: Stream | None = None
        self._effect = EffectInput(model.card) if model.takes_sound else None
        self.sound: Vector | None = None
        self.home = Home(model.card, deck)
        self._dry = DryFile(model.card, deck, takes_sound=model.takes_sound)
        self._leader = 0  # the deck whose latents or sound it gets, 0 for none
        self._heard = NOBODY
        self._delay_ratio, self._steady_s = 1.0, 0.0  # the last steady tuning, and since when it is steady
        self.adopt(table)
        self.start(table)

    def start(self, table: Table) -> None:
        """Reset decoder, sources and noise, with the table's seed."""
        self._restarts = table[self._restart_slots].tobytes()
        seed, card = int(table[self._slot["seed"]]), self._card
        # no source refers to the voice: a host collects no cycles
        loop: LatentSource = LoopSource(self._gesture) if len(self._gesture) else self.home
        self._prior = PriorSource(self.stream.prior, seed) if self._has_prior else None
        self._sources: dict[str, LatentSource] = {"hand": self.home, "loop": loop}
        walk = WalkSource(card, seed)
        self._sources |= {"walk": walk, "prior": self._prior or self.home}
        self._sources[CORPUS_WALK] = CorpusWalk(self._moments, card, seed) if len(self._moments) else walk
        for encoder_input in self.encoder_inputs:
            encoder_input.reset()
        self.home.start(table)
        self._received = self.home.z  # from the input, or from another deck
        self._file_source = FileSource()
        self._dry.reset()
        if self._effect:
            self._effect.reset()
        self._glide = LatentGlide(self.frame_s)
        self._shaping = LatentShaping(self._deck, card.latents, self.frame_s)
        self.begin(seed, own=self._voices(table) == 1)

    def adopt(self, table: Table) -> None:
        """Continue with another table; ignore resets and actions triggered in it before now."""
        self._restarts = table[self._restart_slots].tobytes()
        self.settings.begin(table[self._bank])

    def apply(self, table: Table) -> None:
        """Before each frame: apply attributes, restart on reset or panic, open or close the encoder input."""
        self.settings.apply(table[self._bank])
        source = SOURCES[int(table[self._slot["source"]])]
        sounds = self._effect and source in SOUND_SOURCES  # at the pace of its input, whatever the tuning
        self._tune(1.0 if sounds else params.tuning_ratio(table, self._deck))
        if table[self._restart_slots].tobytes() != self._restarts:
            self.start(table)
        self._heard = heard_deck(table, self._deck) if source == "deck" else NOBODY
        encoder, context = self._model.encoder, self._context
        if source != "input" or not context:
            self.encoder_input = None
        elif self.encoder_input is None and encoder:
            self.encoder_input = EncoderInput(encoder, self._input_stream(encoder), context.input, self._rate)
        if source != "deck" or not table[self._slot["encode"]] or not context or self._effect:
            self.leader_input = None
        elif self.leader_input is None and encoder:
            self.leader_input = LeaderInput(encoder, self._input_stream(encoder), context, self._rate)
        if self.leader_input:
            self.leader_input.heard = self._heard

    @property
    def encoder_inputs(self) -> list[EncoderInput]:
        """What it encodes: the live input, another deck's sound, or nothing."""
        return [one for one in (self.encoder_input, self.leader_input) if one]

    @property
    def deck_sound(self) -> DeckSound | None:
        """The sound of another deck, for an encoder or an effect module; None if it takes none."""
        if self._effect:
            return self._effect.deck
        return self.leader_input.sound if self.leader_input else None

    def _tune(self, ratio: float) -> None:
        if self._context:  # two frames must fit into the ring buffer
            ratio = max(ratio, self._card_frame_s / self._context.longest_frame_s)
        self._steady_s = self._steady_s + self.frame_s if ratio == self.ratio else 0.0
        if self._steady_s >= STEADY_S or self.age == 0:
            self._delay_ratio = ratio
        self.ratio = ratio
        self._glide.frame_s = self._shaping.frame_s = self.frame_s

    def next_latents(self, table: Table) -> tuple[Vector, Vector]:
        """The next frame's latents (latents,) and noise (noise values,) as the table is now."""
        self.temperature = float(table[self._slot["temperature"]])
        if self._prior:
            self._prior.temperature = max(self.temperature, MIN_TEMPERATURE)
        self.home.advance(table, self.frame_s)
        self.source_latents = self._source(table)
        level, octaves = 0.0, 0.0
        if self._context:
            self._context.publish(self.source_latents)
            level, octaves = self._context.modulation
        self.z = self._shaping(self.source_latents, table, level, octaves, self.home.z).astype(np.float32)
        played: FileSource | Vector | None = self._file_source
        if self._effect:
            self.sound, played = self._feed(self._effect, table)
        if self._context:
            plays = self._context.has_file and SOURCES[int(table[self._slot["source"]])] == "file"
            self.file_mix = self._dry.mix(table, self._context, played if plays else None)
        if self.has_chord(table):
            pitches, gates = (table[slots] for slots in self._notes)
            voices, width = self._voices(table), float(table[self._slot["width"]])
            self.chord.advance(voices, pitches, gates, self.z, self.frame_s, self.age, width)
        return self.z, self.noise(self.temperature)

    def has_chord(self, table: Table) -> bool:
        """Whether the next frame may have several voices or a width, or a fade from or to them."""
        widened = self.chord.widens and table[self._slot["width"]] > 0
        return self._voices(table) > 1 or bool(widened) or not self.chord.is_alone

    def _voices(self, table: Table) -> int:
        return 1 if self.chord.pitch is None else int(table[self._slot["voices"]])

    @property
    def resampler_s(self) -> float:
        """Delay of its resampler, seconds."""
        if self.tuning:
            return varispeed_delay(self._card.sample_rate, self._delay_ratio)
        return resampling_delay(self._card.sample_rate, self._rate)

    @property
    def frame_s(self) -> float:
        """Length of a frame, seconds: the higher a deck is tuned, the shorter are its frames."""
        return self._card_frame_s / self.ratio

    @property
    def _card_frame_s(self) -> float:
        return self._card.ratio / self._card.sample_rate

    @property
    def input_delay(self) -> float:
        """Frames from the live input to this voice's sound; 0 if no input reaches it."""
        decoder = (self._card.decoder_s / self._delay_ratio + self.resampler_s) * self._rate
        if self.encoder_input and (d := self.encoder_input.delay_at(1.0 / self._delay_ratio)):
            return d + self._card.encoder_s * self._rate + decoder
        if (sound := self.deck_sound) and self._leader:
            d = sound.behind
            return d + self._card.encoder_s * self._rate + decoder if d else 0.0
        frame_s = self._card_frame_s / self._delay_ratio
        if self._context and self._leader and (d := self._context.leader_delay(self._leader, frame_s)):
            return d + decoder
        return 0.0

    def _input_stream(self, encoder: StreamingEncoder) -> Stream:
        """The encoder stream of this voice; it is kept, so its learnt style survives a change of source."""
        if self._encoder_stream is None:
            self._encoder_stream = encoder.stream()
            self.settings.add_stream(self._encoder_stream)
        return self._encoder_stream

    def _source(self, table: Table) -> Latents:
        name = SOURCES[int(table[self._slot["source"]])]
        speed = 0.0 if table[self._slot["freeze"]] else float(table[self._slot["speed"]]) / self.ratio
        followed = followed_deck(table, self._deck) if name == "deck" else 0
        self._leader = self._heard.deck if self.deck_sound else followed
        if self._effect and name in SOUND_SOURCES:
            return self._glide(name, self.home.z)  # its source is sound, see `_feed`
        if name == "walk" and table[self._slot["walk"]]:
            name = CORPUS_WALK
        if name in self._sources:
            return self._glide(name, self._sources[name].next(speed))
        if self.leader_input:
            sound = ("sound", self._leader) if self.leader_input.plays else None
            return self._play_input(self.leader_input, table, sound, frozen=not speed)
        if self._context and name == "deck":
            leader = self._leader
            z = self._context.leader_latents(leader, self._deck, table) if leader else None
            return self._glide((name, leader), self._receive(z, frozen=not speed))
        if self._context and name == "file" and self._context.has_file:
            return self._play_file(self._context.file_latents, table, speed)
        if self._context and self.encoder_input:
            key = "input" if self._context.gate_open else None
            return self._play_input(self.encoder_input, table, key, frozen=not speed)
        return self._glide("hand", self._sources["hand"].next(speed))

    def _feed(self, effect: EffectInput, table: Table) -> tuple[Vector | None, Vector]:
        """Feed an effect module the sound of its source.

        Return it, (inputs, ratio), or None for silence; and what the source gave, (channels, ratio).
        """
        name, context = SOURCES[int(table[self._slot["source"]])], self._context
        speed = 0.0 if table[self._slot["freeze"]] else float(table[self._slot["speed"]])
        if name == "input" and self.encoder_input and context and context.gate_open and speed:
            x = effect.play("input", self.encoder_input.z)
        elif name == "file" and context and context.has_file:
            x = effect.play_file(context.file_latents, speed, **self._file.values(table))
        elif name == "deck" and context and speed:
            x = effect.play_deck(context, self._heard)
        else:
            x = effect.silence()
        sound = effect.for_inputs(x, self._shaping.gains())
        if sound is not None:
            cast(EffectStream, self.stream).feed(sound)
        return sound, x

    def _receive(self, z: Latents | None, *, frozen: bool) -> Latents:
        """Latents from the input or from another deck; the last ones while the source is frozen."""
        if not frozen:
            self._received = self.home.z if z is None else z
        return self._received

    def _play_input(self, one: EncoderInput, table: Table, key: object, *, frozen: bool) -> Latents:
        """An encoder's latents, named by a key for the glide; those of silence where the key is None."""
        z = self._receive(one.z.astype(np.float64), frozen=frozen)
        if key:
            return self._glide(key, z, RISE_S if self._glide.key == "silence" else GLIDE_S)
        return self._glide("silence", self._silence(table))

    def _play_file(self, latents: FileLatents | None, table: Table, speed: float) -> Latents:
        """The file's latents; those of silence until the file is encoded, and after its end."""
        z = None
        if latents:
            z = self._file_source.next(latents, speed, **self._file.values(table))
        if z is None:
            return self._glide("silence", self._silence(table))
        return self._glide(("file", self._file_source.turns), z, RISE_S)

    def _silence(self, table: Table) -> Latents:
        """The latents of silence: the model's, or those set on the deck."""
        encoder = self._model.encoder
        z = encoder.silence.astype(np.float64) if encoder else np.zeros(self._card.latents)
        if table[self._slot["silence"]]:
            chosen = table[params.slots(self._deck, "silence")][: len(z)]
            z[: len(chosen)] = chosen
        elif (pitch := self._card.pitch) is not None:  # a note does not slide as it fades
            z[pitch] = self.source_latents[pitch]
        return z


def render(model: PlayableModel, voices: Sequence[Voice], tables: Sequence[Table]) -> list[Audio]:
    """[render] Apply each voice's table, then render the next frame of each."""
    for voice, table in zip(voices, tables, strict=True):
        voice.apply(table)
    return render_applied(model, voices, tables)


def render_applied(model: PlayableModel, voices: Sequence[Voice], tables: Sequence[Table]) -> list[Audio]:
    """[render] The next frame of each voice, (n, 2), as one batch; each has applied its table already."""
    for voice in voices:
        for encoder_input in voice.encoder_inputs:
            encoder_input.pace = 1.0 / voice.ratio
    encode_inputs([one for voice in voices for one in voice.encoder_inputs])
    wanted = [
        voice.inputs(*voice.next_latents(table), voice.temperature)
        for voice, table in zip(voices, tables, strict=True)
    ]
    frames = decode(model, wanted)
    return [voice.resample_voices(y) for voice, y in zip(voices, frames, strict=True)]
