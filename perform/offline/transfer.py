"""Sound through one model's ears and another's voice, or its own, as a deck does it live, without a clock.

Encoder, matrix, scale and bias, decoder, trim, limiter: blocks in, blocks out, in constant memory. What comes
out lies where it went in: the delays are known and taken away. The same seed gives the same samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from perform.audio.guard import MAX_BLOCK, DcBlocker, Limiter, Signal, cap
from perform.audio.strip import OVERLOAD
from perform.core.errors import WrongUse
from perform.core.ring_buffers import Audio
from perform.engine.latent_resampling import LatentResampler
from perform.engine.protocol import PlayableModel, StreamingEncoder, Vector
from perform.engine.sound_encoder import SoundEncoder
from perform.library.cards import trim_db
from perform.library.matrices import LatentMatrix, MatrixSide, by_variance, learn
from perform.voice.voice import VoiceStream

CEILING = 10.0 ** (-1.0 / 20.0)  #: dBFS -1, as on stage


class TransferOptions(NamedTuple):
    """What is done to the latents: z = source x scale + bias, by the number of the latent; and chance."""

    scale: Mapping[int, float] = {}
    bias: Mapping[int, float] = {}
    temperature: float = 1.0  #: of the latents the model's PCA left out
    seed: int = 0


class Transfer:
    """[render] One sound on its way through; `feed` it, then `finish`.

    coming, going : frames a second of what comes in and of what goes out
    delay_s       : from the encoder's input to the decoder's output, already taken away
    """

    def __init__(
        self,
        encoder: StreamingEncoder,
        host: PlayableModel,
        coming: int,
        going: int,
        *,
        wish: TransferOptions | None = None,
        matrix: LatentMatrix | None = None,
    ) -> None:
        """matrix : from the encoder's latents to the decoder's; left out: by variance."""
        wish = wish or TransferOptions()
        self._host = host
        self._matrix = matrix or _own_matrix(encoder, host)
        self._coming, self._going, self._temperature = coming, going, wish.temperature
        self._scale, self._bias = _numbers(host, wish)
        self.delay_s = max(0.0, encoder.card.encoder_s + host.card.decoder_s)
        self._listening = SoundEncoder(encoder, coming)
        self._pace = LatentResampler(*(card.ratio / card.sample_rate for card in (encoder.card, host.card)))
        self._speech = VoiceStream(host, going)
        self._speech.begin(wish.seed)
        self._trim = 10.0 ** (trim_db(host.card) / 20.0)
        self._dc, self._limiter = DcBlocker(going), Limiter(going)
        self._early = round(self.delay_s * going) + self._limiter.delay  # frames that sound before the first
        self._fed = self._made = 0

    def feed(self, x: Audio) -> Audio:
        """(n, channels) of the sound -> what is ready, (m, 2)."""
        self._fed += len(x)
        return self._run(x)

    def finish(self) -> Audio:
        """The rest, so that as much time has come out as went in."""
        parts, due = [], round(self._fed * self._going / self._coming)
        silence = np.zeros((self._coming // 10, 1), np.float32)
        while self._made < due:
            part = self._run(silence)
            parts.append(part[: len(part) - max(0, self._made - due)])
        return np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)

    def _run(self, x: Audio) -> Audio:
        parts = [np.zeros((0, 2), np.float32)]
        for heard in self._listening(x):
            for source in self._pace(heard):
                z = source if self._matrix is None else self._matrix.apply(source)
                parts += self._guard(self._speak((z * self._scale + self._bias).astype(np.float32)))
        y = np.concatenate(parts)
        early = min(self._early, len(y))
        self._early -= early
        self._made += len(y) - early
        return y[early:]

    def _speak(self, z: Vector) -> Audio:
        """A frame of the decoder, (m, 2)."""
        chance = self._speech.chance(self._temperature)
        return self._speech.sound(self._host.render([self._speech.stream], z[None], chance[None])[0])

    def _guard(self, y: Audio) -> list[Audio]:
        """What a deck alone on stage goes through, its fader at 0 dB."""
        loud: Signal = np.clip(y, -OVERLOAD, OVERLOAD).astype(np.float64) * self._trim
        blocks = (loud[at : at + MAX_BLOCK] for at in range(0, len(loud), MAX_BLOCK))
        return [cap(self._limiter(self._dc(block), CEILING), CEILING) for block in blocks]


def learn_matrix(
    sounds: Iterable[tuple[Iterable[Audio], int]], ear: StreamingEncoder, mouth: StreamingEncoder
) -> LatentMatrix:
    """What leads from one model's latents to another's where both hear the same; see `matrices.learn`.

    sounds : recordings in blocks (n, channels), and their rates; as many as there are, one after the other
    """
    frame_s = [encoder.card.ratio / encoder.card.sample_rate for encoder in (ear, mouth)]
    heard: list[Vector] = []
    meant: list[Vector] = []
    for blocks, rate in sounds:
        ears, pace = [SoundEncoder(encoder, rate) for encoder in (ear, mouth)], LatentResampler(*frame_s)
        first, second = [], []
        for block in blocks:
            first += [z for frame in ears[0](block) for z in pace(frame)]
            second += ears[1](block)
        frames = min(len(first), len(second))
        heard += first[:frames]
        meant += second[:frames]
    sides = [MatrixSide(encoder.card.name, encoder.sha256, encoder.card.latents) for encoder in (ear, mouth)]
    return learn(np.array(heard, np.float32), np.array(meant, np.float32), *sides)


def _own_matrix(encoder: StreamingEncoder, host: PlayableModel) -> LatentMatrix | None:
    """None for a model with itself, else by variance."""
    if encoder.sha256 == host.sha256:
        return None
    return by_variance(encoder.card, encoder.sha256, host.card, host.sha256)


def _numbers(host: PlayableModel, wish: TransferOptions) -> tuple[Vector, Vector]:
    """Scale and bias of each latent; WrongUse for a latent the model has not."""
    latents = host.card.latents
    both = np.ones(latents, np.float32), np.zeros(latents, np.float32)
    for word, numbers, wished in zip(("scale", "bias"), both, (wish.scale, wish.bias), strict=True):
        for latent, value in wished.items():
            if not 0 <= latent < latents:
                raise WrongUse(
                    f"{host.card.name} has no latent {latent}",
                    where=f"--{word} {latent}={value:g}",
                    hint=f"its latents are 0 to {latents - 1}",
                )
            numbers[latent] = value
    return both
