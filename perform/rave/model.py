"""RAVE: a variational autoencoder of audio that streams (Caillon & Esling, arXiv 2111.05011).

    x -> analysis -> Encoder -> mean -> PCA -> z         z, noise -> PCA back -> Decoder -> synthesis -> y

Weights and projection live in the module; the state of a stream is an argument and a result.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, softplus

from perform.errors import WrongUse
from perform.rave.config import PRESETS, Config, preset
from perform.rave.decoder import Decoder
from perform.rave.encoder import Encoder
from perform.rave.pqmf import PQMF
from perform.rave.stream import State

__all__ = ["PRESETS", "RAVE", "Config", "preset"]


class RAVE(nn.Module):
    """One model. `encode` and `decode` are deterministic, causal and streaming.

    latents : latents kept by the projection (all of them until `fit_latents`)
    card    : what is known about a loaded model (see `files.CARD`); empty on a new one
    gesture : (frames, latents) a recorded latent loop; empty on a new one
    """

    latent_mean: Tensor  # (full_latents,)
    latent_pca: Tensor  # (full_latents, full_latents), a component a row, most variance first

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.latents = config.full_latents
        self.card: dict[str, Any] = {}
        self.gesture = torch.zeros(0, config.full_latents)
        self.pqmf = PQMF(config.bands, config.attenuation)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.register_buffer("latent_mean", torch.zeros(config.full_latents))
        self.register_buffer("latent_pca", torch.eye(config.full_latents))

    @property
    def ratio(self) -> int:
        """Samples in a frame."""
        return self.config.ratio

    @property
    def delay(self) -> int:
        """Samples by which `decode(encode(x))` is late: the filter bank's, as the rest is trained in step."""
        return self.pqmf.delay

    @property
    def noise(self) -> int:
        """Values of noise that a frame of `decode` takes."""
        return self.config.full_latents - self.latents

    def encoder_state(self, batch: int) -> State:
        """The state of `batch` streams before the first sample."""
        return self.pqmf.analysis_state(batch) + self.encoder.init_state(batch)

    def decoder_state(self, batch: int) -> State:
        """The state of `batch` streams before the first frame."""
        return self.decoder.init_state(batch) + self.pqmf.synthesis_state(batch)

    def encode(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Samples (B, 1, n * ratio) in -1..1 to the posterior's mean, projected: (B, latents, n)."""
        bands, analysis = self.pqmf.analyse(x, state[:1])
        mean, _, encoder = self.posterior(bands, state[1:])
        mean = mean - self.latent_mean[:, None]
        z = conv1d(mean, self.latent_pca[: self.latents, :, None])  # (B, full, n) -> (B, latents, n)
        return z, analysis + encoder

    def decode(self, z: Tensor, noise: Tensor, state: State) -> tuple[Tensor, State]:
        """Latents (B, latents, n) to samples (B, 1, n * ratio).

        noise : (B, full_latents - latents, n) fills the components the projection dropped; zeros
            are their mean, a standard normal is what upstream's exports use.
        """
        full = torch.cat([z, noise], 1)
        full = conv1d(full, self.latent_pca.T[:, :, None], self.latent_mean)  # (B, full_latents, n)
        bands, decoder = self.decoder(full, state[:-1])
        y, synthesis = self.pqmf.synthesise(bands, state[-1:])
        return y, decoder + synthesis

    def posterior(self, bands: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Bands (B, bands, n * ratio / bands) to mean and standard deviation, each (B, full_latents, n)."""
        y, state = self.encoder(bands, state)
        mean, scale = y.chunk(2, 1)
        return mean, softplus(scale) + 1e-4, state

    def fit_latents(self, means: Tensor, latents: int | None = None, fidelity: float = 0.95) -> None:
        """Order the latents by variance (PCA) and keep some: `latents`, or enough for `fidelity`.

        means : (frames, full_latents) posterior means of typical audio
        fidelity : share of the variance to keep, 0..1
        """
        full = self.config.full_latents
        if latents is not None and not 1 <= latents <= full:
            raise WrongUse(f"{latents} latents asked for", hint=f"this config has 1 to {full}")
        if len(means) < 2:
            raise WrongUse("too little audio to order the latents by", hint="give two frames or more")
        means = means.double()
        variance, vectors = torch.linalg.eigh(torch.cov(means.T).reshape(full, full))
        variance, components = variance.flip(0).clamp(min=0), vectors.T.flip(0)
        largest = components.gather(1, components.abs().argmax(1, keepdim=True))
        components = components * largest.sign()  # an eigenvector's sign is arbitrary: settle it
        kept = torch.cumsum(variance, 0) / variance.sum().clamp(min=1e-30)
        self.latents = latents or min(int((kept < fidelity).sum()) + 1, full)
        self.latent_mean.copy_(means.mean(0))
        self.latent_pca.copy_(components)
