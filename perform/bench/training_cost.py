"""What a training step costs, beside the plain upstream recipe's at the same configuration and batch."""

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
from perform.train.autoencoder import usual_crop
from perform.train.corpus import Corpus, quantise, write
from perform.train.initial_model import initial_model
from perform.train.plan import TrainingPlan
from perform.train.processes import world
from perform.train.trainer import DISCRIMINATORS_EVERY, Trainer

KINDS = ("1", "critics", "model")
"""Steps: of phase 1, of phase 2's critics, of phase 2's model."""
WARM_UP = 2
PARTS = {"conv": "convolutions", "fft": "transforms", "mm": "convolutions", "adam": "optimiser"}
"""What an operation is, by what its name holds; the rest is arithmetic one number at a time."""


class TrainingCostRow(msgspec.Struct, frozen=True):
    """One kind of step, medians."""

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
    """Of another implementation, if one was named."""
    parts: dict[str, float]
    """Shares of the time by what it is spent on: CUDA's own time, else the CPU's."""


def rows(
    name: str, config: Config, steps: int, plan: dict[str, Any], against: str | None
) -> list[TrainingCostRow]:
    """[main] Steps of each kind, ours and the others' in turn.

    plan : batch, crop, precision, compile, device, threads
    against : a command that does one step for each line with its kind, and answers in seconds
    """
    if config.bottleneck != "variational":
        what = f"the plain recipe knows nothing of a {config.bottleneck} bottleneck"
        raise WrongUse(what, hint="measure another config: live, v1, v2, v2_small, v3 ...")
    crop = plan["crop"] or usual_crop(RAVE(config))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perform-bench-")))
        here = stack.enter_context(world(str(plan["device"])))
        corpus = _noise(folder / "corpus", config)
        options = {**plan, "crop": crop, "steps": 1_000_000}
        whole = replace(TrainingPlan(folder, folder / "m.safetensors", name, config=config), **options)
        trainer = Trainer(whole, corpus, here)
        recipe = PlainRecipe(initial_model(whole).to(here.device))
        batches = [trainer.batches.batch(step) for step in range(4)]
        other = PlainTraining(against, stack) if against else None
        found = []
        for kind in KINDS:
            step = _step(trainer, kind)
            turn = [0]

            def ours(step: Callable[[int], None] = step, turn: list[int] = turn) -> None:
                step(turn[0] % 4)
                turn[0] += 1

            def plain(kind: str = kind, turn: list[int] = turn) -> None:
                recipe.advance(kind, batches[turn[0] % 4].x.to(here.device))

            calls: list[Callable[[], object]] = [ours, plain]
            if other:
                calls.append(lambda kind=kind: other.step(kind))  # type: ignore[misc]
            times = _in_turn(calls, steps, here.device)
            parts = _parts(ours, here.device)
            found.append(
                TrainingCostRow(
                    config=name,
                    device=str(here.device),
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
    """Lines to read."""
    first = found[0]
    lines = [
        f"{first.config} on {first.device}, {first.precision}, {first.batch} crops of {first.crop} samples",
        f"{'step':<18}{'ms':>9}{'a second':>10}{'plain ms':>10}{'faster':>8}{'other ms':>10}  of which",
    ]
    names = {"1": "phase 1", "critics": "phase 2, critics", "model": "phase 2, model"}
    for row in found:
        parts = ", ".join(f"{name} {100 * share:.0f} %" for name, share in row.parts.items())
        other = f"{row.other_ms:.0f}" if row.other_ms else ""
        lines.append(
            f"{names[row.kind]:<18}{row.ms:>9.0f}{1000 / row.ms:>10.2f}{row.plain_ms:>10.0f}"
            f"{row.ratio:>7.2f}x{other:>10}  {parts}"
        )
    whole, plain, others = (_phase_2(found, field) for field in ("ms", "plain_ms", "other_ms"))
    other = f"{others:.0f}" if others else ""
    lines.append(
        f"{'phase 2':<18}{whole:>9.0f}{1000 / whole:>10.2f}{plain:>10.0f}{plain / whole:>7.2f}x{other:>10}"
    )
    return "\n".join(lines)


def _phase_2(found: list[TrainingCostRow], field: str) -> float:
    """A step of phase 2 on average."""
    times = {row.kind: getattr(row, field) or 0.0 for row in found}
    mean: float = (times["critics"] + (DISCRIMINATORS_EVERY - 1) * times["model"]) / DISCRIMINATORS_EVERY
    return mean


def _step(trainer: Trainer, kind: str) -> Callable[[int], None]:
    """A step of that kind, with the n-th of a few batches made before."""
    batches = [trainer.batches.batch(step) for step in range(4)]
    if kind != "1" and trainer.phase == 1:
        trainer.move_on()

    def step(index: int) -> None:
        if kind != "1":
            trainer.step = trainer.turn + (0 if kind == "critics" else 1)
        trainer.advance(batches[index])

    if kind == "model":  # the critics' first step makes them
        trainer.step = trainer.turn
        trainer.advance(batches[0])
    return step


def _in_turn(calls: list[Callable[[], object]], steps: int, device: torch.device) -> list[float]:
    """Median milliseconds of each, a call of one after a call of the other. One may give its own seconds."""
    seconds: list[list[float]] = [[] for _ in calls]
    for turn in range(WARM_UP + steps):
        for call, found in zip(calls, seconds, strict=True):
            began = time.perf_counter()
            said = call()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            elif device.type == "mps":
                torch.mps.synchronize()
            took = said if isinstance(said, float) else time.perf_counter() - began
            if turn >= WARM_UP:
                found.append(took)
    return [float(1000 * np.median(found)) for found in seconds]


def _parts(call: Callable[[], None], device: torch.device) -> dict[str, float]:
    """What a call's time is spent on: the device's, where it can be asked for it."""
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
    """A minute of noise, which costs what any sound costs."""
    sound = 0.1 * np.random.default_rng(0).standard_normal((config.channels, 60 * config.sample_rate))
    write(folder, "noise", config.sample_rate, config.channels, [("noise", "1", quantise(sound), {})])
    return Corpus.load(folder)


class PlainTraining:
    """Another implementation of the training, in a separate process."""

    def __init__(self, command: str, stack: ExitStack) -> None:
        self._command = command
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, shell=True, stdin=pipe, stdout=pipe, text=True)
        stack.callback(self._end)

    def _end(self) -> None:
        with suppress(OSError), self._process:  # leaving the process flushes a pipe that has no reader
            self._process.kill()

    def step(self, kind: str) -> float:
        """Seconds that it needed."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(f"{kind}\n")
            self._process.stdin.flush()
            return float(self._process.stdout.readline())
        except (OSError, ValueError):
            raise PerformError("gave no seconds for a step", where=self._command) from None
