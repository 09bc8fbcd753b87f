"""A deck's voice: the table's numbers and a source become latents, a host makes them sound.

One frame a call, the same live and offline: given the same table at each frame and the same seed it gives
the same samples.
"""

from __future__ import annotations

import numpy as np
import soxr

from perform import params
from perform.hosts.host import Host
from perform.hosts.sources import Hand, Loop, Source, Walk
from perform.params import SLOTS, SOURCES, Table
from perform.shared import Audio


class Voice:
    """[render] Frames of one deck, stereo at the stage's rate.

    z : (latents,) the latents of the last frame, sigma
    resets : how often the decoder had to be reset because its output was not finite
    """

    def __init__(self, host: Host, deck: int, rate: float, table: Table) -> None:
        self._host, self._rate = host, rate
        self._stream = host.stream()
        self._n = min(host.card.latents, params.LATENTS)
        self._bias, self._scale = params.slots(deck, "bias"), params.slots(deck, "scale")
        self._slot = {
            k: SLOTS[f"deck/{deck}/{k}"] for k in ("source", "freeze", "speed", "temperature", "seed")
        }
        self._restarts = [SLOTS[f"deck/{deck}/seed"], SLOTS[f"deck/{deck}/reset"], SLOTS["panic"]]
        self._resample = host.card.sample_rate != rate
        self.z = np.zeros(host.card.latents, np.float32)
        self.resets = 0
        self.start(table)

    def start(self, table: Table) -> None:
        """Decoder, sources and chance back to their beginning, with the table's seed."""
        self._started = table[self._restarts]
        seed, card = int(table[self._slot["seed"]]), self._host.card
        loop: Source = Loop(self._host.gesture) if len(self._host.gesture) else Hand(card.latents)
        self._sources: dict[str, Source] = {
            "hand": Hand(card.latents),
            "loop": loop,
            "walk": Walk(card, seed),
        }
        self._random = np.random.default_rng([seed, 1])
        self._stream.reset()
        if self._resample:
            self._resampler = soxr.ResampleStream(
                card.sample_rate, self._rate, card.channels, dtype="float32", quality="HQ"
            )

    @property
    def sha256(self) -> str:
        """Hash of the model's file."""
        return self._host.sha256

    @property
    def frame_s(self) -> float:
        """Seconds of sound in a frame."""
        return self._host.card.ratio / self._host.card.sample_rate

    def render(self, table: Table) -> Audio:
        """The next frame as the table stands now: about ratio x rate / model rate frames, (n, 2)."""
        if not np.array_equal(table[self._restarts], self._started):
            self.start(table)
        card, n = self._host.card, self._n
        speed = 0.0 if table[self._slot["freeze"]] else float(table[self._slot["speed"]])
        z = self._sources[SOURCES[int(table[self._slot["source"]])]].next(speed).copy()
        z[:n] = z[:n] * table[self._scale][:n] + table[self._bias][:n]
        self.z = z.astype(np.float32)
        noise = (
            self._random.standard_normal(card.full_latents - card.latents) * table[self._slot["temperature"]]
        )
        y = self._host.render([self._stream], self.z[None], noise[None].astype(np.float32))[0]
        if not np.isfinite(y).all():  # it would stay in the decoder's caches for ever
            self._stream.reset()
            self.resets += 1
            y = np.zeros_like(y)
        frames = self._resampler.resample_chunk(y.T) if self._resample else y.T  # (n, channels)
        return np.broadcast_to(frames, (len(frames), 2))  # mono or stereo
