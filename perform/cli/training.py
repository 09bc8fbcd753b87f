"""`train`: train a model on a folder of sound files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import click

from perform.cli.output import ProgressBar, json_option, log, show
from perform.cli.prior_training import train_prior_verb
from perform.cli.training_bar import TrainingBar
from perform.core.errors import WrongUse
from perform.core.paths import to_text
from perform.train.plan import OPTIONS, PlanOption
from perform.train.progress import Progress

_F = TypeVar("_F", bound=Callable[..., Any])


def _plan_options(verb: _F) -> _F:
    """Add the options of a training plan, the same as in `python -m perform.train`."""
    for option in reversed(OPTIONS):
        flag = option.kind is bool
        verb = click.option(
            f"--{option.name}",
            is_flag=flag,
            type=None if flag else _type(option),
            default=",".join(option.default) if option.many else option.default,
            show_default=not flag and option.default not in (None, ""),
            help=f"{option.help} {', '.join(option.kind)}." if option.many else option.help,  # type: ignore[arg-type]
            metavar="A,B" if option.many else None,
        )(verb)
        if option.alias:
            verb = click.option(f"--{option.alias}", type=_type(option), hidden=True)(verb)
    return verb


def _type(option: PlanOption) -> Any:
    if option.many:
        return str
    if isinstance(option.kind, tuple):
        return click.Choice(option.kind)
    return click.IntRange(min=option.least) if option.kind is int else option.kind


@click.command()
@click.argument("corpus", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The .safetensors file to write.")
@click.option(
    "--prior",
    metavar="MODEL",
    help="Train a prior for this model; without -o it is written into the model's file.",
)
@click.option("--name", default="", help="Name on the model's card (default: the file's name).")
@click.option(
    "--config",
    multiple=True,
    metavar="NAME",
    help="Architecture: live, v2, causal ... (default: chosen by the corpus); repeatable, applied in order.",
)
@click.option("--set", multiple=True, metavar="KEY=VALUE", help="Change a value of the config (repeatable).")
@click.option("--from", metavar="MODEL", help="Start from the weights of this model, by name or path.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads (default: all).")
@_plan_options
@click.option("--prepare", "only_prepare", is_flag=True, help="Prepare the corpus, show a summary, and stop.")
@click.option(
    "--snapshot", "only_snapshot", is_flag=True, help="Write the model from the last checkpoint, and stop."
)
@json_option
def train(
    corpus: tuple[Path, ...],
    out: Path | None,
    prior: str | None,
    only_prepare: bool,
    only_snapshot: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Train a RAVE model on folders of sound files, or on a prepared corpus.

    Phase 1 trains on the spectral distance; phase 2 adds discriminators. Ctrl-C saves and stops, --resume
    continues. The folder OUT.training holds the checkpoints, the prepared corpus and a report. On several
    GPUs: torchrun --nproc-per-node N --no-python perform train ...

    \b
        perform train recordings/ -o mine.safetensors --steps 10000
        perform train recordings/ -o mine.safetensors --resume
        perform train cello/ voice/ take.m4a -o mine.safetensors
    """
    if prior:
        train_prior_verb(corpus, prior, out, as_json)
        return
    if out is None:
        raise WrongUse("no output file", hint="name a .safetensors file with -o")
    from perform.library import card_changes
    from perform.library.model_library import find_model
    from perform.train import loop
    from perform.train.config_choice import chosen_config
    from perform.train.plan import planned
    from perform.train.processes import cores

    values["name"] = to_text(values["name"])
    given = {"name": values["name"] or to_text(out.stem), "description": values["description"]}
    card_changes.check(given, out.name)
    values["threads"] = values["threads"] or cores()
    values["from"] = find_model(values["from"]) if values["from"] else None
    if not (values["config"] or values["set"] or values["from"]):
        resumes = values["resume"] or only_snapshot
        listener = TrainingBar()
        values["config"] = chosen_config(corpus, out, values["threads"], resumes=resumes, listener=listener)
    plan = planned({**values, "corpus": corpus, "output": out})
    if only_prepare:
        loop.prepare(plan.corpus, plan.folder / "corpus", plan.config, plan.threads, TrainingBar())
        show(plan.folder / "corpus", as_json, corpus=str(plan.folder / "corpus"))
        return
    if missing := [name for name in ("matplotlib", "tensorboard") if not find_spec(name)]:
        what = " and ".join(missing)
        log(f"without {what} there are fewer pictures: {sys.executable} -m pip install {' '.join(missing)}")
    run = loop.snapshot if only_snapshot else loop.train
    with ProgressBar(
        f"training {plan.title}", plan.steps + plan.phase_2_after(plan.steps), "steps"
    ) as on_progress:
        card = run(plan, TrainingBar(_status, on_progress, plan.folder / "training.log")).card
    if not card:  # another process of this training writes the file
        return
    keys = ("distance", "distance_untrained", "distance_kept", "latents", "steps", "checks")
    figures = {key: card[key] for key in keys}
    log(
        "distance on held-out sound {distance:.2f} (untrained {distance_untrained:.2f}), with only the "
        "{latents} kept latents {distance_kept:.2f}".format(**figures)
    )
    show(out, as_json, path=str(out), **figures)


def _status(progress: Progress) -> str:
    """The most important first: a narrow terminal cuts off the end."""
    distance = f"held out {progress.distance:.2f}, {progress.improvement:.0f} % better"
    return f"{distance}; phase {progress.phase}, loss {progress.loss:.2f}"
