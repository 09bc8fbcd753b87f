"""`train --prior`: train a prior, which continues a model's latents by itself."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from perform.cli.output import ProgressBar, log, show
from perform.cli.training_bar import TrainingBar
from perform.core.errors import WrongUse
from perform.train.progress import Progress

OPTIONS = ("steps", "batch", "rate", "seed", "threads", "resume", "checkpoint", "evaluate_every")
"""Options of `train` that also apply to a prior, with other defaults."""


def train_prior_verb(corpus: tuple[Path, ...], name: str, out: Path | None, as_json: bool) -> None:
    """Train a prior for the latents of a model, with the given options of `train`."""
    context = click.get_current_context()
    given = {
        option: value
        for option, value in context.params.items()
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE
    }
    for option in given.keys() - {*OPTIONS, "corpus", "out", "prior", "as_json"}:
        hint = f"use only {', '.join('--' + known.replace('_', '-') for known in OPTIONS)}"
        raise WrongUse(f"--{option.replace('_', '-')} cannot be used with --prior", hint=hint)
    from perform.library import places
    from perform.library.cards import is_module
    from perform.library.model_library import find_model

    model = find_model(name)
    if is_module(model):
        raise WrongUse("a third-party module cannot be trained", where=str(model))
    if out is None and model.resolve().is_relative_to(places.bundled("models").resolve()):
        raise WrongUse(
            "a bundled model is never overwritten", where=str(model), hint="name another file with -o"
        )
    from perform.train.prior_trainer import PriorPlan, train_prior
    from perform.train.processes import cores

    values = {"threads": cores()} | {option: given[option] for option in OPTIONS if option in given}
    plan = PriorPlan(corpus, model, out or model, **values)
    with ProgressBar(f"training a prior for {model.stem}", plan.steps, "steps") as on_progress:
        card = train_prior(plan, TrainingBar(_status, on_progress)).card
    log(card["prior"])
    show(plan.output, as_json, path=str(plan.output), prior=card["prior"])


def _status(progress: Progress) -> str:
    return f"loss {progress.loss:.2f}  held out {progress.distance:.2f} nats per frame"
