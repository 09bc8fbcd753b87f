"""`open`, `play`, `attach`, `stop`: start a stage, show its screen, end it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.output import Seconds, json_option, log, show, warn
from perform.core.errors import PerformError, WrongUse

_F = TypeVar("_F", bound=Callable[..., Any])
ENGINES = {"gpu": "on the GPU, by CUDA", "openvino": "with OpenVINO, in bfloat16"}
"""Options that name models, and how these are rendered."""


def _sound_options(verb: _F) -> _F:
    """Add the options of every verb that starts a stage."""
    options = (
        click.option(
            "--device",
            shell_complete=completes(completion.audio_devices, files=False),
            metavar="D",
            help="Audio output: part of its name, its number, or null for silence.",
        ),
        click.option(
            "--input",
            shell_complete=completes(completion.audio_inputs, files=False),
            metavar="D",
            help="Audio input for decks and takes: part of its name, its number, or default.",
        ),
        click.option(
            "--cue",
            metavar="N|D",
            default="",
            help="Headphone cue: first of two outputs of the device (3), or the name of another device.",
            shell_complete=completes(completion.audio_devices, files=False),
        ),
        click.option("--rate", type=int, metavar="HZ", help="Sample rate (default: the device's)."),
        click.option(
            "--block", type=int, metavar="N", help="Frames per block (default: the JACK server's, else 256)."
        ),
        click.option(
            "--mapping",
            shell_complete=completes(completion.mappings),
            metavar="NAME",
            default="",
            help="Controller mapping to use instead of the set's.",
        ),
        click.option(
            "--midi",
            "ports",
            metavar="TEXT",
            shell_complete=completes(completion.midi_ports, files=False),
            multiple=True,
            help="Use only MIDI ports whose name contains TEXT (repeatable; default: all).",
        ),
        click.option(
            "--clock-out",
            metavar="TEXT",
            shell_complete=completes(completion.midi_ports, files=False),
            default="",
            help="Send MIDI clock to the port whose name contains TEXT.",
        ),
        click.option(
            "--osc",
            metavar="HOST:PORT",
            default="",
            help="Receive OSC on this UDP port; only from this computer if HOST is left out.",
        ),
        click.option(
            "--margin",
            type=click.Choice(["tight", "normal", "safe"]),
            help="Safety margin of just-in-time rendering: tight 3 ms, normal 10 ms, safe 25 ms "
            "(default: the set's).",
        ),
        *(
            click.option(
                f"--{engine}",
                metavar="MODEL",
                multiple=True,
                shell_complete=completes(completion.models),
                help=f"Render this model {how} (repeatable).",
            )
            for engine, how in ENGINES.items()
        ),
        click.option("--record", is_flag=True, help="Start recording at once."),
        click.option("--stems/--no-stems", help="Also record one file per deck."),
        click.option("--pre/--no-pre", help="Also record the master before the limiter."),
        click.option("--float/--no-float", "float32", help="Record 32-bit float instead of 24-bit PCM."),
        click.option(
            "--retro",
            type=click.FloatRange(0, 60),
            default=5.0,
            show_default=True,
            help="Minutes kept in memory, which can be saved as a take afterwards; 0 for none.",
        ),
        click.option("--fresh", is_flag=True, help="Start the set anew instead of resuming after a crash."),
        click.option(
            "--allow-files",
            is_flag=True,
            help="Let the set use files outside its own folder and perform's folders, now and later.",
        ),
        click.option(
            "--patient",
            is_flag=True,
            help="Wait for late decks instead of fading them, e.g. for an audio server in freewheel mode.",
        ),
    )
    for option in reversed(options):  # click lists the last one first
        verb = option(verb)
    return verb


@click.command("open")
@click.argument("set_name", metavar="[SET]", default="", shell_complete=completes(completion.sets))
@_sound_options
def open_(set_name: str, **sound: Any) -> None:
    """Open the screen and play a set.

    \b
        perform open demo --device 3 --record
        perform demo                      # opens it without options
    """
    _open(set_name, sound)


@click.command()
@click.argument("set_name", metavar="[SET]", default="demo", shell_complete=completes(completion.sets))
@click.option("--headless", is_flag=True, help="Play without a screen until Ctrl-C.")
@click.option("--seconds", type=Seconds(0.1), metavar="N", help="Stop after N seconds (with --headless).")
@json_option
@_sound_options
def play(set_name: str, headless: bool, seconds: float | None, as_json: bool, **sound: Any) -> None:
    """Play a set (default: demo), with or without a screen. --headless prints the take's path at the end.

    \b
        perform play demo --headless --seconds 60 --record
    """
    if not headless:
        if seconds is not None:
            raise WrongUse("--seconds needs --headless", hint="add --headless, or leave --seconds out")
        _open(set_name, sound)
        return
    from perform.library import places, sets
    from perform.stage.supervisor import Stage

    if sound["allow_files"]:
        sets.allow_files(set_name)
    # with --quiet, too, the log is printed: it names errors
    take = Stage(_options(set_name, sound, seconds), places.runtime(), warn).run()
    if sound["record"] and not take:
        raise PerformError("nothing was recorded", hint="see the messages above")
    show_take(take, as_json)


@click.command()
def attach() -> None:
    """Open the screen of a running stage.

    \b
        perform attach
    """
    _attach()


@click.command()
@json_option
def stop(as_json: bool) -> None:
    """Stop a running stage: fade out and finish the take.

    \b
        perform stop
    """
    from perform.library import places
    from perform.stage.client import Client
    from perform.stage.start import end

    take = end(Client(places.runtime()))
    log("the stage has ended")
    show_take(take, as_json)


def show_take(take: str, as_json: bool) -> None:
    """Print all files of a take. The first file is printed last, because other verbs name a take by it."""
    from pathlib import Path

    from perform.library import places
    from perform.recorder.take_index import parts

    files = [str(path) for path in parts(Path(take), places.take_folders())] if take else []
    show("\n".join([*files[1:], *files[:1]]), as_json, take=take, parts=files)


def _options(set_name: str, sound: dict[str, Any], seconds: float | None = None) -> Any:
    from perform.audio.device import check_rate_and_block
    from perform.control.mapping_files import find
    from perform.control.osc_address import host_and_port
    from perform.stage.options import StageOptions

    check_rate_and_block(sound["rate"], sound["block"])
    if sound["osc"]:
        host_and_port(sound["osc"])  # show an error here, not in a log
    if sound["mapping"]:
        sound = sound | {"mapping": str(find(sound["mapping"]).resolve())}
    options = {name: value for name, value in sound.items() if name != "allow_files"}
    options |= {option: named_models(option, sound[option]) for option in ENGINES}
    return StageOptions(set=set_name, seconds=seconds, **options)


def named_models(option: str, given: Iterable[str]) -> tuple[str, ...]:
    """[disk] Return the names of models that were given by name or path; warn of one that is not here."""
    from perform.library.model_library import find_model

    names = []
    for name in given:
        try:
            names.append(find_model(name).stem)
        except WrongUse as error:  # the set may still name such a file
            warn(f"--{option}: {error}")
            names.append(name)
    return tuple(names)


def _open(set_name: str, sound: dict[str, Any]) -> None:
    """Start a stage unless one is running, and show its screen."""
    from perform.library import places, sets
    from perform.stage.client import running

    runtime = places.runtime()
    if set_name:
        if sound["allow_files"]:
            sets.allow_files(set_name)
        sets.load_set(set_name)  # show an error here, not in a log
    if running(runtime):
        if set_name:
            hint = "`perform attach` opens its screen, `perform stop` ends it"
            raise WrongUse("a stage is running already", where=str(runtime), hint=hint)
        _attach()
        return
    _need_terminal()
    log("starting…")  # the screen follows when the stage answers
    from perform.stage.start import start  # after the word above: it takes a moment

    look = _look()  # before the stage starts: a mistake in a file ends the verb
    _screen(start(_options(set_name, sound), runtime, log), look)


def _attach() -> None:
    from perform.library import places
    from perform.stage.client import Client

    client = Client(places.runtime())
    _need_terminal()
    _screen(client, _look())


def _need_terminal() -> None:
    in_browser = "TEXTUAL_DRIVER" in os.environ  # `perform serve` sets it
    if not in_browser and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise WrongUse(
            "the screen needs a terminal", hint="`perform play SET --headless` plays without a screen"
        )


def _look() -> dict[str, Any]:
    """[disk] Return the player's colours and keys; WrongUse: a file of theirs has a mistake."""
    from perform.library import player_config
    from perform.tui import own_keys

    def remember_theme(name: str) -> None:
        player_config.change("screen.theme", (name,))

    return {
        "theme": player_config.read().screen.theme,
        "on_theme": remember_theme,
        "own_keys": own_keys.read(player_config.keys_path()),
        "welcome": _is_first_time(),
    }


def _is_first_time() -> bool:
    """[disk] Whether no screen was opened before with this home."""
    from perform.library import places

    seen = places.user("welcomed")
    if seen.exists():
        return False
    with contextlib.suppress(OSError):  # a home that cannot be written: the player is welcome again
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.touch()
    return True


def _screen(client: Any, look: dict[str, Any]) -> None:
    """Show a stage until the player leaves or stops it."""
    from perform.library import places
    from perform.stage.start import end
    from perform.tui.terminal import run

    chosen = run(client, log=places.runtime() / "screen.log", **look)
    if chosen == "stop":
        show_take(end(client), as_json=False)
    else:
        log("the stage keeps playing: `perform attach` opens the screen again, `perform stop` ends it")
