"""A training from its first step to its model file.

The same seed gives the same model, and a resumed training gives the same model as an uninterrupted one.
Messages and progress go to a `ProgressListener`; this module knows no terminal.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from perform.core.errors import PerformError, WrongUse
from perform.rave.config import Config
from perform.rave.model import RAVE
from perform.train import checkpoint, training_messages
from perform.train.autoencoder import shortest_crop
from perform.train.batches import TrainingBatch
from perform.train.corpus import Corpus, is_prepared
from perform.train.finishing import FinishedModel, distance, finish, posterior_means
from perform.train.health import verdict
from perform.train.initial_model import initial_model
from perform.train.latent_choice import KEPT_DB, choose_latents
from perform.train.plan import TrainingPlan, check
from perform.train.processes import TrainingProcesses, joined_processes
from perform.train.progress import ProgressListener, Stopped
from perform.train.tensorboard_log import TensorboardLog, open_tensorboard
from perform.train.trainer import Trainer
from perform.train.training_report import write_report

SETTLE_EVERY = 10
"""Steps between two checks of the losses on a GPU or in several processes, which wait for each check."""


def train(plan: TrainingPlan, listener: ProgressListener | None = None) -> RAVE:
    """Train to the end of both phases, write the model file and the report, and return the model. [disk]

    With `torchrun`, all processes call this. Ctrl-C (or SIGTERM) finishes the step, saves a checkpoint and
    raises Stopped.
    """
    check(plan, shortest_crop(initial_model(plan)))
    torch.set_num_threads(plan.threads)
    with joined_processes(plan.device) as world:
        listener = (listener or ProgressListener()) if world.first else ProgressListener()
        _check_beginning(plan)
        corpus = _corpus(plan, world, listener)
        trainer = Trainer(plan, corpus, world)
        if plan.resume:
            trainer.load()
        else:
            trainer.measure()
            trainer.save()
        world.wait()
        listener.log(training_messages.opening(trainer))
        with open_tensorboard(plan.folder, world.first) as pictures:
            _run(trainer, listener, pictures)
        model = trainer.model()
        if world.first:
            model = conclude(trainer, listener).model
        world.wait()
        return model


def snapshot(plan: TrainingPlan, listener: ProgressListener | None = None) -> RAVE:
    """Write the model file from the latest checkpoint, and return the model. [disk]"""
    plan = replace(plan, resume=True)
    with joined_processes(plan.device) as world:
        listener = (listener or ProgressListener()) if world.first else ProgressListener()
        trainer = Trainer(plan, _corpus(plan, world, listener), world)
        trainer.load(for_snapshot=True)
        model = conclude(trainer, listener).model if world.first else trainer.model()
        world.wait()
        return model


def open_corpus(
    sounds: Sequence[Path],
    target: Path,
    config: Config,
    threads: int,
    world: TrainingProcesses,
    listener: ProgressListener,
    *,
    again: bool,
) -> Corpus:
    """Open the corpus; if `sounds` are folders of sound files, prepare them in `target` first. [disk]

    again : a resumed training, which uses the corpus that was prepared for it
    """
    prepared = prepared_corpus(sounds)
    if not prepared:
        if again and is_prepared(target):
            listener.log("resuming with the prepared corpus; later changes to the sound files are ignored")
        elif world.first:
            prepare(sounds, target, config, threads, listener)
        world.wait()
        prepared = target
    corpus = Corpus.load(prepared)
    shape = corpus.sample_rate, corpus.signal.shape[1]
    if shape != (config.sample_rate, config.channels):
        what = f"the corpus was prepared for {shape[0]} Hz and {shape[1]} channels"
        hint = f"prepare it again for {config.sample_rate} Hz and {config.channels}"
        raise WrongUse(what, where=str(prepared), hint=hint)
    return corpus


def prepared_corpus(sounds: Sequence[Path]) -> Path | None:
    """Return the prepared corpus that `sounds` names; None if it names folders of sound files. [disk]"""
    prepared = [folder for folder in sounds if is_prepared(folder)]
    if prepared and len(sounds) > 1:
        hint = "name it alone, or name only folders of sound files"
        raise WrongUse("a prepared corpus cannot be joined with others", where=str(prepared[0]), hint=hint)
    return prepared[0] if prepared else None


def prepare(
    sounds: Sequence[Path], target: Path, config: Config, threads: int, listener: ProgressListener
) -> None:
    """Prepare folders of sound files as a corpus, or update that corpus, and log a summary. [disk]"""
    for folder in sounds:
        if not folder.exists():
            raise WrongUse("no such corpus", where=str(folder), hint="name a folder of sound files")
    try:
        from perform.train.preparation import LEFT_OUT
        from perform.train.preparation import prepare as make
    except ImportError as error:
        hint = f"install {error.name}, or copy a corpus that `perform train FOLDER -o FILE --prepare` made"
        raise PerformError(f"sound files cannot be read without {error.name}", hint=hint) from None
    survey = make(sounds, target, config.sample_rate, config.channels, threads, listener.files_read)
    for line in survey.lines():
        listener.log(line)
    if count := len(survey.skipped()):
        files = "the file left out is" if count == 1 else f"all {count} files left out are"
        listener.log(f"{files} listed, with the reason, in {target / LEFT_OUT}")


def _corpus(plan: TrainingPlan, world: TrainingProcesses, listener: ProgressListener) -> Corpus:
    target = plan.folder / "corpus"
    return open_corpus(plan.corpus, target, plan.config, plan.threads, world, listener, again=plan.resume)


def conclude(trainer: Trainer, listener: ProgressListener) -> FinishedModel:
    """Write the model file and the report from the averaged weights. [disk]"""
    plan, model = trainer.plan, trainer.model()
    if model.config.bottleneck == "variational":
        means, levels = posterior_means(model, trainer.corpus)
        model.fit_latents(means, plan.latents, plan.fidelity, levels)
    if model.config.bottleneck in KEPT_DB:
        every = model.latents if plan.fidelity >= 1 else None
        model = choose_latents(model, trainer.corpus, plan.latents or every)
    spectral = [measured.distance for measured in trainer.history if measured.phase == 1]
    details: dict[str, Any] = {
        **plan.card_entries,
        "name": plan.title,
        "steps": trainer.step,
        "distance": round(distance(trainer.average, trainer.held_out), 3),
        "distance_untrained": round(trainer.untrained, 3),
        "hours": round(trainer.seconds / 3600, 2),
        "hardware": training_messages.hardware(trainer.world),
    }
    if spectral:
        details["distance_spectral"] = round(spectral[-1], 3)
    plan.output.parent.mkdir(parents=True, exist_ok=True)
    finished = finish(model, trainer.corpus, plan.output, trainer.held_out.cpu(), details)
    for line in (training_messages.delay(finished), *training_messages.checks(finished)):
        listener.log(line)
    listener.log(write_report(plan.folder / "report.html", trainer.history, finished))
    return finished


def _run(trainer: Trainer, listener: ProgressListener, pictures: TensorboardLog | None) -> None:
    """Do the remaining steps."""
    plan, world = trainer.plan, trainer.world
    settle_every = 1 if world.size == 1 and world.device.type == "cpu" else SETTLE_EVERY
    saved, started, first = time.monotonic(), time.monotonic(), trainer.step
    pending: list[torch.Tensor] = []
    plateau_reported = False
    with interruption() as interrupted, ExitStack() as stack:
        batches = stack.enter_context(_closing(trainer))
        while trainer.step < trainer.total:
            pending.append(trainer.advance(next(batches)))
            due = trainer.step % plan.evaluate_every == 0 or trainer.step in (
                trainer.phase_1_steps,
                trainer.total,
            )
            if not (due or trainer.step % settle_every == 0):
                continue
            losses = world.mean(torch.stack([loss.float() for loss in pending])).tolist()
            pending.clear()
            wrong = None if all(map(math.isfinite, losses)) else "the loss is NaN or infinite"
            if not wrong:
                for back, loss in enumerate(reversed(losses)):
                    trainer.record_loss(loss, trainer.step - back)
                if due:
                    wrong = trainer.measure()
            if wrong:
                listener.log(trainer.roll_back(wrong))
                batches = stack.enter_context(_closing(trainer))
                started, first = time.monotonic(), trainer.step
                continue
            if due:
                listener.log(verdict(trainer.history))
            if due and trainer.plateau:
                if plan.auto and plan.phase_2_after(trainer.step):
                    trainer.begin_phase_2_now()
                    listener.log(f"phase 1 has reached a plateau at step {trainer.step}: phase 2 begins")
                elif not plateau_reported:
                    listener.log(training_messages.plateau(trainer))
                    plateau_reported = True
            if due:
                if trainer.is_finite():
                    trainer.save(checkpoint.HEALTHY)
                if pictures:
                    pictures.write(trainer)
            speed = (trainer.step - first) / (time.monotonic() - started)
            listener.progress(training_messages.current_progress(trainer, losses[-1], speed))
            stop = world.any(interrupted.is_set())
            if stop or time.monotonic() - saved > 60 * plan.checkpoint:
                trainer.save()
                saved = time.monotonic()
            if stop and not world.first:
                raise SystemExit(Stopped.exit_code)  # the first process reports it
            if stop:
                raise Stopped(
                    f"stopped after step {trainer.step} of {trainer.total}",
                    where=str(plan.folder / checkpoint.LATEST),
                    hint="the same command with --resume continues, with --snapshot it writes the model",
                )
    trainer.save()


@contextmanager
def _closing(trainer: Trainer) -> Iterator[Iterator[TrainingBatch]]:
    """Yield the batches from a trainer's step on; their thread ends with the `with` block."""
    batches = trainer.batches.following(trainer.step)
    try:
        yield batches
    finally:
        batches.close()


def _check_beginning(plan: TrainingPlan) -> None:
    if (plan.folder / checkpoint.LATEST).exists() and not plan.resume:
        raise WrongUse(
            "a training with this output was started before",
            where=str(plan.folder),
            hint="use --resume to continue it, or delete this folder",
        )


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and SIGTERM set, so that they do not interrupt a step."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        event.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
