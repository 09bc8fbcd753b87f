"""The lines and the progress that a training reports."""

from __future__ import annotations

import math
import platform

import torch

from perform.train.finishing import FinishedModel
from perform.train.plan import PHASE_2_PAYS
from perform.train.processes import TrainingProcesses
from perform.train.progress import Progress
from perform.train.trainer import Trainer
from perform.train.voice_checks import SHORTEST_S


def current_progress(trainer: Trainer, loss: float, speed: float) -> Progress:
    """Return the progress after a step. speed: steps per second."""
    last = trainer.history[-1] if trainer.history else None
    return Progress(
        step=trainer.step,
        steps=trainer.total,
        phase=1 if trainer.step <= trainer.phase_1_steps else 2,
        loss=loss,
        distance=last.distance if last else math.nan,
        improvement=last.improvement if last else 0.0,
        steps_per_s=speed,
        eta_s=(trainer.total - trainer.step) / speed,
    )


def opening(trainer: Trainer) -> str:
    """Return the line with which a training begins."""
    plan, world = trainer.plan, trainer.world
    processes = f"{world.size} processes, " if world.size > 1 else ""
    phases = f"{trainer.phase_1_steps} steps of phase 1, {trainer.phase_2_steps or 'none'} of phase 2"
    if not (trainer.phase_2_steps or plan.adversarial == 0):
        phases += f" (it pays after {PHASE_2_PAYS} steps or more)"
    size = f"{plan.batch * world.size} crops of {trainer.crop / plan.config.sample_rate:.2f} s per step"
    saving = f"a checkpoint every {plan.checkpoint:g} minutes"
    return f"training on {processes}{world.device}: {phases}, {size}; {saving}"


def plateau(trainer: Trainer) -> str:
    """Return the line about a plateau of phase 1, and what to do there."""
    what = f"phase 1 has reached a plateau at step {trainer.step}: more steps will gain little"
    if trainer.plan.phase_2_after(trainer.step):
        return f"{what}; Ctrl-C, then --resume --steps {trainer.step} begins phase 2 at once"
    return f"{what}; Ctrl-C, then --snapshot writes the model"


def delay(finished: FinishedModel) -> str:
    """Return the line about the delay of a finished model."""
    model = finished.model
    ms, measured = 1000 / model.config.sample_rate, model.card["delay_measured"]
    found = "no response" if measured is None else f"{measured * ms:.1f} ms measured"
    return f"delay {model.delay * ms:.1f} ms computed from the layers, {found} with an impulse"


def checks(finished: FinishedModel) -> list[str]:
    """Return the lines about what a finished voice can do, and where it falls short."""
    found: list[str] = finished.model.card["checks"]
    if not found:
        return [f"the held-out sound is shorter than {SHORTEST_S:g} seconds: too little to judge the voice"]
    return ["on sound that it has not learnt:", *(f"  {line}" for line in found)]


def hardware(world: TrainingProcesses) -> str:
    """Return the machine of a training, for the model's card."""
    if world.device.type == "cuda":
        name = torch.cuda.get_device_name(world.device)
    else:
        name = f"{platform.machine()} {world.device.type}, {torch.get_num_threads()} threads"
    return f"{world.size} x {name}" if world.size > 1 else name
