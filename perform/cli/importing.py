"""What `perform models import` does with a file: convert an export, wrap a module, copy a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perform.cli.output import log, warn
from perform.core.errors import WrongUse
from perform.core.paths import to_text
from perform.library.card_changes import CREDITS

if TYPE_CHECKING:
    from perform.foreign.conversion import ConvertedModel
    from perform.library.cards import Card


def convert_file(
    path: Path, name: str | None, out: Path, yes: bool, options: dict[str, Any]
) -> ConvertedModel:
    """Convert an export: rebuild a RAVE model, wrap any other module. Or wrap a module again."""
    from perform.foreign.comparison import FRAMES, TOLERANCE
    from perform.foreign.conversion import convert
    from perform.foreign.module_file import read_archive

    details = {key: options[key] for key in ("description", "licence")}
    details |= {key: options[key] for key in CREDITS if options.get(key)}
    details["name"] = (name or to_text(path.stem))[:80]
    converted = convert(
        read_archive(path),
        out,
        details,
        method=options["method"],
        rate=options["rate"],
        verify=not options["no_verify"],
        ask_consent=lambda question: _ask_consent(question, yes, path),
        log=log,
    )
    if converted.ours:
        log("this export is from perform: it contains the model, which was read")
    elif converted.rebuilt and converted.difference is not None:
        difference = f"{converted.difference:.1e} of full scale over {FRAMES} frames (limit {TOLERANCE:g})"
        log(f"rebuilt; largest difference from the export: {difference}")
    elif converted.rebuilt:
        log("rebuilt; not compared with the export")
    return converted


def as_before(options: dict[str, Any], card: Card) -> dict[str, Any]:
    """The options of another method of an imported module, with the rate and the texts of its card."""
    licence = card.licence if options["licence"] == "unknown" else options["licence"]
    kept = {"rate": options["rate"] or card.sample_rate, "licence": licence}
    texts = {key: options.get(key) or getattr(card, key) for key in ("description", *CREDITS)}
    return {**options, **kept, **texts}


def copy_file(path: Path, out: Path, yes: bool) -> None:
    """Copy a perform model into the library."""
    from perform.core.files import write_atomically
    from perform.foreign.conversion import validate

    validate(path, lambda question: _ask_consent(question, yes, path))
    write_atomically(out, path.read_bytes())


def add_texts(path: Path, options: dict[str, Any]) -> None:
    """Write the given description and credits to the card of a copied model, where it has none."""
    from perform.library.cards import change_card, read_card

    card = read_card(path)
    wanted = ("description", *CREDITS)
    if new := {key: options[key] for key in wanted if options.get(key) and not getattr(card, key)}:
        change_card(path, new)


def _ask_consent(question: str, yes: bool, path: Path) -> bool:
    """Ask the player for consent, or require --yes without a terminal."""
    warn(f"{path.name}: {question}")
    if yes:
        return True
    if not sys.stdin.isatty():
        raise WrongUse("this needs your consent", where=str(path), hint="add --yes to agree")
    return click.confirm("Continue?", err=True)
