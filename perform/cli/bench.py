"""`bench`: measure the computing time of models, decks and training steps on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.output import DefaultVerbGroup, ProgressBar, Seconds, echo, echo_json, json_option
from perform.train.plan import DEVICES, PRECISIONS

USUAL = ("v2", "v1", "v2_small", "live")  #: architectures measured with the bundled models by default


class BenchGroup(DefaultVerbGroup):
    """Reads `perform bench MODEL` as `perform bench models MODEL`."""

    default_verb = "models"


@click.group(cls=BenchGroup)
def bench() -> None:
    """Measure the cost of models (bench [MODEL]...), of decks (bench stage), of training (bench train)."""


@bench.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=completes(completion.models))
@click.option(
    "--block", "blocks", type=click.IntRange(1, 1 << 17), multiple=True, metavar="N",
    help="Samples per call, rounded up to whole frames (repeatable; default: one frame).",
)  # fmt: skip
@click.option(
    "--calls", type=click.IntRange(10, 1_000_000), default=1000, show_default=True,
    help="Number of measured calls per method and block.",
)  # fmt: skip
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="F.png",
    help="Also draw a picture: time per frame against number of decks.",
)
@json_option
def models(
    models: tuple[str, ...], blocks: tuple[int, ...], calls: int, plot: Path | None, as_json: bool
) -> None:
    """Measure the time of a frame, compared with TorchScript and with the limits of this machine.

    MODEL is a model's name or file, an export (.ts), or an architecture (v2, v1, v2_small, live ...) with
    random weights. Without MODEL, all your models and four architectures are measured. Close other programs
    for exact times; the ratios are also right on a busy machine.

    \b
        perform bench models bells v2
    """
    import tempfile

    import msgspec
    import torch

    from perform.bench import cost_report
    from perform.bench.measure import rows
    from perform.bench.subjects import subject
    from perform.library import model_library

    if plot:
        cost_report.check_picture(plot)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    names = models or (*model_library.models(), *USUAL)
    with tempfile.TemporaryDirectory(prefix="perform-bench-") as folder:
        subjects = [subject(name, Path(folder)) for name in names]
        found = []
        with ProgressBar("measuring", 3 * max(len(set(blocks)), 1) * len(subjects), "methods") as on_progress:
            for measured in subjects:
                for row in rows(measured, blocks, calls):
                    found.append(row)
                    on_progress(len(found), f"{row.model} {row.method}")
    if plot:
        cost_report.plot(found, plot)
    if as_json:
        echo_json(msgspec.to_builtins(found), indent=2)
    else:
        echo(f"{cost_report.table(found)}\n\n{cost_report.decks_table(found)}")


@bench.command()
@click.argument("model", metavar="[MODEL]", default="live", shell_complete=completes(completion.models))
@click.option(
    "--decks", type=click.IntRange(0, 8), multiple=True, default=(0, 1, 2, 4, 8), metavar="N",
    help="Number of decks (repeatable; default: 0, 1, 2, 4 and 8).",
)  # fmt: skip
@click.option(
    "--block", "blocks", type=click.IntRange(16, 4096), multiple=True, default=(256,), metavar="N",
    help="Frames per block of the mixer (repeatable; default: 256).",
)  # fmt: skip
@click.option(
    "--seconds", type=Seconds(0.1), default=10.0, show_default=True, help="Measured time of each stage."
)
@click.option(
    "--device", metavar="D", default="null", show_default=True,
    help="Audio output; null plays silently on a clock.",
)  # fmt: skip
@json_option
def stage(
    model: str, decks: tuple[int, ...], blocks: tuple[int, ...], seconds: float, device: str, as_json: bool
) -> None:
    """Measure what decks cost on a stage: the CPU time of every process, and of the decoder alone.

    MODEL is a model's name or file, or an architecture with random weights. Each deck plays a copy of it in
    a separate process, with the source walk. Needs Linux.

    \b
        perform bench stage bells --decks 4
    """
    import tempfile

    import msgspec

    from perform.bench import stage_cost
    from perform.bench.subjects import subject
    from perform.library import places

    with tempfile.TemporaryDirectory(prefix="perform-bench-", dir=places.memory()) as folder:
        path = subject(model, Path(folder)).path
        found = []
        with ProgressBar("measuring", len(decks) * len(blocks), "stages") as on_progress:
            for row in stage_cost.rows(path, decks, blocks, seconds, device, Path(folder)):
                found.append(row)
                on_progress(len(found), f"{row.decks} decks, {row.block} frames")
    echo_json(msgspec.to_builtins(found), indent=2) if as_json else echo(stage_cost.table(found))


@bench.command()
@click.argument("config", metavar="[CONFIG]", default="live")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a value of the config (repeatable)."
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Number of measured steps of each kind.",
)
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Crops per step.")
@click.option("--crop", type=click.IntRange(4096), help="Samples per crop (default: chosen for the config).")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option(
    "--device", type=click.Choice(DEVICES), default="auto", show_default=True, help="Device to train on."
)
@click.option(
    "--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True, help="Number format."
)
@click.option("--compile", is_flag=True, help="Compile the networks first (torch.compile).")
@click.option(
    "--against", metavar="COMMAND",
    help="Another program to compare with. For each step it reads one line: 1 (phase 1), critics "
    "(discriminator step) or model (generator step). It does the step and prints the seconds.",
)  # fmt: skip
@json_option
def train(
    config: str, changes: tuple[str, ...], steps: int, against: str | None, as_json: bool, **plan: Any
) -> None:
    """Measure a training step, compared with the plain recipe of RAVE (same config, same batch).

    CONFIG is an architecture: live (default), v1, v2 ... The two recipes take turns, so that a busy machine
    slows both equally.

    \b
        perform bench train live --steps 5
    """
    import msgspec
    import torch

    from perform.bench.training_cost import rows, table
    from perform.train.plan import configured

    torch.set_num_threads(plan["threads"])
    found = rows(config, configured(config, changes), steps, plan, against)
    echo_json(msgspec.to_builtins(found), indent=2) if as_json else echo(table(found))
