"""The moving parts of a training: one step, its checkpoint, and the model that comes out.

The objective is RAVE's first phase (representation learning, Caillon & Esling, section 3.1): the
multi-scale spectral distance between input and reconstruction, full band and multiband, plus a
weighted KL divergence. The model saved is an exponential average of the weights.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from perform.errors import PerformError, WrongUse
from perform.rave.config import Config
from perform.rave.data import Corpus
from perform.rave.finish import finish, posterior_means, reconstruction_distance
from perform.rave.losses import distance, divergence
from perform.rave.model import RAVE
from perform.rave.stream import Conv1d, ConvTranspose1d

CHECKPOINT = "perform-rave-checkpoint-1"


@dataclass(frozen=True)
class TrainOptions:
    """What to learn, from what, and for how long."""

    corpus: Path
    output: Path
    """The model file; the checkpoint and the decoded corpus go to the folder `<output>.training`."""
    name: str
    description: str = ""
    licence: str = "unknown"
    recipe: str = ""
    config: Config = field(default_factory=Config)
    steps: int = 10_000
    latents: int | None = None
    """Latents to keep, or None for as many as hold 95 % of the variance."""
    batch: int = 4
    crop: int = 32_768
    """Samples a crop; a multiple of the config's ratio."""
    rate: float = 1e-3
    """Peak learning rate: reached after `steps` / 50, then a half cosine down to a hundredth."""
    beta: float = 0.01
    """Weight of the KL divergence, risen to over the first quarter of the steps."""
    seed: int = 0
    threads: int = 1
    resume: bool = False
    checkpoint_every: float = 120.0
    """Seconds."""
    evaluate_every: int = 500
    """Steps between measurements on held-out audio."""

    @property
    def folder(self) -> Path:
        """Where the checkpoint and the decoded corpus are kept."""
        return self.output.with_name(self.output.name + ".training")

    @property
    def checkpoint(self) -> Path:
        """The checkpoint file."""
        return self.folder / "checkpoint.pt"


class Trainer:
    """The moving parts of a training: weights, their average, the optimiser, the dice, the step."""

    def __init__(self, options: TrainOptions, corpus: Corpus) -> None:
        self.options, self.corpus = options, corpus
        self.live = untrained(options)
        if options.crop < 2 * (late := self.live.delay):
            what = f"a crop of {options.crop} samples, but this config's sound comes {late} late"
            raise WrongUse(what, hint=f"take a crop of {4 * late} or so")
        for layer in convolutions(self.live):
            weight_norm(layer)
        self.average = copy.deepcopy(self.live)
        self.optimiser = torch.optim.Adam(self.live.parameters(), options.rate, betas=(0.8, 0.99))
        self.dice = torch.Generator().manual_seed(options.seed)
        self.step = 0
        self.distance = math.nan
        self.held_out = corpus.spread(corpus.held_out, 8, options.crop)

    def advance(self) -> float:
        """One step: its loss. Steps count from 1."""
        options, ratio = self.options, self.step / self.options.steps
        for group in self.optimiser.param_groups:
            group["lr"] = options.rate * learning_rate(ratio)
        x = self.corpus.crops(options.batch, options.crop, self.dice)
        loss = self.loss(x, options.beta * min(1.0, 4 * ratio))
        if not torch.isfinite(loss):
            raise PerformError(
                f"the loss is not a number at step {self.step + 1}",
                where=str(options.checkpoint),
                hint="resume from the last checkpoint with a lower learning rate",
            )
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.live.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        with torch.no_grad():
            keep = min(0.999, self.step / (self.step + 10))  # early on, forget fast
            for mean, new in zip(self.average.parameters(), self.live.parameters(), strict=True):
                mean.lerp_(new, 1 - keep)
        if self.step % options.evaluate_every == 0 or self.step == options.steps:
            self.distance = reconstruction_distance(self.average, self.held_out)
        return loss.item()

    def loss(self, x: Tensor, beta: float) -> Tensor:
        """Distance of a reconstruction of x (B, 1, n) plus `beta` times the divergence."""
        model, batch = self.live, x.shape[0]
        bands, _ = model.pqmf.analyse(x, model.pqmf.analysis_state(batch))
        mean, std, _ = model.posterior(bands, model.encoder.init_state(batch))
        z = mean + std * torch.randn(mean.shape, generator=self.dice)
        noise = None
        if model.config.noise_ratios:
            noise = 2 * torch.rand(bands.shape, generator=self.dice) - 1
        decoded, _ = model.decoder(z, model.decoder.init_state(batch), noise)
        y, _ = model.pqmf.synthesise(decoded, model.pqmf.synthesis_state(batch))
        late = model.delay
        later = (late - model.pqmf.delay) // model.pqmf.bands  # of the bands
        bands, decoded = bands[..., : bands.shape[-1] - later], decoded[..., later:]
        return distance(x[..., :-late], y[..., late:], bands, decoded) + beta * divergence(mean, std)

    @torch.no_grad()
    def model(self) -> RAVE:
        """The averaged model with plain weights."""
        model = RAVE(self.options.config)
        for plain, normed in zip(convolutions(model), convolutions(self.average), strict=True):
            plain.weight.copy_(normed.weight)
            plain.bias.copy_(normed.bias)
        averages = dict(self.average.named_parameters())
        for name, parameter in model.named_parameters():
            if name in averages:  # what has no weight to normalise
                parameter.copy_(averages[name])
        return model.eval()

    def finish(self) -> RAVE:
        """Write the model file from the weights as they stand; the model."""
        options, model = self.options, self.model()
        model.fit_latents(posterior_means(model, self.corpus), options.latents)
        words = {key: getattr(options, key) for key in ("name", "description", "licence", "recipe")}
        finish(model, untrained(options), self.corpus, options.output, {**words, "steps": self.step})
        return model

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "format": CHECKPOINT,
            "identity": self._identity(),
            "step": self.step,
            "distance": self.distance,
            "live": self.live.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "dice": self.dice.get_state(),
        }
        part = self.options.checkpoint.with_suffix(".part")
        with part.open("wb") as out:
            torch.save(state, out)
            out.flush()
            os.fsync(out.fileno())
        part.replace(self.options.checkpoint)

    def load(self) -> None:
        """Go on from the checkpoint."""
        path = self.options.checkpoint
        if not path.exists():
            raise WrongUse("no checkpoint to resume from", where=str(path), hint="train without --resume")
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True)
            if state["format"] != CHECKPOINT:
                raise KeyError("format")
        except Exception as error:
            raise WrongUse(f"not a checkpoint ({type(error).__name__})", where=str(path)) from error
        for key, value in self._identity().items():
            if state["identity"][key] != value:
                raise WrongUse(f"the checkpoint was made with another {key}", where=str(path))
        self.live.load_state_dict(state["live"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.dice.set_state(state["dice"])
        self.step, self.distance = state["step"], state["distance"]

    def _identity(self) -> dict[str, Any]:
        """What must not change between a training and its continuation."""
        options = self.options
        return {
            "config": str(options.config),
            "corpus": self.corpus.digest,
            "batch": options.batch,
            "crop": options.crop,
            "seed": options.seed,
        }


def untrained(options: TrainOptions) -> RAVE:
    """The model a training with these options starts from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return RAVE(options.config)


def convolutions(model: RAVE) -> Iterator[Conv1d | ConvTranspose1d]:
    """Every layer with a weight to normalise."""
    return (layer for layer in model.modules() if isinstance(layer, (Conv1d, ConvTranspose1d)))


def learning_rate(done: float) -> float:
    """Share of the peak rate when `done` (0..1) of the steps are: a ramp, then a half cosine."""
    return min(1.0, done * 50 + 0.01) * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * done)))
