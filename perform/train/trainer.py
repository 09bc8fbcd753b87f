"""The steps of a training: nets, optimisers, the averaged weights, and checkpoints.

Phase 1 (representation learning, Caillon & Esling, arXiv 2111.05011, section 3.1) lowers the spectral
distance plus the bottleneck's penalty. Phase 2 (adversarial fine-tuning, section 3.2) freezes the encoder and
trains the decoder with discriminators: hinge loss, feature matching and the spectral distance. The model file
holds an exponential average of the weights.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from perform.core.errors import PerformError
from perform.rave.model import RAVE
from perform.rave.stream import Conv1d, ConvTranspose1d
from perform.train import checkpoint
from perform.train.autoencoder import Autoencoder, AutoencoderPass, usual_crop
from perform.train.batches import TrainingBatch, TrainingBatches
from perform.train.bottleneck_training import BETA
from perform.train.corpus import Corpus
from perform.train.discriminators import Discriminators, discriminator_loss, feature_distance, generator_loss
from perform.train.finishing import reconstruct
from perform.train.health import Measurement, flattened, heard, trouble
from perform.train.initial_model import initial_model
from perform.train.losses import audio_distance
from perform.train.plan import TrainingPlan
from perform.train.processes import TrainingProcesses

DISCRIMINATORS_EVERY = 4
"""Every so many steps of phase 2 the discriminators are trained instead of the model."""
FEATURES_WEIGHT = 20.0
AVERAGE = 0.999
"""Decay of the average of the weights, per step, once there have been many steps."""
CLIP = 1.0
"""Largest norm of a gradient; longer ones are scaled down to it."""
MEASURED = 8
"""Held-out crops of a measurement."""
_BATCH = "batch of all processes"
RETRIES = 5
"""Times that a training may go back to its last healthy checkpoint before it stops for good."""


class Trainer:
    """Everything that changes while a training runs. `step` counts the steps done, in both phases."""

    def __init__(self, plan: TrainingPlan, corpus: Corpus, world: TrainingProcesses) -> None:
        self.plan, self.world, self.corpus = plan, world, corpus
        self.config = plan.config
        self.crop = plan.crop or usual_crop(initial_model(plan))
        items = range(world.rank * plan.batch, (world.rank + 1) * plan.batch)
        self.batches = TrainingBatches(corpus, plan.config, items, self.crop, plan.changes, plan.seed)
        asked = plan.precision
        self.precision = usual_precision(world.device) if asked == "auto" else asked
        self.held_out = torch.from_numpy(corpus.spread(corpus.held_out, MEASURED, self.crop)).to(world.device)
        self.begin()

    def begin(self) -> None:
        """Go to step 0: new weights, no history."""
        model = initial_model(self.plan)
        for layer in convolutions(model):
            weight_norm(layer)
        self.learner = Autoencoder(model, self.plan.seed).to(self.world.device)
        self.average = copy.deepcopy(self.learner.model).requires_grad_(False)
        self.discriminators: Discriminators | None = None
        self.step, self.turn, self.moved = 0, self.plan.steps, False
        self.slower, self.falls = 1.0, 0
        self.history: list[Measurement] = []
        self.seconds = 0.0
        self.losses: list[float] = []  # since the last measurement
        self._since = time.monotonic()
        self._optimise()
        self.untrained = self._distance_and_level(self._untrained())[0]

    def _untrained(self) -> RAVE:
        """A model with random weights, to compare distances with."""
        if not self.plan.start:
            return self.average
        return initial_model(replace(self.plan, start=None)).to(self.world.device)

    @property
    def phase(self) -> int:
        """Phase of the next step, 1 or 2."""
        return 1 if self.step < self.turn else 2

    @property
    def total(self) -> int:
        """Steps of both phases."""
        return self.turn + self.plan.adversarial

    def advance(self, batch: TrainingBatch) -> Tensor:
        """Do one step and return its loss."""
        if self.phase == 2 and self.discriminators is None:
            self._begin_phase_2()
        batch = batch.to(self.world.device)
        if self.phase == 1:
            loss = self._spectral_step(batch)
        elif self._discriminators_turn:
            loss = self._discriminator_step(batch)
        else:
            loss = self._generator_step(batch)
        self.step += 1
        return loss

    @property
    def _discriminators_turn(self) -> bool:
        return (self.step - self.turn) % DISCRIMINATORS_EVERY == 0

    def note(self, loss: float, step: int) -> None:
        """Keep the loss of step `step` for the curves; of phase 2 only the model's steps count."""
        if step <= self.turn or (step - 1 - self.turn) % DISCRIMINATORS_EVERY:
            self.losses.append(loss)

    def move_on(self) -> None:
        """Begin phase 2 with the next step, whatever was planned."""
        self.turn, self.moved = self.step, True

    def _spectral_step(self, batch: TrainingBatch) -> Tensor:
        plan, done = self.plan, self.step / self.plan.steps
        self._set_rate(self.optimiser, plan.rate * learning_rate(done))
        passed = self._pass(batch)
        beta = BETA[self.config.bottleneck] if plan.beta is None else plan.beta
        loss = passed.distance() + beta * min(1.0, 4 * done) * passed.penalty
        self._descend(loss, self.optimiser)
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
            loss = discriminator_loss(self._shared_discriminators(torch.cat([passed.x, passed.y])))
        self._set_rate(self.discriminator_optimiser, self._adversarial_rate)
        self._descend(loss, self.discriminator_optimiser)
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
        self._set_rate(self.optimiser, self._adversarial_rate)
        self._descend(distance + self.plan.discriminator_weight * adversarial, self.optimiser)
        self.discriminators.requires_grad_(True)
        self._average()
        return distance.detach()

    def _pass(self, batch: TrainingBatch, through: nn.Module | None = None) -> AutoencoderPass:
        with self._autocast("bfloat16"):
            parts = (through or self._shared_learner)(batch.x, batch.dice, batch.noise)
        return self.learner.aligned(parts)

    def _autocast(self, least: str) -> torch.autocast:
        enabled = self.precision in ("bfloat16", least)
        return torch.autocast(self.world.device.type, torch.bfloat16, enabled=enabled)

    def _descend(self, loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(
            [weight for group in optimiser.param_groups for weight in group["params"]], CLIP
        )
        optimiser.step()

    @torch.no_grad()
    def _average(self) -> None:
        """Update the averaged model, which will be saved; it follows fast at first."""
        keep = min(AVERAGE, self.step / (self.step + 10))
        mine, other = self.average, self.learner.model
        torch._foreach_lerp_(list(mine.parameters()), list(other.parameters()), 1 - keep)
        if self.learner.quantizers:
            mine.codebooks.entries.copy_(other.codebooks.entries)

    def _begin_phase_2(self) -> None:
        """Continue from the averaged model with a frozen encoder, and make the discriminators."""
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
        """Make optimisers for the weights that learn from now on, and wrap the nets for all processes.

        Each step sets the learning rate itself.
        """
        fused = self.world.device.type in ("cpu", "cuda")

        def adam(net: nn.Module, betas: tuple[float, float]) -> torch.optim.Adam:
            weights = [weight for weight in net.parameters() if weight.requires_grad]
            return torch.optim.Adam(weights, betas=betas, fused=fused)

        self.optimiser = adam(self.learner, (0.8, 0.99) if self.discriminators is None else (0.5, 0.9))
        self._shared_learner = self._shared(self.learner)
        if self.discriminators is not None:
            self.discriminator_optimiser = adam(self.discriminators, (0.5, 0.9))
            self._shared_discriminators = self._shared(self.discriminators)

    def _shared(self, net: nn.Module) -> nn.Module:
        net = self.world.wrap(net)
        return torch.compile(net) if self.plan.compile else net  # type: ignore[return-value]

    @property
    def _adversarial_rate(self) -> float:
        """It falls as phase 1's does, so that the noise of the last steps does not stay in the model."""
        done = (self.step - self.turn) / self.plan.adversarial
        return self.plan.adversarial_rate * learning_rate(done)

    def _set_rate(self, optimiser: torch.optim.Optimizer, rate: float) -> None:
        for group in optimiser.param_groups:
            group["lr"] = rate * self.slower

    def _distance_and_level(self, model: RAVE) -> tuple[float, float]:
        """Distance on held-out sound, and the output's level above the input's in dB, in all processes."""
        found = torch.zeros(2, device=self.world.device)
        if self.world.first:
            x, y = reconstruct(model, self.held_out)
            level = 10 * torch.log10((y.square().mean() + 1e-12) / (x.square().mean() + 1e-12))
            found = torch.stack([audio_distance(x, y, model.pqmf), level])
        distance, level_db = self.world.from_first(found).tolist()
        return distance, level_db

    def measure(self) -> str | None:
        """Measure the model on held-out sound and add that to the history; what is wrong, or None."""
        now = time.monotonic()
        self.seconds += now - self._since
        self._since = now
        distance, level_db = self._distance_and_level(self.average)
        loss = float(np.mean(self.losses)) if self.losses else math.nan
        phase = 1 if self.step <= self.turn else 2
        score = heard(distance, self.untrained)
        measured = Measurement(self.step, phase, distance, score, level_db, loss, self.seconds)
        if wrong := trouble(measured, self.history):
            return wrong
        self.history.append(measured)
        self.losses.clear()
        return None

    @property
    def flat(self) -> bool:
        """Whether phase 1 no longer makes progress (health.py)."""
        return self.phase == 1 and flattened(self.history)

    def fall_back(self, wrong: str) -> str:
        """Go back to the last healthy checkpoint with half the learning rate; the line to show."""
        falls, slower, at = self.falls + 1, self.slower / 2, self.step
        if falls > RETRIES:
            raise PerformError(
                f"step {at}: {wrong}, for the {falls}th time",
                where=str(self.plan.folder),
                hint="check the sounds of the corpus, or begin again with a lower --rate",
            )
        if (self.plan.folder / checkpoint.HEALTHY).exists():
            self.load(checkpoint.HEALTHY)
        else:
            self.begin()
        self.falls, self.slower = falls, slower
        return f"step {at}: {wrong}; back to step {self.step} with 1/{round(1 / slower)} of the learning rate"

    @torch.no_grad()
    def model(self) -> RAVE:
        """The averaged model with plain weights, without weight normalisation, on the CPU."""
        model = RAVE(self.config)
        for plain, normed in zip(convolutions(model), convolutions(self.average), strict=True):
            plain.weight.copy_(normed.weight)
            plain.bias.copy_(normed.bias)
        averages = {**dict(self.average.named_parameters()), **dict(self.average.named_buffers())}
        for name, tensor in model.state_dict().items():
            if name in averages:  # tensors without weight normalisation
                tensor.copy_(averages[name])
        return model.requires_grad_(False).eval()

    def is_finite(self) -> bool:
        """Whether every weight is finite."""
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
        state: dict[str, Any] = {
            "step": self.step,
            "turn": self.turn,
            "moved": self.moved,
            "slower": self.slower,
            "falls": self.falls,
            "seconds": self.seconds,
            "untrained": self.untrained,
            "losses": self.losses,
            "history": [measured.to_dict() for measured in self.history],
            "learner": self.learner.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        if self.discriminators is not None:
            # the keys of the files that earlier versions wrote
            state |= {
                "critics": self.discriminators.state_dict(),
                "hearing": self.discriminator_optimiser.state_dict(),
            }
        checkpoint.save(self.plan.folder / name, self._identity(), state)

    def load(self, name: str = checkpoint.LATEST, *, for_snapshot: bool = False) -> None:
        """Go on from a checkpoint; for a snapshot the batch may have another size. [disk]"""
        identity = self._identity()
        if for_snapshot:
            del identity[_BATCH]
        state = checkpoint.load(self.plan.folder / name, identity)
        self.begin()
        self.average.load_state_dict(state["average"])
        self.slower, self.falls = state["slower"], state["falls"]
        self.step, self.moved = state["step"], state["moved"]
        over = self.moved or "critics" in state  # else a longer --steps prolongs phase 1
        self.turn = state["turn"] if over else max(self.plan.steps, self.step)
        if "critics" in state:
            self._begin_phase_2()
            assert self.discriminators
            self.discriminators.load_state_dict(state["critics"])
            self.discriminator_optimiser.load_state_dict(state["hearing"])
        self.learner.load_state_dict(state["learner"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.seconds, self.untrained = state["seconds"], state["untrained"]
        self.history = [Measurement(**measured) for measured in state["history"]]
        self.losses = list(state["losses"])
        self._since = time.monotonic()

    def _identity(self) -> dict[str, Any]:
        """What must not change between a training and its continuation."""
        plan = self.plan
        return {
            "config": json.loads(json.dumps(self.config.to_dict())),
            "corpus": self.corpus.digest,
            _BATCH: plan.batch * self.world.size,
            "crop": self.crop,
            "seed": plan.seed,
            "changes": list(plan.changes),
            "critics": list(plan.discriminators),  # the key in checkpoints of every version
        }


def convolutions(model: RAVE) -> Iterator[Conv1d | ConvTranspose1d]:
    """Every layer with weight normalisation."""
    return (layer for layer in model.modules() if isinstance(layer, (Conv1d, ConvTranspose1d)))


def usual_precision(device: torch.device) -> str:
    """`mixed` where bfloat16 is faster than float32, else `float32`."""
    if device.type == "cuda":
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        faster = bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
    else:
        faster = False  # not measured on MPS
    return "mixed" if faster else "float32"


def learning_rate(done: float) -> float:
    """Share of the peak learning rate after `done` (0..1) of the steps: a ramp, then a half cosine."""
    return min(1.0, done * 50 + 0.01) * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * min(done, 1.0))))
