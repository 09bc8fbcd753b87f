"""Training of a prior, which learns how the latents of a corpus continue; it is saved in the model's file.

The network of `perform.rave.prior` is trained by maximum likelihood. Some of its inputs are slightly wrong
(JITTER), so that it learns to recover from its own mistakes. The weights with the best held-out loss are
saved. The card also names the losses of two simple baselines (prior_choices.py).
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
from perform.train.prior_choices import baselines, choices_of, count_choices, fit_edges, prior_config
from perform.train.processes import TrainingProcesses
from perform.train.progress import Progress, ProgressListener, Stopped
from perform.train.trainer import learning_rate

JITTER = 0.2
"""Share of the inputs that are slightly wrong in training."""
SHORTEST = 64
"""Length of the shortest stretch that is used, frames."""


@dataclass(frozen=True)
class PriorPlan:
    """The options of a prior's training."""

    corpus: tuple[Path, ...]
    """Folders of sound files, or one prepared corpus."""
    model: Path
    output: Path
    """The model file with its prior. The folder `<output>.prior` holds checkpoint, latents and corpus."""
    steps: int = 3000
    batch: int = 8
    crop: int = 192
    """Length of a crop, frames."""
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
        """The folder for checkpoint, latents and corpus."""
        return self.output.with_name(self.output.name + ".prior")


def train_prior(plan: PriorPlan, listener: ProgressListener | None = None) -> RAVE:
    """Train a prior, write the model file with it, and return the model. [disk]

    Ctrl-C (or SIGTERM) finishes the step, saves a checkpoint and raises Stopped.
    """
    listener = listener or ProgressListener()
    latest = plan.folder / checkpoint.LATEST
    if min(plan.steps, plan.batch, plan.threads, plan.evaluate_every) < 1:
        raise WrongUse("--steps, --batch, --threads and --evaluate-every must be 1 or more")
    if latest.exists() and not plan.resume:
        hint = "use --resume to continue it, or delete this folder"
        raise WrongUse("a training of this prior was started before", where=str(plan.folder), hint=hint)
    torch.set_num_threads(plan.threads)
    model = load(plan.model)
    target, world = plan.folder / "corpus", TrainingProcesses(0, 1, torch.device("cpu"))
    corpus = open_corpus(plan.corpus, target, model.config, plan.threads, world, listener, again=plan.resume)
    listener.log("encoding the corpus")
    trainer = PriorTrainer(plan, model, *latents(model, corpus, plan.folder))
    if plan.resume:
        trainer.restore(checkpoint.load(latest, trainer.identity))
    kept, started, first = time.monotonic(), time.monotonic(), trainer.step
    with interruption() as interrupted:
        while trainer.step < plan.steps:
            loss = trainer.advance()
            speed = (trainer.step - first) / (time.monotonic() - started)
            listener.progress(trainer.progress(loss, speed))
            if interrupted.is_set() or time.monotonic() - kept > 60 * plan.checkpoint:
                checkpoint.save(latest, trainer.identity, trainer.state())
                kept = time.monotonic()
            if interrupted.is_set():
                raise Stopped(
                    f"stopped after step {trainer.step} of {plan.steps}",
                    where=str(latest),
                    hint="the same command with --resume continues from there",
                )
    checkpoint.save(latest, trainer.identity, trainer.state())
    result = trainer.model()
    plan.output.parent.mkdir(parents=True, exist_ok=True)
    save(plan.output, result, result.card, result.gesture)
    return result


class PriorTrainer:
    """The network, its optimiser and best weights, and the losses of the baselines.

    training, held_out : latents, each (latents, frames)
    """

    def __init__(self, plan: PriorPlan, model: RAVE, training: list[Tensor], held_out: list[Tensor]) -> None:
        self.plan, self.rave = plan, model
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            self.prior = Prior(prior_config(model, plan.width, plan.layers, plan.cycle))
        fit_edges(self.prior, torch.cat(training, 1), model.config.codebook)
        self.training, self.held_out = (
            [choices for z in stretches if len((choices := choices_of(self.prior, z))[0]) >= SHORTEST]
            for stretches in (training, held_out)
        )
        if not self.training or not self.held_out:
            seconds = (SHORTEST + model.latents) * model.ratio / model.config.sample_rate
            hint = f"a prior needs several stretches of sound of at least {seconds:.0f} s"
            raise WrongUse(
                "the corpus is too short for a prior", where=", ".join(map(str, plan.corpus)), hint=hint
            )
        frequencies, transitions = count_choices(self.prior.config, self.training)
        self.frame_baseline, self.frequency_baseline = baselines(frequencies, transitions, self.held_out)
        if self.prior.pairs is not None:  # so that the network starts as good as the better baseline
            self.prior.pairs.copy_(transitions.log())
            nn.init.zeros_(self.prior.tail.weight)
            nn.init.zeros_(self.prior.tail.bias)
        self.optimiser = torch.optim.Adam(self.prior.parameters(), plan.rate, betas=(0.9, 0.99))
        self.step, self.held_out_loss, self.best_loss = 0, math.nan, math.inf
        self.best_weights = {name: tensor.clone() for name, tensor in self.prior.state_dict().items()}
        self._frames = np.array([choices.shape[1] for choices in self.training], float)

    @property
    def identity(self) -> dict[str, Any]:
        """The options that must be the same when a training is resumed."""
        plan, config = self.plan, self.prior.config
        frames = int(self._frames.sum())
        return {
            "prior": [config.latents, config.resolution, config.width, config.layers, config.cycle],
            "corpus": f"{frames} frames",
            "batch": plan.batch,
            "crop": plan.crop,
            "seed": plan.seed,
        }

    def advance(self) -> float:
        """Do one step; return its loss in nats per frame."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate * learning_rate(self.step / self.plan.steps)
        inputs, targets = self._batch()
        loss = nats(self.prior, inputs, targets, self.prior.init_state(len(inputs)))[0]
        if not torch.isfinite(loss):
            hint = "use a lower --rate"
            raise PerformError(f"the loss is NaN or infinite at step {self.step + 1}", hint=hint)
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.prior.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        if self.step % self.plan.evaluate_every == 0 or self.step == self.plan.steps:
            self.held_out_loss = self.measure()
            if self.held_out_loss < self.best_loss:
                self.best_loss = self.held_out_loss
                self.best_weights = {name: tensor.clone() for name, tensor in self.prior.state_dict().items()}
        return loss.item()

    @torch.inference_mode()
    def measure(self) -> float:
        """Return the loss on held-out latents, nats per frame; each stretch is a stream."""
        total, frames = 0.0, 0
        for choices in self.held_out:
            state, last = self.prior.init_state(1), _middle(self.prior.config)
            for at in range(0, choices.shape[1], 1024):
                part = choices[None, :, at : at + 1024]
                inputs = torch.cat([last, part[..., :-1]], -1)
                loss, net = nats(self.prior, inputs, part, state)
                state, last = [*state[:2], *net], part[..., -1:]
                total += float(loss) * part.shape[2]
                frames += part.shape[2]
        return total / frames

    def progress(self, loss: float, speed: float) -> Progress:
        """Return the progress. `distance` is the held-out loss; it is compared with the better baseline."""
        improvement = 100 * (1 - self.held_out_loss / min(self.frame_baseline, self.frequency_baseline))
        left = (self.plan.steps - self.step) / speed
        return Progress(self.step, self.plan.steps, 1, loss, self.held_out_loss, improvement, speed, left)

    def model(self) -> RAVE:
        """Return the model with the best prior so far, and the prior's loss on its card."""
        before = self.rave
        model = RAVE(replace(before.config, prior=self.prior.config))
        weights = {name: t for name, t in before.state_dict().items() if not name.startswith("prior.")}
        best = {f"prior.{name}": tensor for name, tensor in self.best_weights.items()}
        model.load_state_dict(weights | best)
        model.latents, model.gesture = before.latents, before.gesture
        text = (
            f"{self.step} steps; {self.best_loss:.2f} nats per held-out frame; baselines: "
            f"{self.frame_baseline:.2f} from the frame before alone, "
            f"{self.frequency_baseline:.2f} from the distribution of each latent"
        )
        model.card = {**before.card, "parameters": model.shape["parameters"], "prior": text}
        return model.requires_grad_(False).eval()

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint. The keys are those of all versions."""
        return {
            "step": self.step,
            "prior": self.prior.state_dict(),
            "kept": self.best_weights,
            "optimiser": self.optimiser.state_dict(),
            "surprise": self.held_out_loss,
            "best": self.best_loss,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.prior.load_state_dict(state["prior"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.best_weights = state["step"], state["kept"]
        self.held_out_loss, self.best_loss = state["surprise"], state["best"]

    def _batch(self) -> tuple[Tensor, Tensor]:
        """Return this step's batch: choices and the next ones, both (B, latents, crop); -1: no target."""
        random, crop = np.random.default_rng((self.plan.seed, self.step)), self.plan.crop
        targets = torch.full((self.plan.batch, self.prior.config.latents, crop), -1)
        inputs = _middle(self.prior.config).expand(self.plan.batch, -1, crop).clone()
        probabilities = self._frames / self._frames.sum()
        for row, which in enumerate(random.choice(len(self.training), self.plan.batch, p=probabilities)):
            choices = self.training[which]
            start = int(random.integers(max(choices.shape[1] - crop, 0) + 1))
            part = choices[:, start : start + crop]
            targets[row, :, : part.shape[1]] = part
            inputs[row, :, 1 : part.shape[1]] = part[:, :-1]
        reach = self.rave.config.codebook or 2  # any entry of a codebook, which has no neighbours
        wrong = (random.random(inputs.shape) < JITTER) * random.integers(-reach, reach + 1, inputs.shape)
        inputs = (inputs + torch.from_numpy(wrong)).clamp(0, self.prior.config.resolution - 1)
        return inputs, targets


def nats(prior: Prior, inputs: Tensor, targets: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return the negative log likelihood per frame of `targets` after `inputs`, and the network's state.

    inputs, targets : choices, (B, latents, n)
    """
    logits, net = prior.logits(inputs, state[2:])
    loss = cross_entropy(logits.transpose(1, 2), targets, ignore_index=-1)
    return loss * prior.config.latents, net


def _middle(config: PriorConfig) -> Tensor:
    """Return the choices that stand for the time before the first frame, (1, latents, 1)."""
    return torch.full((1, config.latents, 1), config.resolution // 2)
