"""`models`: what can be loaded into a deck, what it is, and how it comes into the library."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perform.cli.output import json_option, say, show
from perform.core.errors import PerformError, WrongUse

if TYPE_CHECKING:
    from perform.library.cards import Card


@click.group()
def models() -> None:
    """The models at hand, and new ones."""


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
                "delay_ms": _delay_ms(card),
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


@models.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Its name in the library; the file's if left out.")
@click.option("--description", default="", help="One line for its card.")
@click.option("--licence", default="unknown", show_default=True, help="Licence of the weights.")
@click.option("--method", help="Play this method of an nn~ module, as it is.")
@click.option("--rate", type=click.IntRange(1000, 768_000), help="Sample rate, where the file does not say.")
@click.option("--no-verify", is_flag=True, help="Do not compare a rebuilt export with itself.")
@click.option("--yes", is_flag=True, help="Agree to run the code of a third-party module, in a sandbox.")
@click.option("--replace", is_flag=True, help="Replace a model of that name.")
@json_option
def models_import(
    file: Path, name: str | None, yes: bool, replace: bool, as_json: bool, **options: Any
) -> None:
    """Bring in a RAVE export, another nn~ module (.ts), or a model of ours (.safetensors)."""
    from perform.foreign.module_file import is_archive
    from perform.library import importing, places
    from perform.library.cards import read_card, sha256, trim_db

    path = places.existing(str(file))
    if path is None:
        raise WrongUse("no such file", where=str(file))
    out = importing.destination(name or path.stem, replace)
    made = _convert(path, name, out, yes, options) if is_archive(path) else None
    if made is None:
        _take(path, out, yes)
    card = read_card(out)
    delay_ms = _delay_ms(card)
    late = "unknown: no impulse comes out of it" if delay_ms is None else f"{delay_ms:.0f} ms"
    say(f"{card.latents} latents, ratio {card.ratio}, {card.sample_rate} Hz, delay {late}")
    say(f"loudness {card.loudness_db:+.1f} dBFS, trimmed by {trim_db(card):+.1f} dB")
    fields = {"rebuilt": made.rebuilt, "difference": made.difference, "why": made.why} if made else {}
    show(out, as_json, name=out.stem, path=str(out), sha256=sha256(out), delay_ms=delay_ms, **fields)


def _convert(path: Path, name: str | None, out: Path, yes: bool, options: dict[str, Any]) -> Any:
    """An export, rebuilt or wrapped."""
    from perform.foreign.comparison import FRAMES, TOLERANCE
    from perform.foreign.conversion import convert
    from perform.rave.archive import read

    words = {key: options[key] for key in ("description", "licence")} | {"name": (name or path.stem)[:80]}
    made = convert(
        read(path),
        out,
        words,
        method=options["method"],
        rate=options["rate"],
        verify=not options["no_verify"],
        ask_consent=lambda question: _agree(question, yes, path),
        log=say,
    )
    if made.own:
        say("exported by perform: the model itself is in it, and was read")
    elif made.rebuilt and made.difference is not None:
        said = f"{made.difference:.1e} of full scale over {FRAMES} frames (at most {TOLERANCE:g})"
        say(f"rebuilt; it differs from the original by {said}")
    elif made.rebuilt:
        say("rebuilt; not compared with the original")
    return made


def _take(path: Path, out: Path, yes: bool) -> None:
    """A model file of ours, into the library."""
    from perform.core.files import write_atomically
    from perform.foreign.conversion import validate

    validate(path, lambda question: _agree(question, yes, path))
    write_atomically(out, path.read_bytes())


def _agree(question: str, yes: bool, path: Path) -> bool:
    """Ask the player, where there is one to ask."""
    say(f"{path.name}: {question}")
    if yes:
        return True
    if not sys.stdin.isatty():
        raise WrongUse("this has to be agreed to", where=str(path), hint="--yes agrees")
    return click.confirm("Go on?", err=True)


@models.command("info")
@click.argument("name")
@json_option
def models_info(name: str, as_json: bool) -> None:
    """What a model's card says, and what its file is."""
    import msgspec

    from perform.foreign.module_file import unwrap
    from perform.library import cards

    path = cards.find_model(name)
    card = cards.read_card(path)
    module = cards.is_module(path)
    facts: dict[str, Any] = {
        **msgspec.to_builtins(card),
        "kind": "nn~ module, run in a sandbox" if module else "RAVE",
        "path": str(path),
        "sha256": cards.sha256(path),
        "delay_ms": _delay_ms(card),
        "trim_db": round(cards.trim_db(card), 1),
        **(unwrap(path)[1] if module else {}),
    }
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        if value not in ("", 0, 0.0) and not key.startswith(("latent_", "delay_known")):
            click.echo(f"{key:<12} {_plain(value)}")


def _delay_ms(card: Card) -> float | None:
    """From sound in to sound out; None where it is not known."""
    return round(1000 * card.delay / card.sample_rate, 1) if card.delay_known else None


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} ({', '.join(kinds)})" for key, kinds in value.items()) or "none"
    if value is None:
        return "unknown"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


@models.command("check")
@click.argument("name")
@click.option("--against", type=click.Path(path_type=Path), help="The export it was made of.")
@json_option
def models_check(name: str, against: Path | None, as_json: bool) -> None:
    """Whether a model is whole and sounds as its card says."""
    from perform.foreign.model_check import check
    from perform.library.cards import find_model

    path = find_model(name)
    if against and not against.is_file():
        raise PerformError("no such file", where=str(against))
    measured = check(path, against)
    say(f"{path.stem} is whole and sounds as its card says")
    plain = ", ".join(f"{key} {value}" for key, value in measured.items())
    show(plain, as_json, name=path.stem, path=str(path), **measured)
