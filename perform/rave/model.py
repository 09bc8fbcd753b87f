"""RAVE: a variational autoencoder of audio that streams (Caillon & Esling, arXiv 2111.05011).

    x -> analysis -> Encoder -> mean -> PCA -> z         z, noise -> PCA back -> Decoder -> synthesis -> y

Weights and projection belong to the module; the state of a stream is an argument and a result. `embed` and
`restore` are the bottleneck: mean and PCA if it is variational.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from perform.core.errors import WrongUse
from perform.rave import architecture
from perform.rave.blocks import uniform_noise
from perform.rave.bottleneck import Codebooks, angles, directions, project, unproject
from perform.rave.config import MEASURED, PRESETS, Config, preset
from perform.rave.decoder import Decoder, Generator, V1Decoder
from perform.rave.delay import encoder_latency, latency
from perform.rave.encoder import Encoder
from perform.rave.harmonic_decoder import HarmonicDecoder
from perform.rave.pqmf import PQMF, interleaved, with_samples
from perform.rave.prior import Prior
from perform.rave.resampler import Resampler
from perform.rave.stream import State

__all__ = ["PRESETS", "RAVE", "Config", "preset"]


class RAVE(nn.Module):
    """One model. `encode` and `decode` are deterministic and streaming.

    latents : number of latents that the projection keeps; all of them before `fit_latents`
    card    : the card of a loaded model (`model_files.CARD`); empty in a new one
    gesture : (frames, latents), a stretch of the corpus as latents; empty in a new one
    """

    latent_mean: Tensor  # (full_latents,), variational only
    latent_pca: (
        Tensor  # (full_latents, full_latents), a component a row, most variance first, variational only
    )

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.latents = config.most_latents
        self.card: dict[str, Any] = {}
        self.gesture = torch.zeros(0, self.latents)
        self.resampler = Resampler(config.resampling, config.padding) if config.resampling > 1 else None
        self.pqmf = PQMF(config.bands, config.attenuation, config.bank_taps)
        self.encoder = Encoder(config)
        decoders = {"v2": Decoder, "v1": V1Decoder, "harmonic": HarmonicDecoder}
        self.decoder: Generator = decoders[config.decoder](config)
        if config.bottleneck == "variational":
            self.register_buffer("latent_mean", torch.zeros(config.full_latents))
            self.register_buffer("latent_pca", torch.eye(config.full_latents))
        self.prior = Prior(config.prior) if config.prior else None
        if config.bottleneck == "discrete":
            self.codebooks = Codebooks(config.quantizers, config.codebook, config.full_latents)

    @property
    def ratio(self) -> int:
        """Samples of a frame, in each channel."""
        return self.config.ratio

    @property
    def delay(self) -> int:
        """Delay of `decode(encode(x))` in samples (delay.py)."""
        return latency(self)

    @property
    def shape(self) -> dict[str, int]:
        """Facts for the card that follow from the config."""
        return {
            "sample_rate": self.config.sample_rate,
            "ratio": self.ratio,
            "latents": self.latents,
            "full_latents": self.config.full_latents,
            "channels": self.config.channels,
            "delay": self.delay,
            "delay_encode": encoder_latency(self),
            "parameters": sum(weight.numel() for weight in self.parameters()),
        }

    @property
    def labels(self) -> list[str]:
        """Names of the latents, for other programs."""
        if self.config.bottleneck == "pitched":
            timbre = range(1, self.latents - len(MEASURED) + 1)
            return [*MEASURED, *(f"timbre {i}" for i in timbre)]
        return [f"latent {i + 1}" for i in range(self.latents)]

    @property
    def missing(self) -> int:
        """Number of latents that the projection drops or that are always noise."""
        return architecture.missing(self.config, self.latents)

    @property
    def noise(self) -> int:
        """Random numbers for decoding a frame: `missing`, and one per sample for a noise synthesiser."""
        return architecture.noise(self.config, self.latents)

    def encoder_state(self, batch: int) -> State:
        """The state of `batch` streams before the first sample."""
        sounds = batch * self.config.channels
        resampler = self.resampler.down_state(sounds) if self.resampler else []
        return resampler + self.pqmf.analysis_state(sounds) + self.encoder.init_state(batch)

    def decoder_state(self, batch: int) -> State:
        """The state of `batch` streams before the first frame."""
        sounds = batch * self.config.channels
        resampler = self.resampler.up_state(sounds) if self.resampler else []
        synthesis = [] if self.config.decoder_ratios else self.pqmf.synthesis_state(sounds)
        return self.decoder.init_state(batch) + synthesis + resampler

    def analyse(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Samples (B, channels, n) to bands (B, channels x bands, n / resampling / bands).

        For a pitched encoder the samples follow, in rows of as many as there are bands.
        """
        after: State = []
        if self.resampler:
            x, after = self.resampler.down(x, state[:1])
        bands, analysis = self.pqmf.analyse(x, state[len(after) :])
        if self.config.encoder == "pitched":
            bands = with_samples(bands, x)
        return bands, after + analysis

    def synthesise(self, bands: Tensor, state: State) -> tuple[Tensor, State]:
        """Bands (B, channels x bands, n / resampling / bands) to samples (B, channels, n).

        Of a harmonic decoder the bands are noise; the samples of its harmonics follow them. A decoder with
        `decoder_ratios` gives samples, not bands.
        """
        y, after = bands, state[:0]
        width = self.config.channels * self.config.bands
        if not self.config.decoder_ratios:
            y, after = self.pqmf.synthesise(bands[:, :width], state[:1])
        if self.config.decoder == "harmonic":
            y = y + interleaved(bands[:, width:])
        if self.resampler:
            y, up = self.resampler.up(y, state[len(after) :])
            after = after + up
        return y, after

    def encode(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Samples (B, channels, n * ratio) in -1..1 to latents (B, latents, n); of a posterior, the mean."""
        ends = 2 if self.resampler else 1
        bands, analysis = self.analyse(x, state[:ends])
        y, encoder = self.encoder(bands, state[ends:])
        return self.embed(y), analysis + encoder

    def decode(self, z: Tensor, noise: Tensor, state: State) -> tuple[Tensor, State]:
        """Latents (B, latents, n) to samples (B, channels, n * ratio).

        noise : (B, noise, n), standard normal in upstream's exports; zeros give the mean of the
            dropped latents and a silent synthesiser
        """
        x = self.restore(z, noise[:, : self.missing])
        cut = self.decoder.states
        bands, decoder = self.decoder(x, state[:cut], self.uniform(noise[:, self.missing :]))
        y, synthesis = self.synthesise(bands, state[cut:])
        return y, decoder + synthesis

    def embed(self, y: Tensor) -> Tensor:
        """The encoder's output (B, width, n) to latents (B, latents, n)."""
        match self.config.bottleneck:
            case "variational":
                return project(y.chunk(2, 1)[0], self.latent_mean, self.latent_pca[: self.latents])
            case "spherical":
                return angles(y)
            case "discrete":
                return self.codebooks.encode(y)
            case "pitched":
                return y[:, : self.config.full_latents]
            case _:
                return y

    def restore(self, z: Tensor, noise: Tensor) -> Tensor:
        """Latents (B, latents, n) and noise for the `missing` ones to the decoder's input."""
        match self.config.bottleneck:
            case "variational":
                dropped = self.config.full_latents - self.latents
                full = torch.cat([z, noise[:, :dropped]], 1)  # (B, full_latents, n)
                z = unproject(full, self.latent_mean, self.latent_pca)
                noise = noise[:, dropped:]
            case "spherical":
                z = directions(z)
            case "discrete":
                z = self.codebooks.decode(z)
        return torch.cat([z, noise], 1)

    def uniform(self, noise: Tensor) -> Tensor | None:
        """Normal noise (B, a frame's samples band by band, n) to the synthesiser's, in bands and in -1..1."""
        if not self.config.noise_ratios:
            return None
        return uniform_noise(noise, self.config.channels * self.config.bands)

    def posterior(self, bands: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Bands to mean and deviation, each (B, full_latents, n), where the bottleneck is variational."""
        y, state = self.encoder(bands, state)
        mean, scale = y.chunk(2, 1)
        return mean, softplus(scale) + 1e-4, state

    def fit_latents(
        self,
        means: Tensor,
        latents: int | None = None,
        fidelity: float = 0.95,
        levels: Tensor | None = None,
    ) -> None:
        """Order the latents by variance (PCA) and keep some: `latents`, or enough for `fidelity`.

        means : (frames, full_latents) posterior means of typical audio
        fidelity : share of the variance to keep, 0..1
        levels : (frames,) level of that audio, dB: each latent gets the sign with which it rises with level
        """
        full = self.config.full_latents
        if self.config.bottleneck != "variational":
            raise WrongUse(f"the latents of a {self.config.bottleneck} model have no order to fit")
        if latents is not None and not 1 <= latents <= full:
            raise WrongUse(f"cannot keep {latents} latents", hint=f"this config has 1 to {full}")
        if len(means) < 2:
            raise WrongUse("too little audio to order the latents by", hint="give two frames or more")
        means = means.double()
        variance, vectors = torch.linalg.eigh(torch.cov(means.T).reshape(full, full))
        variance, components = variance.flip(0).clamp(min=0), vectors.T.flip(0)
        largest = components.gather(1, components.abs().argmax(1, keepdim=True))
        components = components * largest.sign()  # an eigenvector's sign is arbitrary: settle it
        if levels is not None:
            rises = (levels.double() - levels.double().mean()) @ (means - means.mean(0)) @ components.T
            components = components * torch.where(rises < 0, -1.0, 1.0)[:, None]
        kept = torch.cumsum(variance, 0) / variance.sum().clamp(min=1e-30)
        self.latents = latents or min(int((kept < fidelity).sum()) + 1, full)
        self.latent_mean.copy_(means.mean(0))
        self.latent_pca.copy_(components)
