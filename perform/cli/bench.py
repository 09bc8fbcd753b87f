"""`bench`: what models cost on this machine, and what training them does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from perform.cli.output import json_option, progress
from perform.train.plan import DEVICES, PRECISIONS

USUAL = ("v2", "v1", "v2_small", "live")  #: architectures measured beside the bundled models if none is named


class Subjects(click.Group):
    """`perform bench MODEL` is `perform bench models MODEL`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The first word that is no option is `train`, `models`, or else a model."""
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["models", *args]
        return super().parse_args(ctx, args)


@click.group(cls=Subjects)
def bench() -> None:
    """What models cost on this machine: `bench [MODEL]...`; what training costs: `bench train`."""


@bench.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--block", "blocks", type=click.IntRange(1, 1 << 17), multiple=True, metavar="N",
    help="Samples a call, rounded up to whole frames; may be given again. One frame if left out.",
)  # fmt: skip
@click.option(
    "--calls", type=click.IntRange(10, 1_000_000), default=1000, show_default=True,
    help="Measured, of each method and block.",
)  # fmt: skip
@click.option("--plot", type=click.Path(path_type=Path), metavar="F.png", help="Draw cost against decks.")
@json_option
def models(
    models: tuple[str, ...], blocks: tuple[int, ...], calls: int, plot: Path | None, as_json: bool
) -> None:
    """What a frame costs, against plain TorchScript and against what this machine can do at all.

    MODEL is a model's name or file, an export (.ts), or the name of an architecture (v2, v1, v2_small, live
    ...), which gets random weights. Quiet machines give honest figures; ratios hold on any.
    """
    import json
    import tempfile

    import msgspec
    import torch

    from perform.bench import cost_report
    from perform.bench.measure import rows
    from perform.bench.subjects import subject
    from perform.library import cards

    if plot:
        cost_report.check_picture(plot)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    names = models or (*cards.models(), *USUAL)
    with tempfile.TemporaryDirectory(prefix="perform-bench-") as folder:
        subjects = [subject(name, Path(folder)) for name in names]
        found = []
        with progress("measuring", 3 * max(len(set(blocks)), 1) * len(subjects), "methods") as on_progress:
            for one in subjects:
                for row in rows(one, blocks, calls):
                    found.append(row)
                    on_progress(len(found), f"{row.model} {row.method}")
    if plot:
        cost_report.plot(found, plot)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
    else:
        click.echo(f"{cost_report.table(found)}\n\n{cost_report.crowds(found)}")


@bench.command()
@click.argument("config", default="live")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Another value in the config.")
@click.option(
    "--steps", type=click.IntRange(1), default=20, show_default=True, help="Measured, of each kind."
)
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Crops a step.")
@click.option("--crop", type=click.IntRange(4096), help="Samples a crop; what suits the config if left out.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True)
@click.option("--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True)
@click.option("--compile", is_flag=True, help="Compile the nets first (torch.compile).")
@click.option(
    "--against", metavar="COMMAND",
    help="A program that does a step for each line (1, critics, model) and answers in seconds.",
)  # fmt: skip
@json_option
def train(
    config: str, changes: tuple[str, ...], steps: int, against: str | None, as_json: bool, **plan: Any
) -> None:
    """What a training step costs, against the plain upstream recipe with the same config and batch.

    Both take turns, so that a busy machine is unfair to neither.
    """
    import json

    import msgspec
    import torch

    from perform.bench.training_cost import rows, table
    from perform.train.plan import configured

    torch.set_num_threads(plan["threads"])
    found = rows(config, configured(config, changes), steps, plan, against)
    click.echo(json.dumps(msgspec.to_builtins(found), indent=2) if as_json else table(found))
