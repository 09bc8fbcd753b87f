"""`models calibrate` and `edit`: what is changed on a model's card, beside its file."""

from __future__ import annotations

from pathlib import Path

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.output import echo, echo_json, json_option, log, warn
from perform.core.errors import PerformError, WrongUse
from perform.core.paths import to_text


@click.command()
@click.argument("names", nargs=-1, shell_complete=completes(completion.models))
@click.option(
    "--with",
    "folder",
    type=click.Path(path_type=Path),
    help="Sound file or folder that the models play.",
)
@json_option
def calibrate(names: tuple[str, ...], folder: Path | None, as_json: bool) -> None:
    """Measure models, so that all play equally loud: those named, or the whole library.

    A model plays its own corpus, else its prior, else a walk. With a folder of sounds, it encodes and decodes
    those; then an imported model also gets the ranges of its latents, and the cloud of dots on the screen.
    The results are written beside the model file, which stays as it is.

    \b
        perform models calibrate vintage --with recordings
    """
    from perform.library import model_library, sound_files
    from perform.offline.calibration import calibrate as measure

    paths = [model_library.find_model(name) for name in names] or [*model_library.models().values()]
    sounds = sound_files.sounds_of(folder) if folder else []
    done = []
    for path in paths:
        log(f"{path.stem}: measuring")
        try:
            card = measure(path, sounds)
        except PerformError as error:
            if names:
                raise
            warn(f"{path.stem}: left out: {error}")  # of the whole library, the others are measured
            continue
        done.append(_facts(path, silent=card is None))
        for line in _lines(path, silent=card is None):
            log(line)
    if as_json:
        echo_json(done, indent=2)
    else:
        for facts in done:
            echo(str(facts["path"]))


def _facts(path: Path, *, silent: bool) -> dict[str, object]:
    from perform.library.cards import measured_with, read_card, trim_db

    card = read_card(path)
    return {
        "name": to_text(path.stem),
        "path": to_text(path),
        "silent": silent,
        "measured_with": measured_with(path),
        "loudness_lufs": card.loudness_lufs,
        "trim_db": round(trim_db(card), 2),
        "latent_p01": card.latent_p01,
        "latent_p99": card.latent_p99,
        "latent_effect": card.latent_effect,
        "latent_words": card.latent_words,
    }


def _lines(path: Path, *, silent: bool) -> list[str]:
    """What was found, in a line for the loudness and one for each latent."""
    from perform.core.loudness import LOUDNESS_LUFS
    from perform.library.cards import measured_with, read_card, trim_db

    card, name = read_card(path), path.stem
    trim, origin = trim_db(card), measured_with(path)
    if silent:
        earlier = f"measured earlier with {origin}" if origin else "as before"
        return [f"{name}: it was silent, so nothing was measured; its trim stays {trim:+.1f} dB ({earlier})"]
    assert card.loudness_lufs is not None
    short = abs(LOUDNESS_LUFS - card.loudness_lufs - trim)
    limited = f", the most: it plays {short:.1f} dB from the others" if short > 0.01 else ""
    lines = [f"{name}: {card.loudness_lufs:+.1f} LUFS with {origin}, trim {trim:+.1f} dB{limited}"]
    for latent, effect in enumerate(card.latent_effect):
        span = "range unknown"
        if card.latent_p01:
            span = f"{card.latent_p01[latent]:+.2f} to {card.latent_p99[latent]:+.2f} σ"
        word = card.latent_words[latent] if card.latent_words else ""
        lines.append(f"{name} z{latent}: {span}, moves the sound {effect:.1f} dB: {word or 'no clear word'}")
    return lines


@click.command()
@click.argument("name", shell_complete=completes(completion.models))
@click.option("--name", "shown", help="Name that the decks show.")
@click.option("--author", help="Who made the model.")
@click.option("--source", help="Where it comes from: an address, or a text.")
@click.option("--attribution", help="Credit that its licence asks for.")
@click.option("--description", help="One line about it.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by (repeatable; '' for none).")
@json_option
def edit(name: str, shown: str | None, tags: tuple[str, ...], as_json: bool, **texts: str | None) -> None:
    """Change texts on a model's card. Without options, show them.

    The weights stay the same file, so songs and takes find the model as before. `perform models rename`
    changes its name in the library.

    \b
        perform models edit vintage --author "Ada" --tag brass --tag slow
    """
    from perform.library import cards, model_library
    from perform.library.card_changes import TEXTS

    path = model_library.find_model(name)
    card = cards.read_card(path)
    wanted: dict[str, object] = {
        key: text for key, text in {**texts, "name": shown}.items() if text is not None
    }
    if tags:
        wanted["tags"] = [tag for tag in tags if tag]
    if shown == "":
        raise WrongUse("a model needs a name", where=name[:80])
    if wanted:
        cards.change_card(path, wanted)
        card = cards.read_card(path)
    facts = {key: getattr(card, key) for key in TEXTS}
    if as_json:
        echo_json(facts | {"path": to_text(path)}, indent=2)
        return
    for key, value in facts.items():
        echo(f"{key:<12} {', '.join(value) if isinstance(value, list) else value}")
