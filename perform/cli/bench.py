"""`bench`: what models cost on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from perform.cli.words import json_option, progress

USUAL = ("v2", "v1", "v2_small", "live")  #: architectures measured beside the bundled models if none is named


@click.command()
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
def bench(
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

    from perform.bench import report
    from perform.bench.measure import rows
    from perform.bench.subjects import subject
    from perform.library import cards

    if plot:
        report.check_picture(plot)
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
        report.plot(found, plot)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
    else:
        click.echo(f"{report.table(found)}\n\n{report.crowds(found)}")
