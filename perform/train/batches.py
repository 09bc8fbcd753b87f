"""The batch of each step: crops and random numbers, which depend only on the seed and the step.

So a resumed training continues exactly. Processes that share a batch need not exchange anything: item `i` of
step `n` is the same in every process.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from perform.rave.config import Config
from perform.train.augmentation import augment
from perform.train.bottleneck_training import latent_noise_rows
from perform.train.corpus import Corpus, Sound

AHEAD = 2
"""Batches prepared in advance, while a step is computed."""


@dataclass(frozen=True)
class TrainingBatch:
    """The input of a step."""

    x: Tensor
    """Sound, (B, channels, crop) in -1..1."""
    latent_noise: Tensor
    """Noise for the bottleneck, (B, latent_noise_rows, frames), standard normal."""
    noise: Tensor | None
    """For the noise synthesiser, (B, channels x bands, band samples) in -1..1; None if there is none."""

    def to(self, device: torch.device) -> TrainingBatch:
        """Copy the batch to a device."""
        if device.type == "cpu":
            return self
        moved = [
            None
            if tensor is None
            else tensor.pin_memory().to(device, non_blocking=True)
            if device.type == "cuda"
            else tensor.to(device)
            for tensor in (self.x, self.latent_noise, self.noise)
        ]
        assert moved[0] is not None
        assert moved[1] is not None
        return TrainingBatch(moved[0], moved[1], moved[2])


class TrainingBatches:
    """The batches of a training. `items` are the rows of each batch that this process trains with."""

    def __init__(
        self, corpus: Corpus, config: Config, items: range, crop: int, kinds: tuple[str, ...], seed: int
    ) -> None:
        self.corpus, self.config, self.items = corpus, config, items
        self.crop, self.kinds, self.seed = crop, kinds, seed
        self._lengths = np.array([end - start for start, end in corpus.training], float)

    def batch(self, step: int) -> TrainingBatch:
        """Return the batch of a step, counted from 0."""
        config, frames = self.config, self.crop // self.config.ratio
        sounds, latent_noise, noises = [], [], []
        for item in self.items:
            random = np.random.default_rng((self.seed, step, item))
            read = partial(self._read, random=random)
            sounds.append(augment(read, self.crop, self.kinds, config.sample_rate, random))
            latent_noise.append(random.standard_normal((latent_noise_rows(config), frames), np.float32))
            if config.noise_ratios:
                shape = (config.channels * config.bands, self.crop // config.bands)
                noises.append(2 * random.random(shape, np.float32) - 1)
        stacked = [torch.from_numpy(np.stack(rows)) for rows in (sounds, latent_noise, noises) if rows]
        return TrainingBatch(stacked[0], stacked[1], stacked[2] if noises else None)

    def following(self, step: int) -> Generator[TrainingBatch, None, None]:
        """Yield the batches from `step` on; a thread prepares AHEAD of them in advance."""
        with ThreadPoolExecutor(1) as pool:
            coming: list[Future[TrainingBatch]] = [pool.submit(self.batch, step + i) for i in range(AHEAD)]
            while True:
                step += 1
                yield coming.pop(0).result()
                coming.append(pool.submit(self.batch, step + AHEAD - 1))

    def _read(self, length: int, random: np.random.Generator) -> Sound:
        """Return a random stretch of training sound, with silence appended if it is too short."""
        room = np.maximum(self._lengths - length + 1, 0)
        if not room.any():
            room = self._lengths
        ends = np.cumsum(room)
        place = random.random() * ends[-1]
        index = min(int(np.searchsorted(ends, place, "right")), len(ends) - 1)
        start, end = self.corpus.training[index]
        if end - start >= length:
            return self.corpus.read(min(start + int(place - ends[index] + room[index]), end - length), length)
        sound = self.corpus.read(start, end - start)
        return np.pad(sound, ((0, 0), (0, length - sound.shape[1])))
