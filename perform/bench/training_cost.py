"""Measures training steps, compared with the plain recipe of RAVE at the same configuration and batch."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from perform.bench.plain_training import PlainRecipe
from perform.core.errors import PerformError, WrongUse
from perform.rave.config import Config
from perform.rave.model import RAVE
from perform.train.autoencoder import default_crop
from perform.train.corpus import Corpus, quantise, write
from perform.train.initial_model import initial_model
from perform.train.plan import TrainingPlan
from perform.train.processes import joined_processes
from perform.train.trainer import DISCRIMINATORS_EVERY, Trainer

KINDS = ("1", "critics", "model")
"""Kinds of steps: phase 1, and the discriminator and generator steps of phase 2."""
WARM_UP = 2
PARTS = {"conv": "convolutions", "fft": "transforms", "mm": "convolutions", "adam": "optimiser"}
"""Part of a name of an operation -> the group that it counts for; all others are element-wise arithmetic."""


class TrainingCostRow(msgspec.Struct, frozen=True):
    """One kind of step; all times are medians."""

    config: str
    device: str
    precision: str
    batch: int
    crop: int
    kind: str
    ms: float
    plain_ms: float
    ratio: float
    """How many times faster than the plain recipe."""
    other_ms: float | None
    """Time of another implementation, or None."""
    parts: dict[str, float]
    """Shares of the time by group of operations, on the GPU with CUDA, else on the CPU."""


def rows(
    name: str, config: Config, steps: int, plan: dict[str, Any], against: str | None
) -> list[TrainingCostRow]:
    """[main] Measure steps of each kind; the implementations take turns.

    plan    : batch, crop, precision, compile, device, threads
    against : a command that reads the kind of a step from each line, does the step and prints its seconds
    """
    if config.decoder_ratios:
        what = "the plain recipe has no decoder without the filter bank"
        raise WrongUse(what, hint="measure v2, which costs less")
    if config.bottleneck != "variational":
        what = f"the plain recipe has no {config.bottleneck} bottleneck"
        raise WrongUse(what, hint="measure another config: live, v1, v2, v2_small, v3 ...")
    crop = plan["crop"] or default_crop(RAVE(config))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perform-bench-")))
        world = stack.enter_context(joined_processes(str(plan["device"])))
        corpus = _noise(folder / "corpus", config)
        options = {**plan, "crop": crop, "steps": 1_000_000}
        whole = replace(TrainingPlan((folder,), folder / "m.safetensors", name, config=config), **options)
        trainer = Trainer(whole, corpus, world)
        recipe = PlainRecipe(initial_model(whole).to(world.device))
        batches = [trainer.batches.batch(step) for step in range(4)]
        other = OtherTraining(against, stack) if against else None
        found = []
        for kind in KINDS:
            step = _step(trainer, kind)
            turn = [0]

            def trained(step: Callable[[int], None] = step, turn: list[int] = turn) -> None:
                step(turn[0] % 4)
                turn[0] += 1

            def plain(kind: str = kind, turn: list[int] = turn) -> None:
                recipe.advance(kind, batches[turn[0] % 4].x.to(world.device))

            calls: list[Callable[[], object]] = [trained, plain]
            if other:
                calls.append(lambda kind=kind: other.step(kind))  # type: ignore[misc]
            times = _medians_ms(calls, steps, world.device)
            parts = _parts(trained, world.device)
            found.append(
                TrainingCostRow(
                    config=name,
                    device=str(world.device),
                    precision=trainer.precision,
                    batch=whole.batch,
                    crop=crop,
                    kind=kind,
                    ms=times[0],
                    plain_ms=times[1],
                    ratio=times[1] / times[0],
                    other_ms=times[2] if other else None,
                    parts=parts,
                )
            )
    return found


def table(found: list[TrainingCostRow]) -> str:
    """Return a table with a line for each kind of step."""
    first = found[0]
    lines = [
        f"{first.config} on {first.device}, {first.precision}, {first.batch} crops of {first.crop} samples",
        f"{'step':<22}{'ms':>9}{'per second':>12}{'plain ms':>10}{'faster':>8}{'other ms':>10}  spent on",
    ]
    names = {"1": "phase 1", "critics": "discriminator step", "model": "generator step"}
    for row in found:
        parts = ", ".join(f"{name} {100 * share:.0f} %" for name, share in row.parts.items())
        other = f"{row.other_ms:.0f}" if row.other_ms else ""
        lines.append(
            f"{names[row.kind]:<22}{row.ms:>9.0f}{1000 / row.ms:>12.2f}{row.plain_ms:>10.0f}"
            f"{row.ratio:>7.2f}x{other:>10}  {parts}"
        )
    whole, plain, others = (_phase_2(found, field) for field in ("ms", "plain_ms", "other_ms"))
    other = f"{others:.0f}" if others else ""
    lines.append(
        f"{'phase 2, mean':<22}{whole:>9.0f}{1000 / whole:>12.2f}{plain:>10.0f}"
        f"{plain / whole:>7.2f}x{other:>10}"
    )
    return "\n".join(lines)


def _phase_2(found: list[TrainingCostRow], field: str) -> float:
    """Return the mean time of a step of phase 2."""
    times = {row.kind: getattr(row, field) or 0.0 for row in found}
    mean: float = (times["critics"] + (DISCRIMINATORS_EVERY - 1) * times["model"]) / DISCRIMINATORS_EVERY
    return mean


def _step(trainer: Trainer, kind: str) -> Callable[[int], None]:
    """Return a function that does a step of this kind with one of four batches, by index."""
    batches = [trainer.batches.batch(step) for step in range(4)]
    if kind != "1" and trainer.phase == 1:
        trainer.begin_phase_2_now()

    def step(index: int) -> None:
        if kind != "1":
            trainer.step = trainer.phase_1_steps + (0 if kind == "critics" else 1)
        trainer.advance(batches[index])

    if kind == "model":  # the first discriminator step creates the discriminators
        trainer.step = trainer.phase_1_steps
        trainer.advance(batches[0])
    return step


def _medians_ms(calls: list[Callable[[], object]], steps: int, device: torch.device) -> list[float]:
    """Return the median milliseconds of each call; they take turns. A call may return its seconds."""
    seconds: list[list[float]] = [[] for _ in calls]
    for turn in range(WARM_UP + steps):
        for call, found in zip(calls, seconds, strict=True):
            began = time.perf_counter()
            result = call()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            elif device.type == "mps":
                torch.mps.synchronize()
            took = result if isinstance(result, float) else time.perf_counter() - began
            if turn >= WARM_UP:
                found.append(took)
    return [float(1000 * np.median(found)) for found in seconds]


def _parts(call: Callable[[], None], device: torch.device) -> dict[str, float]:
    """Return the shares of a call's time by group of operations."""
    cuda = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]) as profiled:
        call()
        if cuda:
            torch.cuda.synchronize(device)
    shares: dict[str, float] = defaultdict(float)
    for event in profiled.key_averages():
        spent = event.self_device_time_total if cuda else event.self_cpu_time_total
        if spent > 0:
            name = event.key.lower()
            part = next((part for word, part in PARTS.items() if word in name), "arithmetic")
            shares[part] += spent
    total = sum(shares.values()) or 1.0
    return {part: share / total for part, share in sorted(shares.items(), key=lambda item: -item[1])}


def _noise(folder: Path, config: Config) -> Corpus:
    """Make a corpus of a minute of noise; the sound does not affect the time."""
    sound = 0.1 * np.random.default_rng(0).standard_normal((config.channels, 60 * config.sample_rate))
    write(folder, "noise", config.sample_rate, config.channels, [("noise", "1", quantise(sound), {})])
    return Corpus.load(folder)


class OtherTraining:
    """Another implementation of training, in a separate process."""

    def __init__(self, command: str, stack: ExitStack) -> None:
        self._command = command
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, shell=True, stdin=pipe, stdout=pipe, text=True)
        stack.callback(self._end)

    def _end(self) -> None:
        with suppress(OSError), self._process:  # closing its pipe fails if the process has ended
            self._process.kill()

    def step(self, kind: str) -> float:
        """Do a step; return the seconds that it took."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(f"{kind}\n")
            self._process.stdin.flush()
            return float(self._process.stdout.readline())
        except (OSError, ValueError):
            what = "the program printed no seconds for a step"
            raise PerformError(what, where=self._command) from None
