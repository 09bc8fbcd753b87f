"""`models`: list, import, measure and check the models of the library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.importing import add_texts, as_before, convert_file, copy_file
from perform.cli.output import echo, echo_json, json_option, log, show, warn
from perform.core.errors import WrongUse
from perform.core.paths import to_text

if TYPE_CHECKING:
    from perform.library.cards import Card

HIDDEN = ("latent_", "delay_known", "loudness_known", "trim_earlier")
"""What `models info` shows only with --json: the beginnings of the keys."""


@click.group()
def models() -> None:
    """List, fetch, import, measure and check models, and change their cards."""


@models.command("list")
@json_option
def models_list(as_json: bool) -> None:
    """List all models: your library and the bundled ones.

    \b
        perform models list
    """
    from perform.library import cards, model_library

    rows = []
    for name, path in model_library.models().items():
        try:
            card = cards.read_card(path)
        except WrongUse as error:
            warn(f"{name}: {error}")
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
        echo_json(rows, indent=2)
        return
    for row in rows:
        echo(
            f"{row['name']:<16} {row['latents']:>3} latents  ratio {row['ratio']:>4}  {row['sample_rate']} Hz"
            f"  {row['licence']:<10} {row['description']}"
        )


def _refuse_folder(path: Path) -> None:
    """WrongUse, if it is a folder; one of RAVE's training has a config and checkpoints."""
    from perform.rave.archive import EXPORT_HINT

    if (path / "config.gin").exists() or next(path.rglob("*.ckpt"), None):
        raise WrongUse("a folder of RAVE's training, not an export", where=str(path), hint=EXPORT_HINT)
    if path.is_dir():
        raise WrongUse("a folder; name a file in it", where=str(path))


@models.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the model in the library (default: the file's name).")
@click.option("--description", default="", help="One line for the model's card.")
@click.option("--licence", default="unknown", show_default=True, help="Licence of the weights.")
@click.option("--author", default="", help="Who made the model.")
@click.option("--source", default="", help="Where it comes from: an address, or a text.")
@click.option("--attribution", default="", help="Credit that its licence asks for.")
@click.option("--method", help="Do not rebuild the module; play this method of it, in the sandbox.")
@click.option("--rate", type=click.IntRange(1000, 768_000), help="Sample rate, if the file has none.")
@click.option("--no-verify", is_flag=True, help="Do not compare the rebuilt model with the export.")
@click.option("--yes", is_flag=True, help="Agree that code from the file may run in the sandbox.")
@click.option("--replace", is_flag=True, help="Replace a model of the same name.")
@json_option
def models_import(
    file: Path, name: str | None, yes: bool, replace: bool, as_json: bool, **options: Any
) -> None:
    """Import a RAVE export or another nn~ module (.ts), or a perform model (.safetensors).

    \b
        perform models import vintage.ts --name vintage
    """
    from perform.foreign.module_file import is_archive
    from perform.library import card_changes, model_library, places
    from perform.library.cards import is_module, read_card, trim_db
    from perform.library.hashes import sha256

    path = places.existing(str(file))
    if path is None:
        _refuse_folder(file)
        raise WrongUse("no such file", where=str(file))
    out = model_library.destination(name or path.stem, replace)
    texts = {key: text for key, text in options.items() if key in card_changes.TEXTS}
    card_changes.check(texts, path.name)
    converted = None
    if is_archive(path):
        converted = convert_file(path, name, out, yes, options)
    elif options["method"] and is_module(path):
        converted = convert_file(path, name, out, yes, as_before(options, read_card(path)))
    if converted is None:
        copy_file(path, out, yes)
        add_texts(out, options)
    elif converted.rebuilt and not converted.card.latent_effect:
        log("measuring its latents")
        _measure(out)
    card = read_card(out)
    delay_ms = _delay_ms(card)
    delay = "unknown (no impulse came out)" if delay_ms is None else f"{delay_ms:.0f} ms"
    log(f"{card.latents} latents, ratio {card.ratio}, {card.sample_rate} Hz, delay {delay}")
    loudness = f"{card.loudness_db:+.1f} dBFS" if card.loudness_known else "unknown (silent without an input)"
    log(f"loudness {loudness}, trim {trim_db(card):+.1f} dB")
    keys = ("rebuilt", "difference", "why") if converted else ()
    fields = {key: getattr(converted, key) for key in keys}
    show(out, as_json, name=out.stem, path=str(out), sha256=sha256(out), delay_ms=delay_ms, **fields)


@models.command("info")
@click.argument("name", shell_complete=completes(completion.models))
@json_option
def models_info(name: str, as_json: bool) -> None:
    """Show a model's card and its file.

    \b
        perform models info bells
    """
    import msgspec

    from perform.foreign.module_file import unwrap
    from perform.library import cards, hashes, model_library

    path = model_library.find_model(name)
    card = cards.read_card(path)
    module = cards.is_module(path)
    facts: dict[str, Any] = {
        **msgspec.to_builtins(card),
        "kind": "nn~ module, run in a sandbox" if module else "RAVE",
        "path": str(path),
        "sha256": hashes.sha256(path),
        "delay_ms": _delay_ms(card),
        "loudness_db": card.loudness_db if card.loudness_known else None,
        "loudness_lufs": card.loudness_lufs,
        "trim_db": round(cards.trim_db(card), 1),
        "measured_with": cards.measured_with(path),
        **(unwrap(path)[1] if module else {}),
    }
    if as_json:
        echo_json(facts, indent=2)
        return
    for key, value in facts.items():
        if value not in ("", 0, 0.0, []) and not key.startswith(HIDDEN):
            for line in value if key == "checks" else [_text(value)]:
                echo(f"{key:<12} {line}")


@models.command("measure")
@click.argument("names", nargs=-1, required=True, shell_complete=completes(completion.models))
@json_option
def models_measure(names: tuple[str, ...], as_json: bool) -> None:
    """Measure the latents of models: their ranges, and how far they move the sound.

    The range over the corpus becomes the range of a knob. A lively moment of the corpus becomes the home,
    where bias 0 is. The figures are written beside the model file, which does not change.

    \b
        perform models measure bells
    """
    from perform.core.knob_ranges import is_audible
    from perform.library.cards import is_module, read_card
    from perform.library.model_library import find_model

    paths = [find_model(name) for name in names]
    for path in paths:
        if is_module(path):
            hint = "its knobs keep the full range"
            raise WrongUse("only the latents of a RAVE can be measured", where=str(path), hint=hint)
    results = []
    for path in paths:
        _measure(path)
        card = read_card(path)
        results.append(
            {
                "name": to_text(path.stem),
                "path": to_text(path),
                **{
                    f"latent_{key}": getattr(card, f"latent_{key}")
                    for key in ("p01", "p99", "home", "effect")
                },
            }
        )
        for latent, effect in enumerate(card.latent_effect):
            span = "range unknown"
            if card.latent_p01:
                span = f"{card.latent_p01[latent]:+.2f} to {card.latent_p99[latent]:+.2f} σ"
            hardly = "" if is_audible(effect) else ", hardly heard"
            log(f"{path.stem} z{latent}: {span}, moves the sound {effect:.1f} dB{hardly}")
    if as_json:
        echo_json(results, indent=2)
    else:
        for path in paths:
            echo(to_text(path))


def _measure(path: Path) -> None:
    from perform.library.cards import change_card
    from perform.rave.latent_effect import measured_latents
    from perform.rave.model_files import load

    change_card(path, measured_latents(load(path)))


def _delay_ms(card: Card) -> float | None:
    """Delay from input to output; None if unknown."""
    return round(1000 * card.delay / card.sample_rate, 1) if card.delay_known else None


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} ({', '.join(kinds)})" for key, kinds in value.items()) or "none"
    if value is None:
        return "unknown"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


@models.command("check")
@click.argument("name", shell_complete=completes(completion.models))
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="Compare with the export (.ts) that it was made from, or that was made of it.",
)
@json_option
def models_check(name: str, against: Path | None, as_json: bool) -> None:
    """Check that a model file is intact and sounds as its card says.

    \b
        perform models check bells
    """
    from perform.foreign.model_check import check
    from perform.library.model_library import find_model

    path = find_model(name)
    if against and not against.is_file():
        raise WrongUse("no such file", where=str(against))
    measured = check(path, against)
    log(f"{path.stem} is intact and sounds as its card says")
    plain = ", ".join(f"{key} {value}" for key, value in measured.items())
    show(plain, as_json, name=path.stem, path=str(path), **measured)
