"""Timbre transfer of sound files: one model encodes, the same or another one decodes, as on a deck.

The signal path: encoder, matrix, scale and bias, decoder, trim, limiter. It works in blocks, in constant
memory. All delays are removed, so that the output is in time with the input. The same seed gives the same
samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

import numpy as np

from perform.audio.guard import MAX_BLOCK, DcBlocker, Limiter, Signal, cap
from perform.audio.strip import OVERLOAD
from perform.core.errors import WrongUse
from perform.core.ring_buffers import Audio
from perform.engine.latent_resampling import LatentResampler
from perform.engine.many_frames import decode_frames
from perform.engine.protocol import EffectStream, PlayableModel, StreamingEncoder, Vector
from perform.engine.sound_encoder import SoundEncoder
from perform.library.cards import trim_db
from perform.library.matrices import LatentMatrix, MatrixSide, by_variance, learn
from perform.voice.voice_stream import VoiceStream

CEILING = 10.0 ** (-1.0 / 20.0)  #: dBFS -1, as on stage


class TransferOptions(NamedTuple):
    """Scale and bias by latent (z = source x scale + bias), and temperature and seed of the noise."""

    scale: Mapping[int, float] = {}
    bias: Mapping[int, float] = {}
    temperature: float = 1.0  #: of the noise in the latents that the model's PCA left out
    seed: int = 0


class Transfer:
    """[render] The transfer of one sound: `feed` its blocks, then `finish`.

    rate, out_rate : sample rates of input and output
    delay_s        : delay from the encoder's input to the decoder's output, which is removed
    """

    def __init__(
        self,
        encoder: StreamingEncoder,
        model: PlayableModel,
        rate: int,
        out_rate: int,
        *,
        options: TransferOptions | None = None,
        matrix: LatentMatrix | None = None,
    ) -> None:
        """matrix: turns the encoder's latents into the decoder's; None pairs them by variance."""
        options = options or TransferOptions()
        self._model = model
        self._matrix = matrix or _default_matrix(encoder, model)
        self._rate, self._out_rate, self._temperature = rate, out_rate, options.temperature
        self._scale, self._bias = _scale_and_bias(model, options)
        self.delay_s = max(0.0, encoder.card.encoder_s + model.card.decoder_s)
        self._encoder = SoundEncoder(encoder, rate, many=True)
        self._latent_resampler = LatentResampler(
            *(card.ratio / card.sample_rate for card in (encoder.card, model.card))
        )
        self._decoder = VoiceStream(model, out_rate)
        self._decoder.begin(options.seed)
        self._trim = 10.0 ** (trim_db(model.card) / 20.0)
        self._dc, self._limiter = DcBlocker(out_rate), Limiter(out_rate)
        self._skip = round(self.delay_s * out_rate) + self._limiter.delay  # frames to drop at the beginning
        self._fed = self._made = 0

    def feed(self, x: Audio) -> Audio:
        """Take the next block of the sound, (n, channels); return the output so far, (m, 2)."""
        self._fed += len(x)
        return self._run(x)

    def finish(self) -> Audio:
        """Return the rest of the output; in all, it is as long as the input."""
        parts, due = [], round(self._fed * self._out_rate / self._rate)
        silence = np.zeros((self._rate // 10, 1), np.float32)
        while self._made < due:
            part = self._run(silence)
            parts.append(part[: len(part) - max(0, self._made - due)])
        return np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)

    def _run(self, x: Audio) -> Audio:
        if self._model.takes_sound:
            parts = [self._process(sound) for sound in self._encoder(x)]
        else:
            sources = [z for encoded in self._encoder(x) for z in self._latent_resampler(encoded)]
            parts = [self._decode(np.array(sources))] if sources else []
        y = self._guard(np.concatenate(parts)) if parts else np.zeros((0, 2), np.float32)
        skipped = min(self._skip, len(y))
        self._skip -= skipped
        self._made += len(y) - skipped
        return y[skipped:]

    def _process(self, sound: Vector) -> Audio:
        """Process one frame of sound, (channels x ratio,), with an effect module; its bias is added."""
        card = self._model.card
        x = sound.reshape(-1, card.ratio)  # (channels, ratio)
        inputs = x[np.arange(card.latents) % len(x)] * self._scale[:, None]  # (inputs, ratio)
        cast(EffectStream, self._decoder.stream).feed(inputs)
        noise = self._decoder.noise(self._temperature)
        y = self._model.render([self._decoder.stream], self._bias[None], noise[None])[0]
        return self._decoder.resample(y)

    def _decode(self, sources: Vector) -> Audio:
        """Map and decode (n, latents) to sound, (m, 2)."""
        if self._matrix is not None:
            sources = np.array([self._matrix.apply(source) for source in sources])
        z = (sources * self._scale + self._bias).astype(np.float32)
        noise = np.array([self._decoder.noise(self._temperature) for _ in z])
        frames = decode_frames(self._model, self._decoder.stream, z, noise)
        return np.concatenate([self._decoder.resample(frame) for frame in frames])

    def _guard(self, y: Audio) -> Audio:
        """Apply trim, DC blocker and limiter, as for a single deck on stage with its fader at 0 dB."""
        loud: Signal = np.clip(y, -OVERLOAD, OVERLOAD).astype(np.float64) * self._trim
        blocks = (loud[at : at + MAX_BLOCK] for at in range(0, len(loud), MAX_BLOCK))
        parts = [cap(self._limiter(self._dc(block), CEILING), CEILING) for block in blocks]
        return np.concatenate([np.zeros((0, 2), np.float32), *parts])


def learn_matrix(
    sounds: Iterable[tuple[Iterable[Audio], int]], source: StreamingEncoder, target: StreamingEncoder
) -> LatentMatrix:
    """Learn the matrix from one model's latents to another's; both models encode the same sounds.

    sounds : recordings, each as blocks (n, channels) and a sample rate
    """
    frame_s = [encoder.card.ratio / encoder.card.sample_rate for encoder in (source, target)]
    given: list[Vector] = []
    wanted: list[Vector] = []
    for blocks, rate in sounds:
        encoders, resample = (
            [SoundEncoder(encoder, rate, many=True) for encoder in (source, target)],
            LatentResampler(*frame_s),
        )
        first, second = [], []
        for block in blocks:
            first += [z for frame in encoders[0](block) for z in resample(frame)]
            second += encoders[1](block)
        frames = min(len(first), len(second))
        given += first[:frames]
        wanted += second[:frames]
    sides = [
        MatrixSide(encoder.card.name, encoder.sha256, encoder.card.latents) for encoder in (source, target)
    ]
    return learn(np.array(given, np.float32), np.array(wanted, np.float32), *sides)


def _default_matrix(encoder: StreamingEncoder, model: PlayableModel) -> LatentMatrix | None:
    """Return None if one model encodes and decodes, or else the matrix by variance."""
    if encoder.sha256 == model.sha256:
        return None
    return by_variance(encoder.card, encoder.sha256, model.card, model.sha256)


def _scale_and_bias(model: PlayableModel, options: TransferOptions) -> tuple[Vector, Vector]:
    """Return scale and bias of each latent; WrongUse for a latent that the model does not have."""
    latents = model.card.latents
    both = np.ones(latents, np.float32), np.zeros(latents, np.float32)
    for option, values, chosen in zip(("scale", "bias"), both, (options.scale, options.bias), strict=True):
        for latent, value in chosen.items():
            if not 0 <= latent < latents:
                raise WrongUse(
                    f"{model.card.name} has no latent {latent}",
                    where=f"--{option} {latent}={value:g}",
                    hint=f"its latents are 0 to {latents - 1}",
                )
            values[latent] = value
    return both
