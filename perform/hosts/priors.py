"""A compiled RAVE's prior: latents out of nothing but their own past, and chance.

The graph says the odds (perform.rave.graph.prior); what follows from them is what `perform.rave.prior.Prior`
does, in numpy: a step of a normal distribution is chosen for each latent and a place within it, and latents
of one frame are heard together though they were chosen one frame after the other.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from perform.hosts.graphs import Compiled, CompiledStream
from perform.hosts.host import Vector

LIMIT = 4.0  #: sigma beyond which no latent goes
_NORMAL = NormalDist()


class CompiledPrior:
    """[render] One stream's prior."""

    def __init__(self, graph: Compiled) -> None:
        self._graph, self._stream = graph, graph.stream()
        self._latents, self._resolution = graph.shapes["logits"]
        self.reset()

    def reset(self) -> None:
        """Back to the beginning."""
        self._stream.reset()
        self._choice = np.full(self._latents, self._resolution // 2)
        self._unheard = np.zeros((self._latents, self._latents - 1), np.float32)

    def next(self, temperature: float, seed: int) -> Vector:
        """The next frame's latents (latents,).

        temperature : above 0; 1 follows the odds as learnt, less is more certain
        """
        pick, place = np.random.default_rng(seed).random((2, self._latents))
        hot = np.eye(self._resolution, dtype=np.float32)[self._choice]  # (latents, resolution)
        logits = self._graph.run([self._stream], choices=hot.reshape(1, -1))[0].astype(np.float64)
        odds = np.exp((logits - logits.max(-1, keepdims=True)) / temperature)
        share = odds.cumsum(-1) / odds.sum(-1, keepdims=True)  # (latents, resolution)
        self._choice = np.minimum((share < pick[:, None]).sum(-1), self._resolution - 1)
        share = np.clip((self._choice + place) / self._resolution, 1e-9, 1 - 1e-9)
        chosen = np.clip([_NORMAL.inv_cdf(part) for part in share], -LIMIT, LIMIT)
        line = np.concatenate([self._unheard, chosen[:, None]], 1, dtype=np.float32)  # (latents, latents)
        self._unheard = line[:, 1:]
        return line.diagonal().copy()


class RaveStream(CompiledStream):
    """[render] A voice of a model with a prior: the decoder's memory, and the prior's.

    odds : the prior's graph
    """

    def __init__(self, values: int, odds: Compiled) -> None:
        super().__init__(values)
        self._prior = CompiledPrior(odds)

    def reset(self) -> None:
        """Back to the beginning, both."""
        super().reset()
        self._prior.reset()

    def prior(self, temperature: float, seed: int) -> Vector:
        """The next frame's latents (latents,) as the prior goes on."""
        return self._prior.next(temperature, seed)
