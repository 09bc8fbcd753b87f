"""`open`, `play`, `attach`, `stop`: a stage, and the screen on it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from perform.cli.output import Seconds, json_option, say, show
from perform.core.errors import PerformError, WrongUse

_F = TypeVar("_F", bound=Callable[..., Any])


def _sound_options(verb: _F) -> _F:
    """How a stage finds its devices; the same for every verb that starts one."""
    for option in (
        click.option("--device", metavar="D", help="Audio device: part of its name, its number, or null."),
        click.option(
            "--input",
            metavar="D",
            help="Listen to an audio input too, for the takes: part of its name, its number, or default.",
        ),
        click.option("--rate", type=int, metavar="HZ", help="Sample rate; the device's own if left out."),
        click.option("--block", type=int, metavar="N", help="Frames a block; 256 if left out."),
        click.option(
            "--mapping", metavar="NAME", default="", help="Controller mapping, instead of the set's."
        ),
        click.option(
            "--midi", "ports", metavar="PORT", multiple=True, help="Part of a MIDI port's name; all."
        ),
        click.option(
            "--margin",
            type=click.Choice(["tight", "normal", "safe"]),
            help="How early decks render, instead of what the set says: tight is 3 ms, normal 10, safe 25.",
        ),
        click.option("--record", is_flag=True, help="Record from the first moment."),
        click.option("--stems", is_flag=True, help="Takes have a file for each deck, too."),
        click.option("--pre", is_flag=True, help="Takes have a file from before the limiter, too."),
        click.option("--float", "float32", is_flag=True, help="Takes are 32-bit float, not 24-bit PCM."),
        click.option(
            "--retro",
            type=click.FloatRange(0, 60),
            default=5.0,
            show_default=True,
            help="Minutes of the past that can be kept as a take; 0 for none.",
        ),
        click.option("--fresh", is_flag=True, help="Do not go on where a crash broke off."),
        click.option(
            "--patient",
            is_flag=True,
            help="Wait for every deck: for an audio server that runs ahead of time (JACK's freewheel).",
        ),
    ):
        verb = option(verb)
    return verb


@click.command("open", hidden=True)
@click.argument("set_name", metavar="[SET]", default="")
@_sound_options
def open_(set_name: str, **sound: Any) -> None:
    """Open the instrument."""
    _open(set_name, sound)


@click.command()
@click.argument("set_name", metavar="SET", default="demo")
@click.option("--headless", is_flag=True, help="No screen: play in this terminal until ctrl-c.")
@click.option("--seconds", type=Seconds(0.1), metavar="N", help="End after N seconds (headless).")
@json_option
@_sound_options
def play(set_name: str, headless: bool, seconds: float | None, as_json: bool, **sound: Any) -> None:
    """Play a set; with --headless, print the take's path at the end."""
    if not headless:
        if seconds is not None:
            raise WrongUse("--seconds goes with --headless")
        _open(set_name, sound)
        return
    from perform.library import places
    from perform.stage.supervisor import Stage

    take = Stage(_options(set_name, sound, seconds), places.runtime(), say).run()
    if sound["record"] and not take:
        raise PerformError("nothing was recorded", hint="the lines above say why")
    tell_take(take, as_json)


@click.command()
def attach() -> None:
    """Come back to a running stage."""
    _attach()


@click.command()
@json_option
def stop(as_json: bool) -> None:
    """End a running stage: close its take, fade out."""
    from perform.library import places
    from perform.stage.client import Client
    from perform.stage.start import end

    take = end(Client(places.runtime()))
    say("the stage has ended")
    tell_take(take, as_json)


def tell_take(take: str, as_json: bool) -> None:
    """All parts of a take, by its first file, which comes last: by that the other verbs know it."""
    from pathlib import Path

    from perform.library import places
    from perform.recorder.take_index import parts

    files = [str(path) for path in parts(Path(take), places.take_folders())] if take else []
    show("\n".join([*files[1:], *files[:1]]), as_json, take=take, parts=files)


def _options(set_name: str, sound: dict[str, Any], seconds: float | None = None) -> Any:
    from perform.audio.device import check_rate_and_block
    from perform.control.mapping_files import find
    from perform.stage.options import StageOptions

    check_rate_and_block(sound["rate"], sound["block"])
    if sound["mapping"]:
        sound = sound | {"mapping": str(find(sound["mapping"]).resolve())}
    return StageOptions(set=set_name, seconds=seconds, **sound)


def _open(set_name: str, sound: dict[str, Any]) -> None:
    """Start a stage if none runs, and show it."""
    from perform.library import places, sets
    from perform.stage.client import running
    from perform.stage.start import start

    runtime = places.runtime()
    if set_name:
        sets.load_set(set_name)  # what is wrong with it is said here, not in a log
    if running(runtime):
        if set_name:
            hint = "`perform attach` goes there, `perform stop` ends it"
            raise WrongUse("a stage is playing already", where=str(runtime), hint=hint)
        _attach()
        return
    _need_terminal()
    _screen(start(_options(set_name, sound), runtime))


def _attach() -> None:
    from perform.library import places
    from perform.stage.client import Client

    client = Client(places.runtime())
    _need_terminal()
    _screen(client)


def _need_terminal() -> None:
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise WrongUse("the screen needs a terminal", hint="`perform play SET --headless` plays without one")


def _screen(client: Any) -> None:
    """Show a stage until the player leaves it, or stops it."""
    from perform.library import places
    from perform.stage.start import end
    from perform.tui.app import run

    chosen = run(client, log=places.runtime() / "screen.log")
    if chosen == "stop":
        tell_take(end(client), as_json=False)
    else:
        say("the stage plays on: `perform attach` comes back, `perform stop` ends it")
