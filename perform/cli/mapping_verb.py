"""`mapping`: what each controller of a running stage does, and why."""

from __future__ import annotations

from itertools import groupby

import click

from perform.cli.output import echo, echo_json, json_option
from perform.core.messages.control_messages import BindingRow


@click.group()
def mapping() -> None:
    """See what the connected controllers do."""


@mapping.command()
@click.argument("text", default="")
@json_option
def show(text: str, as_json: bool) -> None:
    """List every control of the connected controllers: what it moves, how, and by which layer.

    With TEXT, list only the lines whose device, control, parameter or mapping contains it.

    \b
        perform mapping show nanoKONTROL2
    """
    import msgspec

    from perform.library import places
    from perform.stage.client import Client
    from perform.stage.commands import ListMapping

    rows = [row for row in Client(places.runtime()).ask(ListMapping()).bindings if text in _words(row)]
    if as_json:
        echo_json([msgspec.to_builtins(row) for row in rows], indent=2)
        return
    for port, bound in groupby(rows, key=lambda row: row.port):
        echo(port)
        lines = [_cells(row) for row in bound]
        widths = [max(len(line[column]) for line in lines) for column in range(4)]
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
            echo(f"  {'  '.join([*cells, line[4]])}".rstrip())
    if not rows:
        echo("no controller is connected" if not text else f"no control has {text!r}")


def _words(row: BindingRow) -> str:
    return " ".join((row.port, row.control, row.sends, row.to, row.layer, row.mapping))


def _cells(row: BindingRow) -> tuple[str, str, str, str, str]:
    sends = row.sends if row.sends != row.control else ""
    return row.control, sends, row.to, row.how, row.why
