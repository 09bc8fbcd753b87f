"""`config`: show and change what `perform` uses by default."""

from __future__ import annotations

import os

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.output import echo, echo_json, json_option


@click.command()
@click.argument("key", default="", shell_complete=completes(completion.config_keys, files=False))
@click.argument("value", nargs=-1, shell_complete=completion.config_values)
@click.option("--unset", is_flag=True, help="Remove KEY: `perform` uses its default again.")
@json_option
def config(key: str, value: tuple[str, ...], unset: bool, as_json: bool) -> None:
    """Show the config file and the values in use, or set KEY to VALUE in it.

    \b
    perform config                           show all
    perform config sound.device Scarlett     set the audio output
    perform config midi.ports nano X-TOUCH   use only these MIDI ports
    """
    from perform.core.errors import WrongUse
    from perform.library import player_config as library

    if unset and (value or not key):
        raise WrongUse("--unset needs a KEY and no VALUE", hint="perform config sound.device --unset")
    if key and (value or unset):
        library.change(key, value)
    values, usual = library.values(library.read()), library.values(library.PlayerConfig())
    if key and key not in values:
        raise WrongUse(f"the config has no key {key[:80]!r}", hint=f"its keys are {', '.join(values)}")
    shown = {name: value for name, value in values.items() if key in ("", name)}
    if as_json:
        echo_json({"path": str(library.path()), "values": shown})
        return
    if not key:
        echo(f"{library.path()}{'' if library.path().exists() else ' (not there yet)'}")
    for name, found in shown.items():
        echo(f"{name:<16} {_in_force(name, found, usual[name])}")


def _in_force(key: str, value: object, usual: object) -> str:
    """Return a value as text, and where it comes from unless it is the default."""
    takes = os.environ.get("PERFORM_TAKES")
    if key == "recording.takes" and takes and takes != value:
        return f"{takes}  from PERFORM_TAKES"
    text = (
        " ".join(map(str, value)) if isinstance(value, tuple | list) else "" if value is None else str(value)
    )
    return f"{text or '-'}{'' if value == usual else '  from the file'}"
