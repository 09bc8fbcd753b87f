"""`models`: what can be loaded into a deck."""

from __future__ import annotations

import json

import click

from perform.cli.words import json_option, say
from perform.errors import WrongUse


@click.group()
def models() -> None:
    """The models at hand."""


@models.command("list")
@json_option
def models_list(as_json: bool) -> None:
    """Every model of the library and among the bundled ones."""
    from perform.library import cards

    rows = []
    for name, path in cards.models().items():
        try:
            card = cards.read_card(path)
        except WrongUse as error:
            say(f"{name}: {error}")
            continue
        rows.append(
            {
                "name": name,
                "latents": card.latents,
                "ratio": card.ratio,
                "sample_rate": card.sample_rate,
                "delay_ms": round(1000 * card.delay / card.sample_rate, 1),
                "licence": card.licence,
                "description": card.description,
                "path": str(path),
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(
            f"{row['name']:<16} {row['latents']:>3} latents  ratio {row['ratio']:>4}  {row['sample_rate']} Hz"
            f"  {row['licence']:<10} {row['description']}"
        )
