"""Training of a prior, which learns what latents follow one another in a corpus; saved in the model's file.

The net of `perform.rave.prior` learns by maximum likelihood the steps that latents take. Some of its inputs
are wrong by a little (JITTER), so that it learns to recover from its own mistakes. The weights with the best
held-out loss are saved. Beside that loss stand the losses of two simple baselines (`baselines`).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from perform.core.errors import PerformError, WrongUse
from perform.rave.config import PriorConfig
from perform.rave.model import RAVE
from perform.rave.model_files import load, save
from perform.rave.prior import Prior
from perform.train import checkpoint
from perform.train.corpus_encoding import latents
from perform.train.loop import interruption, open_corpus
from perform.train.processes import TrainingProcesses
from perform.train.progress import Progress, ProgressListener, Stopped
from perform.train.trainer import learning_rate

STEPS = 32
"""Steps of a latent, unless it is an entry of a codebook."""
JITTER = 0.2
"""Share of the inputs that are a little wrong in training."""
LEAST = 64
"""Frames of the shortest stretch that is used."""


@dataclass(frozen=True)
class PriorPlan:
    """Everything the training of a prior is given."""

    corpus: Path
    """A folder of sounds, or a prepared corpus."""
    model: Path
    output: Path
    """The model file with its prior; checkpoint, latents and corpus go to `<output>.prior`."""
    steps: int = 3000
    batch: int = 8
    crop: int = 192
    """Frames of a crop."""
    rate: float = 2e-3
    """Peak learning rate."""
    width: int = 64
    """Channels, rounded to a multiple of the latents."""
    layers: int = 12
    cycle: int = 6
    seed: int = 0
    threads: int = 1
    resume: bool = False
    checkpoint: float = 1.0
    """Minutes between checkpoints."""
    evaluate_every: int = 200

    @property
    def folder(self) -> Path:
        """Where checkpoint, latents and corpus are kept."""
        return self.output.with_name(self.output.name + ".prior")


def train_prior(plan: PriorPlan, listener: ProgressListener | None = None) -> RAVE:
    """Train a prior, write the model with it and return that model. [disk]

    Ctrl-C (or SIGTERM) finishes the step, saves and raises Stopped.
    """
    tell = listener or ProgressListener()
    latest = plan.folder / checkpoint.LATEST
    if min(plan.steps, plan.batch, plan.threads, plan.evaluate_every) < 1:
        raise WrongUse("steps, batch, threads and evaluate-every must be 1 or more")
    if latest.exists() and not plan.resume:
        hint = "use --resume to go on, or delete that folder"
        raise WrongUse("a prior of this model was begun before", where=str(plan.folder), hint=hint)
    torch.set_num_threads(plan.threads)
    model = load(plan.model)
    target, here = plan.folder / "corpus", TrainingProcesses(0, 1, torch.device("cpu"))
    corpus = open_corpus(plan.corpus, target, model.config, plan.threads, here, tell, again=plan.resume)
    tell.say("encoding the corpus")
    trainer = PriorTrainer(plan, model, *latents(model, corpus, plan.folder))
    if plan.resume:
        trainer.restore(checkpoint.load(latest, trainer.identity))
    kept, started, first = time.monotonic(), time.monotonic(), trainer.step
    with interruption() as interrupted:
        while trainer.step < plan.steps:
            loss = trainer.advance()
            speed = (trainer.step - first) / (time.monotonic() - started)
            tell.progress(trainer.progress(loss, speed))
            if interrupted.is_set() or time.monotonic() - kept > 60 * plan.checkpoint:
                checkpoint.save(latest, trainer.identity, trainer.state())
                kept = time.monotonic()
            if interrupted.is_set():
                raise Stopped(
                    f"stopped after step {trainer.step} of {plan.steps}",
                    where=str(latest),
                    hint="the same command with --resume goes on from here",
                )
    checkpoint.save(latest, trainer.identity, trainer.state())
    made = trainer.model()
    plan.output.parent.mkdir(parents=True, exist_ok=True)
    save(plan.output, made, made.card, made.gesture)
    return made


class PriorTrainer:
    """Net, optimiser, step, and the baselines that the net is compared with.

    training, held_out : latents, each (latents, frames)
    """

    def __init__(self, plan: PriorPlan, model: RAVE, training: list[Tensor], held_out: list[Tensor]) -> None:
        self.plan, self.rave = plan, model
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            self.prior = Prior(shape(model, plan))
        fit(self.prior, torch.cat(training, 1), model.config.codebook)
        self.training, self.held_out = (
            [turns for z in stretches if len((turns := chosen(self.prior, z))[0]) >= LEAST]
            for stretches in (training, held_out)
        )
        if not self.training or not self.held_out:
            seconds = (LEAST + model.latents) * model.ratio / model.config.sample_rate
            hint = f"stretches of {seconds:.0f} s at least, some of them held out"
            raise WrongUse("the corpus is too short for a prior", where=str(plan.corpus), hint=hint)
        often, following = counted(self.prior.config, self.training)
        self.frame, self.still = baselines(often, following, self.held_out)
        if self.prior.pairs is not None:  # the net begins as good as the better baseline
            self.prior.pairs.copy_(following.log())
            nn.init.zeros_(self.prior.tail.weight)
            nn.init.zeros_(self.prior.tail.bias)
        self.optimiser = torch.optim.Adam(self.prior.parameters(), plan.rate, betas=(0.9, 0.99))
        self.step, self.surprise, self.best = 0, math.nan, math.inf
        self.kept = {name: tensor.clone() for name, tensor in self.prior.state_dict().items()}
        self._weights = np.array([turns.shape[1] for turns in self.training], float)

    @property
    def identity(self) -> dict[str, Any]:
        """What must not change between a training and its continuation."""
        plan, config = self.plan, self.prior.config
        frames = int(self._weights.sum())
        return {
            "prior": [config.latents, config.resolution, config.width, config.layers, config.cycle],
            "corpus": f"{frames} frames",
            "batch": plan.batch,
            "crop": plan.crop,
            "seed": plan.seed,
        }

    def advance(self) -> float:
        """Do one step; its loss in nats a frame."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate * learning_rate(self.step / self.plan.steps)
        inputs, targets = self._batch()
        loss = nats(self.prior, inputs, targets, self.prior.init_state(len(inputs)))[0]
        if not torch.isfinite(loss):
            raise PerformError(f"the loss is NaN or infinite at step {self.step + 1}", hint="a lower --rate")
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.prior.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        if self.step % self.plan.evaluate_every == 0 or self.step == self.plan.steps:
            self.surprise = self.measure()
            if self.surprise < self.best:
                self.best = self.surprise
                self.kept = {name: tensor.clone() for name, tensor in self.prior.state_dict().items()}
        return loss.item()

    @torch.inference_mode()
    def measure(self) -> float:
        """Loss on held-out latents, nats a frame; each stretch is streamed from its beginning."""
        total, frames = 0.0, 0
        for turns in self.held_out:
            state, last = self.prior.init_state(1), _middle(self.prior.config)
            for at in range(0, turns.shape[1], 1024):
                part = turns[None, :, at : at + 1024]
                inputs = torch.cat([last, part[..., :-1]], -1)
                loss, net = nats(self.prior, inputs, part, state)
                state, last = [*state[:2], *net], part[..., -1:]
                total += float(loss) * part.shape[2]
                frames += part.shape[2]
        return total / frames

    def progress(self, loss: float, speed: float) -> Progress:
        """The progress: `distance` is nats, `heard` the percent of the better baseline's nats gone."""
        heard = 100 * (1 - self.surprise / min(self.frame, self.still))
        left = (self.plan.steps - self.step) / speed
        return Progress(self.step, self.plan.steps, 1, loss, self.surprise, heard, speed, left)

    def model(self) -> RAVE:
        """The model with the best prior so far, and a card that says how good the prior is."""
        before = self.rave
        made = RAVE(replace(before.config, prior=self.prior.config))
        weights = {name: t for name, t in before.state_dict().items() if not name.startswith("prior.")}
        made.load_state_dict(weights | {f"prior.{name}": tensor for name, tensor in self.kept.items()})
        made.latents, made.gesture = before.latents, before.gesture
        text = (
            f"{self.step} steps; {self.best:.2f} nats a held-out frame; baselines: {self.frame:.2f} from the"
        )
        text += f" frame before alone, {self.still:.2f} from the distribution of each latent"
        made.card = {**before.card, "parameters": made.shape["parameters"], "prior": text}
        return made.requires_grad_(False).eval()

    def state(self) -> dict[str, Any]:
        """The state, for a checkpoint."""
        return {
            "step": self.step,
            "prior": self.prior.state_dict(),
            "kept": self.kept,
            "optimiser": self.optimiser.state_dict(),
            "surprise": self.surprise,
            "best": self.best,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.prior.load_state_dict(state["prior"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.kept = state["step"], state["kept"]
        self.surprise, self.best = state["surprise"], state["best"]

    def _batch(self) -> tuple[Tensor, Tensor]:
        """The batch of this step: choices and the next choices, both (B, latents, crop); -1 is no target."""
        random, crop = np.random.default_rng((self.plan.seed, self.step)), self.plan.crop
        targets = torch.full((self.plan.batch, self.prior.config.latents, crop), -1)
        inputs = _middle(self.prior.config).expand(self.plan.batch, -1, crop).clone()
        odds = self._weights / self._weights.sum()
        for row, which in enumerate(random.choice(len(self.training), self.plan.batch, p=odds)):
            turns = self.training[which]
            start = int(random.integers(max(turns.shape[1] - crop, 0) + 1))
            part = turns[:, start : start + crop]
            targets[row, :, : part.shape[1]] = part
            inputs[row, :, 1 : part.shape[1]] = part[:, :-1]
        reach = self.rave.config.codebook or 2  # entries of a codebook have no neighbours
        wrong = (random.random(inputs.shape) < JITTER) * random.integers(-reach, reach + 1, inputs.shape)
        inputs = (inputs + torch.from_numpy(wrong)).clamp(0, self.prior.config.resolution - 1)
        return inputs, targets


def shape(model: RAVE, plan: PriorPlan) -> PriorConfig:
    """The shape of the prior for a model."""
    count = model.latents
    width = count * max(1, round(plan.width / count))
    resolution = model.config.codebook or STEPS
    pairs = resolution <= STEPS  # with a codebook they would outnumber all other weights
    return PriorConfig(count, resolution, width, 2 * width, 3, plan.layers, plan.cycle, pairs)


def fit(prior: Prior, z: Tensor, codebook: int = 0) -> None:
    """Set the edges of a prior's steps from latents (latents, frames), or to a codebook's entries.

    The edges lie half way between quantiles, which would be coarse at rare extremes, and equal widths.
    """
    share = np.linspace(0, 1, prior.config.resolution + 1)
    for edges, values in zip(prior.edges, np.sort(z.double().numpy(), 1), strict=True):
        rank = np.linspace(0, 1, len(values))
        place = (values - values[0]) / max(values[-1] - values[0], 1e-9)
        found = share * codebook if codebook else np.interp(share, (rank + place) / 2, values)
        edges.copy_(torch.from_numpy(found))


def chosen(prior: Prior, z: Tensor) -> Tensor:
    """Latents in time (latents, n) to choices in the order they are made, (latents, n - latents + 1).

    The first latent is chosen the most frames before it sounds: see `Prior.unfold`.
    """
    choices, count = prior.choices(z), len(z)
    frames = z.shape[1] - count + 1
    if frames < 1:
        return choices[:, :0]
    return torch.stack([row[count - 1 - i :][:frames] for i, row in enumerate(choices)])


def nats(prior: Prior, inputs: Tensor, targets: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Negative log likelihood a frame of `targets` after `inputs`, (B, latents, n); the net's state."""
    logits, net = prior.logits(inputs, state[2:])
    loss = cross_entropy(logits.transpose(1, 2), targets, ignore_index=-1)
    return loss * prior.config.latents, net


def counted(config: PriorConfig, training: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Probabilities of each choice, (latents, resolution), and given the one before, (.., resolution).

    A pair that never occurred gets the overall probability of its second choice.
    """
    size, pairs = config.resolution, torch.zeros(config.latents, config.resolution**2)
    for turns in training:
        after = turns[:, :-1] * size + turns[:, 1:]
        pairs += torch.stack([torch.bincount(row, minlength=size**2) for row in after])
    pairs = pairs.reshape(-1, size, size)
    often = pairs.sum(1) + 1
    often = often / often.sum(1, keepdim=True)
    return often, (pairs + 4 * often[:, None]) / (pairs.sum(2, keepdim=True) + 4)


def baselines(often: Tensor, following: Tensor, held_out: list[Tensor]) -> tuple[float, float]:
    """Nats a held-out frame of two baselines: by the choice before, and by how often each choice occurs."""
    latent, by_last, by_count, frames = torch.arange(len(often))[:, None], 0.0, 0.0, 0
    for turns in held_out:
        by_last -= float(following[latent, turns[:, :-1], turns[:, 1:]].log().sum())
        by_count -= float(often[latent, turns[:, 1:]].log().sum())
        frames += turns.shape[1] - 1
    return by_last / frames, by_count / frames


def _middle(config: PriorConfig) -> Tensor:
    """The choice before the first frame, (1, latents, 1)."""
    return torch.full((1, config.latents, 1), config.resolution // 2)
