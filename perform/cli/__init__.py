"""The verbs. Data goes to stdout, narration to stderr; exit 0 done, 1 failed, 2 wrong use.

This room alone wires the others together, and imports what a verb needs when it needs it: a module a family
of verbs, listed at the end of this file.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from perform import __version__
from perform.cli import bench, devices, exporting, models, playing, rendering, takes, training, transferring
from perform.core.errors import PerformError


class Verbs(click.Group):
    """`perform SET` is `perform open SET`; a PerformError is one line and its exit code."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The first word that is no option is a verb, or else a set."""
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "--version")):
            args = ["open", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; say what went wrong in one line."""
        try:
            return super().invoke(ctx)
        except PerformError as error:
            click.echo(f"perform: {error}", err=True)
            sys.exit(error.exit_code)
        except OSError as error:
            click.echo(f"perform: {error.filename or 'the system'}: {error.strerror or error}", err=True)
            sys.exit(1)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="perform")
def main() -> None:
    """Play RAVE models live.

    `perform` opens the instrument with the bundled set; `perform SET` opens another, by name or path
    (options: `perform open --help`).
    """


for _verb in (
    playing.open_,
    playing.play,
    playing.attach,
    playing.stop,
    rendering.render,
    transferring.transfer,
    transferring.matrix,
    takes.takes,
    devices.devices,
    models.models,
    training.train,
    exporting.export,
    bench.bench,
):
    main.add_command(_verb)
