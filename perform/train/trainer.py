"""The training steps, with their networks and optimisers, the averaged weights and checkpoints.

Phase 1 (representation learning, Caillon & Esling, arXiv 2111.05011, section 3.1) minimises the spectral
distance plus the bottleneck's penalty. Phase 2 (adversarial fine-tuning, section 3.2) freezes the encoder and
trains the decoder with discriminators: hinge loss, feature matching and spectral distance. The model file
gets an exponential moving average of the weights.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from perform.core.errors import PerformError, WrongUse
from perform.rave.model import RAVE
from perform.train import checkpoint
from perform.train.autoencoder import NOISE_FIRST, Autoencoder, AutoencoderPass, default_crop
from perform.train.batches import TrainingBatch, TrainingBatches
from perform.train.bottleneck_training import BETA
from perform.train.corpus import Corpus
from perform.train.discriminators import Discriminators, discriminator_loss, feature_distance, generator_loss
from perform.train.finishing import reconstruct
from perform.train.health import Measurement, failure, improvement, reached_plateau
from perform.train.initial_model import initial_model
from perform.train.losses import audio_distance
from perform.train.plan import PHASE_2_STEPS, TrainingPlan
from perform.train.processes import TrainingProcesses, default_precision
from perform.train.trained_network import TrainedNetwork
from perform.train.training_state import BATCH, LOSS, fixed_options, restore, state_of
from perform.train.weight_norm import add_weight_norm, without_weight_norm

DISCRIMINATORS_EVERY = 4
"""Every n-th step of phase 2 trains the discriminators instead of the model."""
FEATURES_WEIGHT = 20.0
AVERAGE = 0.999
"""Decay per step of the averaged weights; smaller in the first steps."""
MEASURED = 8
"""Number of held-out crops in a measurement."""
RETRIES = 5
"""A training goes back to its last healthy checkpoint at most this often; then it fails."""


class Trainer:
    """The state of a running training. `step` counts the finished steps of both phases."""

    def __init__(self, plan: TrainingPlan, corpus: Corpus, world: TrainingProcesses) -> None:
        self.plan, self.world, self.corpus = plan, world, corpus
        self.config = plan.config
        if world.device.type == "mps" and self.config.decoder == "harmonic":
            what = "a pitched model needs double precision, which MPS does not have"
            raise WrongUse(what, where="--device", hint="use --device cpu")
        self.crop = plan.crop or default_crop(initial_model(plan))
        items = range(world.rank * plan.batch, (world.rank + 1) * plan.batch)
        self.batches = TrainingBatches(corpus, plan.config, items, self.crop, plan.changes, plan.seed)
        self.precision = default_precision(world.device) if plan.precision == "auto" else plan.precision
        self.held_out = torch.from_numpy(corpus.spread(corpus.held_out, MEASURED, self.crop)).to(world.device)
        self.begin()

    def begin(self) -> None:
        """Start at step 0, with new weights and no history."""
        model = initial_model(self.plan)
        add_weight_norm(model)
        self.learner = Autoencoder(model, self.plan.seed, self.plan.loss == "energy").to(self.world.device)
        self.average = copy.deepcopy(self.learner.model).requires_grad_(False)
        self.discriminators: Discriminators | None = None
        self.step, self.phase_1_steps, self.ended_early = 0, self.plan.steps, False
        self.rate_scale, self.rollbacks = 1.0, 0
        self.history: list[Measurement] = []
        self.seconds = 0.0
        self.losses: list[float] = []  # since the last measurement
        self._since = time.monotonic()
        self._optimise()
        self.untrained = self._distance_and_level(self._untrained())[0]

    def _untrained(self) -> RAVE:
        """Return a model with random weights, to compare distances with."""
        if not self.plan.start:
            return self.average
        return initial_model(replace(self.plan, start=None)).to(self.world.device)

    @property
    def phase(self) -> int:
        """The phase of the next step, 1 or 2."""
        return 1 if self.step < self.phase_1_steps else 2

    @property
    def total(self) -> int:
        """The number of steps of both phases."""
        return self.phase_1_steps + self.phase_2_steps

    @property
    def phase_2_steps(self) -> int:
        """The number of steps of phase 2."""
        if self.ended_early or self.discriminators is not None:  # it has begun
            return PHASE_2_STEPS if self.plan.adversarial is None else self.plan.adversarial
        return self.plan.phase_2_after(self.phase_1_steps)

    def advance(self, batch: TrainingBatch) -> Tensor:
        """Do one step and return its loss."""
        if self.phase == 2 and self.discriminators is None:
            self.create_discriminators()
        batch = batch.to(self.world.device)
        if self.phase == 1:
            loss = self._spectral_step(batch)
        elif self._is_discriminator_step:
            loss = self._discriminator_step(batch)
        else:
            loss = self._generator_step(batch)
        self.step += 1
        return loss

    @property
    def _is_discriminator_step(self) -> bool:
        return (self.step - self.phase_1_steps) % DISCRIMINATORS_EVERY == 0

    def record_loss(self, loss: float, step: int) -> None:
        """Record the loss of a step for the curves; in phase 2 only generator steps count."""
        if step <= self.phase_1_steps or (step - 1 - self.phase_1_steps) % DISCRIMINATORS_EVERY:
            self.losses.append(loss)

    def begin_phase_2_now(self) -> None:
        """Begin phase 2 with the next step, before the planned end of phase 1."""
        self.phase_1_steps, self.ended_early = self.step, True

    def _spectral_step(self, batch: TrainingBatch) -> Tensor:
        plan, done = self.plan, self.step / self.plan.steps
        self.learner.noise_first = done < NOISE_FIRST
        passed = self._pass(batch)
        beta = BETA[self.config.bottleneck] if plan.beta is None else plan.beta
        loss = passed.distance() + beta * min(1.0, 4 * done) * passed.penalty
        self.trained.descend(loss, plan.rate * learning_rate(done) * self.rate_scale)
        if self.learner.quantizers:
            self.learner.quantizers.learn(
                self.learner.model.codebooks, passed.embedding, self.step, self.world
            )
        self._average()
        return loss.detach()

    def _discriminator_step(self, batch: TrainingBatch) -> Tensor:
        assert self.discriminators
        with torch.no_grad():
            passed = self._pass(batch, self.learner)
        with self._autocast("mixed"):
            loss = discriminator_loss(self.trained_discriminators.shared(torch.cat([passed.x, passed.y])))
        self.trained_discriminators.descend(loss, self._adversarial_rate)
        return loss.detach()

    def _generator_step(self, batch: TrainingBatch) -> Tensor:
        assert self.discriminators
        passed = self._pass(batch)
        self.discriminators.requires_grad_(False)
        with self._autocast("mixed"):
            with torch.no_grad():
                real = self.discriminators(passed.x)
            fake = self.discriminators(passed.y)
        distance = passed.distance()
        adversarial = FEATURES_WEIGHT * feature_distance(real, fake) + generator_loss(fake)
        self.trained.descend(distance + self.plan.discriminator_weight * adversarial, self._adversarial_rate)
        self.discriminators.requires_grad_(True)
        self._average()
        return distance.detach()

    def _pass(self, batch: TrainingBatch, through: nn.Module | None = None) -> AutoencoderPass:
        with self._autocast("bfloat16"):
            parts = (through or self.trained.shared)(batch.x, batch.latent_noise, batch.noise)
        return self.learner.aligned(parts)

    def _autocast(self, least: str) -> torch.autocast:
        enabled = self.precision in ("bfloat16", least)
        return torch.autocast(self.world.device.type, torch.bfloat16, enabled=enabled)

    @torch.no_grad()
    def _average(self) -> None:
        """Update the averaged model, which is saved at the end. It follows faster in the first steps."""
        decay = min(AVERAGE, self.step / (self.step + 10))
        average, model = self.average, self.learner.model
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
        if self.learner.quantizers:
            average.codebooks.entries.copy_(model.codebooks.entries)

    def create_discriminators(self) -> None:
        """Continue with the averaged model, freeze its encoder, and create the discriminators."""
        self.learner.model.load_state_dict(self.average.state_dict())
        self.learner.freeze()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.plan.seed + 1)
            discriminators = Discriminators(
                self.config.channels, self.config.capacity, self.plan.discriminators
            )
        self.discriminators = discriminators.to(self.world.device)
        self._optimise()

    def _optimise(self) -> None:
        """Create the optimisers for the weights of this phase. Each step sets the learning rate."""

        def trained(net: nn.Module, betas: tuple[float, float]) -> TrainedNetwork:
            return TrainedNetwork(net, betas, self.world, compiled=self.plan.compile)

        self.trained = trained(self.learner, (0.8, 0.99) if self.discriminators is None else (0.5, 0.9))
        if self.discriminators is not None:
            self.trained_discriminators = trained(self.discriminators, (0.5, 0.9))

    @property
    def _adversarial_rate(self) -> float:
        """The learning rate of phase 2. It falls as in phase 1, which keeps noise out of the final model."""
        done = (self.step - self.phase_1_steps) / self.phase_2_steps
        return self.plan.adversarial_rate * learning_rate(done) * self.rate_scale

    def _distance_and_level(self, model: RAVE) -> tuple[float, float]:
        """Return distance and level (dB above the input) on held-out sound, the same in all processes."""
        found = torch.zeros(2, device=self.world.device)
        if self.world.first:
            x, y = reconstruct(model, self.held_out)
            level = 10 * torch.log10((y.square().mean() + 1e-12) / (x.square().mean() + 1e-12))
            found = torch.stack([audio_distance(x, y, model.pqmf), level])
        distance, level_db = self.world.from_first(found).tolist()
        return distance, level_db

    def measure(self) -> str | None:
        """Measure the model on held-out sound and add the result to the history.

        Return what is wrong with the model, or None if it is healthy.
        """
        now = time.monotonic()
        self.seconds += now - self._since
        self._since = now
        distance, level_db = self._distance_and_level(self.average)
        loss = float(np.mean(self.losses)) if self.losses else math.nan
        phase = 1 if self.step <= self.phase_1_steps else 2
        score = improvement(distance, self.untrained)
        measured = Measurement(self.step, phase, distance, score, level_db, loss, self.seconds)
        if wrong := failure(measured, self.history):
            return wrong
        self.history.append(measured)
        self.losses.clear()
        return None

    @property
    def plateau(self) -> bool:
        """Whether phase 1 no longer makes progress."""
        return self.phase == 1 and reached_plateau(self.history)

    def roll_back(self, wrong: str) -> str:
        """Go back to the last healthy checkpoint with half the learning rate; return a message."""
        rollbacks, rate_scale, at = self.rollbacks + 1, self.rate_scale / 2, self.step
        if rollbacks > RETRIES:
            raise PerformError(
                f"step {at}: {wrong}, for the {rollbacks}th time",
                where=str(self.plan.folder),
                hint="check the sounds of the corpus, or start again with a lower --rate",
            )
        if (self.plan.folder / checkpoint.HEALTHY).exists():
            self.load(checkpoint.HEALTHY)
        else:
            self.begin()
        self.rollbacks, self.rate_scale = rollbacks, rate_scale
        rate = f"1/{round(1 / rate_scale)} of the learning rate"
        return f"step {at}: {wrong}; going back to step {self.step} with {rate}"

    def model(self) -> RAVE:
        """Return the averaged model, without weight normalisation, on the CPU."""
        return without_weight_norm(self.average)

    def is_finite(self) -> bool:
        """Return whether all weights are finite."""
        weights = [
            *self.learner.parameters(),
            *(self.discriminators.parameters() if self.discriminators else ()),
        ]
        return bool(torch.stack([torch.isfinite(weight).all() for weight in weights]).all())

    def save(self, name: str = checkpoint.LATEST) -> None:
        """Write a checkpoint, in the first process only. [disk]"""
        now = time.monotonic()
        self.seconds += now - self._since
        self._since = now
        if not self.world.first:
            return
        checkpoint.save(self.plan.folder / name, fixed_options(self), state_of(self))

    def load(self, name: str = checkpoint.LATEST, *, for_snapshot: bool = False) -> None:
        """Continue from a checkpoint; for a snapshot batch and loss do not matter. [disk]"""
        options = fixed_options(self)
        if for_snapshot:
            del options[BATCH], options[LOSS]
        state = checkpoint.load(self.plan.folder / name, options)
        self.begin()
        restore(self, state)
        self._since = time.monotonic()


def learning_rate(done: float) -> float:
    """Return the share of the peak learning rate after `done` (0..1) of the steps: a ramp, then a cosine."""
    return min(1.0, done * 50 + 0.01) * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * min(done, 1.0))))
