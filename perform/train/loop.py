"""A training from its first step to its model file. Resumable to the bit, deterministic by seed.

Knows nothing of terminals: lines and progress go to a `ProgressListener`.
"""

from __future__ import annotations

import math
import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from perform.core.errors import PerformError, WrongUse
from perform.rave.config import Config
from perform.rave.model import RAVE
from perform.train import checkpoint
from perform.train.autoencoder import least_crop
from perform.train.batches import TrainingBatch
from perform.train.corpus import Corpus, is_prepared
from perform.train.finishing import FinishedModel, distance, finish, posterior_means
from perform.train.initial_model import initial_model
from perform.train.plan import TrainingPlan, check
from perform.train.processes import TrainingProcesses, world
from perform.train.progress import Progress, ProgressListener, Stopped
from perform.train.tensorboard_log import TensorboardLog, open_tensorboard
from perform.train.trainer import Trainer
from perform.train.training_report import write_report

SETTLE_EVERY = 10
"""Steps between two checks of the losses on an accelerator or in several processes; all wait for it."""


def train(plan: TrainingPlan, listener: ProgressListener | None = None) -> RAVE:
    """Train to the end of both phases, write the model file and the report, return the model. [disk]

    Under `torchrun` all processes call it. Ctrl-C (or SIGTERM) finishes the step, saves and raises Stopped.
    """
    check(plan, least_crop(initial_model(plan)))
    torch.set_num_threads(plan.threads)
    with world(plan.device) as here:
        tell = (listener or ProgressListener()) if here.first else ProgressListener()
        _check_beginning(plan)
        corpus = _corpus(plan, here, tell)
        trainer = Trainer(plan, corpus, here)
        if plan.resume:
            trainer.load()
        else:
            trainer.measure()
            trainer.save()
        here.wait()
        tell.say(_opening(trainer))
        with open_tensorboard(plan.folder, here.first) as pictures:
            _run(trainer, tell, pictures)
        model = trainer.model()
        if here.first:
            model = conclude(trainer, tell).model
        here.wait()
        return model


def snapshot(plan: TrainingPlan, listener: ProgressListener | None = None) -> RAVE:
    """Write the model file from the latest checkpoint; the training stays as it is. [disk]"""
    plan = replace(plan, resume=True)
    with world(plan.device) as here:
        tell = (listener or ProgressListener()) if here.first else ProgressListener()
        trainer = Trainer(plan, _corpus(plan, here, tell), here)
        trainer.load(for_snapshot=True)
        model = conclude(trainer, tell).model if here.first else trainer.model()
        here.wait()
        return model


def open_corpus(
    sounds: Path,
    target: Path,
    config: Config,
    threads: int,
    here: TrainingProcesses,
    tell: ProgressListener,
    *,
    again: bool,
) -> Corpus:
    """Open the corpus; if `sounds` is a folder of sound files, prepare it in `target` first. [disk]

    again : a training is resumed, with the corpus that was prepared for it
    """
    if not is_prepared(sounds):
        if again and is_prepared(target):
            tell.say("resuming with the corpus as it was prepared; later changes in the folder are ignored")
        elif here.first:
            prepare(sounds, target, config, threads, tell)
        here.wait()
        sounds = target
    corpus = Corpus.load(sounds)
    shape = corpus.sample_rate, corpus.signal.shape[1]
    if shape != (config.sample_rate, config.channels):
        what = f"a corpus of {shape[0]} Hz and {shape[1]} channels"
        hint = f"{config.sample_rate} and {config.channels} are wanted: prepare it for that"
        raise WrongUse(what, where=str(sounds), hint=hint)
    return corpus


def prepare(sounds: Path, target: Path, config: Config, threads: int, tell: ProgressListener) -> None:
    """Prepare a folder of sounds as a corpus, or bring that up to date, and report what it holds. [disk]"""
    if not sounds.exists():
        raise WrongUse("no such corpus", where=str(sounds), hint="name a folder of sounds")
    try:
        from perform.train.preparation import prepare as make
    except ImportError as error:
        hint = "prepare it where they are (`perform train FOLDER -o FILE --prepare`), and bring that folder"
        raise PerformError(f"sounds cannot be read without {error.name}", hint=hint) from None
    survey = make(sounds, target, config.sample_rate, config.channels, threads, tell.preparing)
    for line in survey.lines():
        tell.say(line)


def _corpus(plan: TrainingPlan, here: TrainingProcesses, tell: ProgressListener) -> Corpus:
    target = plan.folder / "corpus"
    return open_corpus(plan.corpus, target, plan.config, plan.threads, here, tell, again=plan.resume)


def conclude(trainer: Trainer, tell: ProgressListener) -> FinishedModel:
    """Write the model file and the report from the current weights. [disk]"""
    plan, model = trainer.plan, trainer.model()
    if model.config.bottleneck == "variational":
        means, levels = posterior_means(model, trainer.corpus)
        model.fit_latents(means, plan.latents, plan.fidelity, levels)
    spectral = [measured.distance for measured in trainer.history if measured.phase == 1]
    details: dict[str, Any] = {
        **{key: getattr(plan, key) for key in ("name", "description", "licence", "recipe")},
        "steps": trainer.step,
        "distance": round(distance(trainer.average, trainer.held_out), 3),
        "distance_untrained": round(trainer.untrained, 3),
        "hours": round(trainer.seconds / 3600, 2),
        "hardware": _hardware(trainer.world),
    }
    if spectral:
        details["distance_spectral"] = round(spectral[-1], 3)
    plan.output.parent.mkdir(parents=True, exist_ok=True)
    finished = finish(model, trainer.corpus, plan.output, trainer.held_out.cpu(), details)
    tell.say(_delay(finished))
    tell.say(write_report(plan.folder / "report.html", trainer.history, finished))
    return finished


def _run(trainer: Trainer, tell: ProgressListener, pictures: TensorboardLog | None) -> None:
    """Do the steps that are left."""
    plan, here = trainer.plan, trainer.world
    settle_every = 1 if here.size == 1 and here.device.type == "cpu" else SETTLE_EVERY
    saved, started, first = time.monotonic(), time.monotonic(), trainer.step
    pending: list[torch.Tensor] = []
    flat_reported = False
    with interruption() as interrupted, ExitStack() as stack:
        batches = stack.enter_context(_closing(trainer))
        while trainer.step < trainer.total:
            pending.append(trainer.advance(next(batches)))
            due = trainer.step % plan.evaluate_every == 0 or trainer.step in (trainer.turn, trainer.total)
            if not (due or trainer.step % settle_every == 0):
                continue
            losses = here.mean(torch.stack([loss.float() for loss in pending])).tolist()
            pending.clear()
            wrong = None if all(map(math.isfinite, losses)) else "the loss is NaN or infinite"
            if not wrong:
                for back, loss in enumerate(reversed(losses)):
                    trainer.note(loss, trainer.step - back)
                if due:
                    wrong = trainer.measure()
            if wrong:
                tell.say(trainer.fall_back(wrong))
                batches = stack.enter_context(_closing(trainer))
                started, first = time.monotonic(), trainer.step
                continue
            if due and trainer.flat:
                if plan.auto and plan.adversarial:
                    trainer.move_on()
                    tell.say(f"phase 1 has flattened at step {trainer.step}: on to phase 2")
                elif not flat_reported:
                    tell.say(_flat(trainer))
                    flat_reported = True
            if due:
                if trainer.is_finite():
                    trainer.save(checkpoint.HEALTHY)
                if pictures:
                    pictures.note(trainer)
            speed = (trainer.step - first) / (time.monotonic() - started)
            tell.progress(_progress(trainer, losses[-1], speed))
            stop = here.any(interrupted.is_set())
            if stop or time.monotonic() - saved > 60 * plan.checkpoint:
                trainer.save()
                saved = time.monotonic()
            if stop and not here.first:
                raise SystemExit(Stopped.exit_code)  # the first process reports it
            if stop:
                raise Stopped(
                    f"stopped after step {trainer.step} of {trainer.total}",
                    where=str(plan.folder / checkpoint.LATEST),
                    hint="the same command with --resume goes on from here",
                )
    trainer.save()


@contextmanager
def _closing(trainer: Trainer) -> Iterator[Iterator[TrainingBatch]]:
    """The batches from a trainer's step on; their thread ends with the block."""
    batches = trainer.batches.following(trainer.step)
    try:
        yield batches
    finally:
        batches.close()


def _progress(trainer: Trainer, loss: float, speed: float) -> Progress:
    last = trainer.history[-1] if trainer.history else None
    return Progress(
        step=trainer.step,
        steps=trainer.total,
        phase=1 if trainer.step <= trainer.turn else 2,
        loss=loss,
        distance=last.distance if last else math.nan,
        heard=last.heard if last else 0.0,
        steps_per_s=speed,
        eta_s=(trainer.total - trainer.step) / speed,
    )


def _opening(trainer: Trainer) -> str:
    plan, here = trainer.plan, trainer.world
    processes = f"{here.size} processes, " if here.size > 1 else ""
    phases = f"{trainer.turn} steps of phase 1, {plan.adversarial} of phase 2"
    size = f"{plan.batch * here.size} crops of {trainer.crop / plan.config.sample_rate:.2f} s a step"
    safe = f"a checkpoint every {plan.checkpoint:g} minutes"
    return f"on {processes}{here.device}: {phases}, {size}; {safe}"


def _flat(trainer: Trainer) -> str:
    more = "more steps will gain little"
    if trainer.plan.adversarial:
        return f"phase 1 has flattened at step {trainer.step}: {more}; --resume --auto moves on at once"
    return f"phase 1 has flattened at step {trainer.step}: {more}; Ctrl-C and --snapshot keep what there is"


def _delay(finished: FinishedModel) -> str:
    model = finished.model
    delays = model.delay, model.card["delay_measured"]
    by_sum, measured = (1000 * n / model.config.sample_rate for n in delays)
    return f"delay {by_sum:.1f} ms by the sum of its layers, {measured:.1f} ms measured with an impulse"


def _hardware(here: TrainingProcesses) -> str:
    if here.device.type == "cuda":
        name = torch.cuda.get_device_name(here.device)
    else:
        name = f"{platform.machine()} {here.device.type}, {torch.get_num_threads()} threads"
    return f"{here.size} x {name}" if here.size > 1 else name


def _check_beginning(plan: TrainingPlan) -> None:
    if (plan.folder / checkpoint.LATEST).exists() and not plan.resume:
        raise WrongUse(
            "a training with this output was begun before",
            where=str(plan.folder),
            hint="use --resume to go on, or delete that folder",
        )


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that they don't interrupt a step."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def note(number: int, frame: FrameType | None) -> None:
        event.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
