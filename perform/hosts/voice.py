"""A deck's voice: the table's numbers and a source become latents, a host makes them sound.

One frame a call, the same live and offline: given the same table at each frame and the same seed it gives
the same samples. Voices of one model are decoded together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from perform import params
from perform.hosts.host import Host, Vector
from perform.hosts.rates import resampler, resampling_delay
from perform.hosts.settings import Settings
from perform.hosts.sources import Hand, Loop, Prior, Source, Walk
from perform.params import SLOTS, SOURCES, Table
from perform.rings import Audio

COLDEST = 0.01  #: temperature of a prior, at least: it is divided by it
SKIPPED = 256  #: frames passed over at once


class Speech:
    """[render] A voice without its source: a stream of a host, its chance, its way to the stage's rate.

    settings  : its attributes
    seed, age : what its chance began with, and the frames since
    sent      : frames made at the stage's rate since it began
    resets    : how often the decoder had to be reset because its output was not finite
    """

    def __init__(self, host: Host, rate: float) -> None:
        self._card, self._rate, self._noise = host.card, rate, host.noise
        self.stream = host.stream()
        self.settings = Settings(host, self.stream)
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


class Voice(Speech):
    """[render] Frames of one deck, stereo at the stage's rate.

    z, temperature : (latents,) of the last frame, sigma, and of its noise
    """

    def __init__(self, host: Host, deck: int, rate: float, table: Table) -> None:
        super().__init__(host, rate)
        self._gesture, self._has_prior = host.gesture, host.has_prior
        self._n = min(host.card.latents, params.LATENTS)
        self._bias, self._scale = params.slots(deck, "bias"), params.slots(deck, "scale")
        self._slot = {
            k: SLOTS[f"deck/{deck}/{k}"] for k in ("source", "freeze", "speed", "temperature", "seed")
        }
        self._restarts = [SLOTS[f"deck/{deck}/seed"], SLOTS[f"deck/{deck}/reset"], SLOTS["panic"]]
        self._bank = params.bank(deck)
        self.z, self.temperature = np.zeros(host.card.latents, np.float32), 0.0
        self.adopt(table)
        self.start(table)

    def start(self, table: Table) -> None:
        """Decoder, sources and chance back to their beginning, with the table's seed."""
        self._started = table[self._restarts]
        seed, card = int(table[self._slot["seed"]]), self._card
        loop: Source = Loop(self._gesture) if len(self._gesture) else Hand(card.latents)
        self._sources: dict[str, Source] = {
            "hand": Hand(card.latents),
            "loop": loop,
            "walk": Walk(card, seed),
            "prior": Prior(self._drawn, seed) if self._has_prior else Hand(card.latents),
        }
        self.begin(seed)

    def adopt(self, table: Table) -> None:
        """Go on with another table: what was reset in it before now is none of this voice's business."""
        self._started = table[self._restarts]
        self.settings.begin(table[self._bank])

    def _drawn(self, seed: int) -> Vector:
        """The next frame of the model's prior (latents,)."""
        stream: Any = self.stream  # its host has a prior
        drawn: Vector = stream.prior(max(self.temperature, COLDEST), seed)
        return drawn

    @property
    def held_s(self) -> float:
        """Seconds of sound that its resampler holds back."""
        return resampling_delay(self._card.sample_rate, self._rate)

    @property
    def frame_s(self) -> float:
        """Seconds of sound in a frame."""
        return self._card.ratio / self._card.sample_rate

    def latents(self, table: Table) -> tuple[Vector, Vector]:
        """The next frame's latents (latents,) as the table stands now, and its chance (noise values,)."""
        self.settings.apply(table[self._bank])
        if not np.array_equal(table[self._restarts], self._started):
            self.start(table)
        n, self.temperature = self._n, float(table[self._slot["temperature"]])
        speed = 0.0 if table[self._slot["freeze"]] else float(table[self._slot["speed"]])
        z = self._sources[SOURCES[int(table[self._slot["source"]])]].next(speed).copy()
        z[:n] = z[:n] * table[self._scale][:n] + table[self._bias][:n]
        self.z = z.astype(np.float32)
        return self.z, self.chance(self.temperature)


def render(host: Host, voices: Sequence[Voice], tables: Sequence[Table]) -> list[Audio]:
    """[render] The next frame of each voice of a host, each as its own table stands now."""
    wanted = [voice.latents(table) for voice, table in zip(voices, tables, strict=True)]
    z, noise = (np.stack(part) for part in zip(*wanted, strict=True))
    y = host.render([voice.stream for voice in voices], z, noise)
    return [voice.sound(one) for voice, one in zip(voices, y, strict=True)]
