"""The verbs. Data goes to stdout, narration to stderr; exit 0 done, 1 failed, 2 wrong use.

This alone wires the rooms together, and imports what a verb needs when it needs it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from perform import __version__
from perform.errors import PerformError, WrongUse

_F = TypeVar("_F", bound=Callable[..., Any])


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


class Seconds(click.FloatRange):
    """A length of time: a number, and not one of those that are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text to seconds."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value} is no length of time", param, ctx)
        return seconds


def _say(line: str) -> None:
    click.echo(line, err=True)


def _sound_options(verb: _F) -> _F:
    """How a stage finds its devices; the same for every verb that starts one."""
    for option in (
        click.option("--device", metavar="D", help="Audio device: part of its name, its number, or null."),
        click.option("--rate", type=int, metavar="HZ", help="Sample rate; the device's own if left out."),
        click.option("--block", type=int, metavar="N", help="Frames a block; 256 if left out."),
        click.option(
            "--mapping", metavar="NAME", default="", help="Controller mapping, instead of the set's."
        ),
        click.option(
            "--midi", "ports", metavar="PORT", multiple=True, help="Part of a MIDI port's name; all."
        ),
        click.option("--record", is_flag=True, help="Record from the first moment."),
        click.option(
            "--patient",
            is_flag=True,
            help="Wait for every deck: for an audio server that runs ahead of time (JACK's freewheel).",
        ),
    ):
        verb = option(verb)
    return verb


def _json_option(verb: _F) -> _F:
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(verb)


def _print(plain: object, as_json: bool, **fields: object) -> None:
    """The result on stdout: one plain line (none where there is nothing), or one JSON object."""
    if as_json:
        click.echo(json.dumps(fields))
    elif plain:
        click.echo(plain)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="perform")
def main() -> None:
    """Play RAVE models live.

    `perform` opens the instrument with the bundled set; `perform SET` opens another, by name or path
    (options: `perform open --help`).
    """


@main.command("open", hidden=True)
@click.argument("set_name", metavar="[SET]", default="")
@_sound_options
def open_(set_name: str, **sound: Any) -> None:
    """Open the instrument."""
    _open(set_name, sound)


@main.command()
@click.argument("set_name", metavar="SET", default="demo")
@click.option("--headless", is_flag=True, help="No screen: play in this terminal until ctrl-c.")
@click.option("--seconds", type=Seconds(0.1), metavar="N", help="End after N seconds (headless).")
@_json_option
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

    take = Stage(_options(set_name, sound, seconds), places.runtime(), _say).run()
    if sound["record"] and not take:
        raise PerformError("nothing was recorded", hint="the lines above say why")
    _print(take, as_json, take=take)


@main.command()
def attach() -> None:
    """Come back to a running stage."""
    _attach()


@main.command()
@_json_option
def stop(as_json: bool) -> None:
    """End a running stage: close its take, fade out."""
    from perform.library import places
    from perform.stage.client import Client
    from perform.stage.start import end

    last = end(Client(places.runtime()))
    _say("the stage has ended")
    _print(last, as_json, take=last)


@main.command()
@click.argument("set_name", metavar="SET")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The WAV to write.")
@click.option("--seconds", type=Seconds(0.01), default=30.0, show_default=True, help="Its length.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Another chance for every deck.")
@click.option("--rate", type=int, default=48000, show_default=True, help="Sample rate.")
@_json_option
def render(set_name: str, out: Path, seconds: float, seed: int | None, rate: int, as_json: bool) -> None:
    """Render a set to a WAV, offline: the same engine, the same bits every time."""
    import time

    from perform.audio.device import check_numbers
    from perform.render import render as offline

    check_numbers(rate, None)
    began = time.monotonic()
    with _progress(f"rendering {set_name}", seconds, "s") as on_progress:
        offline(set_name, out, seconds, seed=seed, rate=rate, on_progress=on_progress)
    took = time.monotonic() - began
    _say(f"{seconds:g} s in {took:.1f} s ({seconds / took:.1f} times real time)")
    _print(out, as_json, path=str(out), seconds=seconds, took_s=round(took, 2))


@main.command()
@click.option("--device", metavar="D", help="Ask what this choice would give.")
@_json_option
def devices(device: str | None, as_json: bool) -> None:
    """Audio and MIDI: what there is, what will be used and why."""
    from dataclasses import asdict

    from perform.audio import device as audio
    from perform.control.ports import look

    found, chosen, why, error = [], None, "", ""
    try:
        portaudio = audio.portaudio()
        found = audio.devices(portaudio)
        chosen, why = audio.choose(portaudio, device)
    except audio.NoDevice as nothing:
        error = str(nothing)
    ports, midi_error = look()
    if as_json:
        report = {
            "audio": [asdict(d) for d in found],
            "use": asdict(chosen) if chosen else None,
            "why": why or error,
            "midi": ports,
            "midi_error": midi_error,
        }
        click.echo(json.dumps(report, indent=2))
        return
    for d in found:
        mark = "*" if d == chosen else " "
        click.echo(f"{mark} {d.index:3} {d}  ({d.outputs} outputs, {d.rate:.0f} Hz)")
    click.echo(f"* will be used: {why}" if chosen else f"{error}: the instrument plays on a silent clock")
    for port in ports:
        click.echo(f"  MIDI {port}")
    if not ports:
        click.echo(midi_error or "no MIDI controller is connected")


@main.group()
def models() -> None:
    """The models at hand."""


@models.command("list")
@_json_option
def models_list(as_json: bool) -> None:
    """Every model of the library and among the bundled ones."""
    from perform.library import cards

    rows = []
    for name, path in cards.models().items():
        try:
            card = cards.read_card(path)
        except WrongUse as error:
            _say(f"{name}: {error}")
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


@main.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="The .safetensors to write."
)
@click.option("--name", help="The model's name; the file's if left out.")
@click.option("--description", default="", help="One line for its card.")
@click.option("--licence", default="unknown", show_default=True, help="Licence of the weights.")
@click.option("--recipe", default="", help="Where its recipe is written down, for its card.")
@click.option("--config", "config_name", default="live", show_default=True, help="live, v2 or v2_small.")
@click.option("--steps", type=click.IntRange(1), default=10000, show_default=True, help="Training steps.")
@click.option("--latents", type=click.IntRange(1), help="Latents to keep; enough for 95 % if left out.")
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Crops a step.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of weights, crops and chance.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint.")
@_json_option
def train(corpus: Path, out: Path, name: str | None, config_name: str, as_json: bool, **options: Any) -> None:
    """Train a RAVE on a folder of sound files; ctrl-c saves, --resume goes on."""
    from perform.rave.config import preset
    from perform.rave.train import Progress, TrainOptions
    from perform.rave.train import train as learn

    plan = TrainOptions(
        corpus=corpus, output=out, name=name or out.stem, config=preset(config_name), **options
    )
    with _progress(f"training {plan.name}", plan.steps, "steps") as on_progress:

        def show(progress: Progress) -> None:
            on_progress(progress.step, f"loss {progress.loss:.2f}  held-out distance {progress.distance:.2f}")

        model = learn(plan, show, lambda path, why: _say(f"skipped {path}: {why}"))
    card = model.card
    distances = {key: card[key] for key in ("distance", "distance_untrained")}
    _say("held-out distance {distance:.2f} (untrained {distance_untrained:.2f})".format(**distances))
    _print(out, as_json, path=str(out), **distances)


def _options(set_name: str, sound: dict[str, Any], seconds: float | None = None) -> Any:
    from perform.audio.device import check_numbers
    from perform.control.mapping import find
    from perform.stage.supervisor import Options

    check_numbers(sound["rate"], sound["block"])
    if sound["mapping"]:
        sound = sound | {"mapping": str(find(sound["mapping"]).resolve())}
    return Options(set=set_name, seconds=seconds, **sound)


def _open(set_name: str, sound: dict[str, Any]) -> None:
    """Start a stage if none runs, and show it."""
    from perform import session
    from perform.library import places
    from perform.stage.client import running
    from perform.stage.start import start

    runtime = places.runtime()
    session.load_set(set_name or "demo")  # what is wrong with it is said here, not in a log
    if running(runtime):
        if set_name:
            hint = "`perform attach` goes there, `perform stop` ends it"
            raise WrongUse("a stage is playing already", where=str(runtime), hint=hint)
        _attach()
        return
    _need_terminal()
    _screen(start(_options(set_name or "demo", sound), runtime))


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
        last = end(client)
        if last:
            click.echo(last)
    else:
        _say("the stage plays on: `perform attach` comes back, `perform stop` ends it")


class _progress:  # noqa: N801  a context manager, used as a function
    """A progress bar on stderr; calls of it with (done, words) move it."""

    def __init__(self, title: str, total: float, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} " + unit),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(title, total=total, words="")

    def __enter__(self) -> Callable[..., None]:
        return self._move

    def _move(self, done: float, words: str = "") -> None:
        self._bar.start()  # with the first step, so that what fails before it says one line alone
        self._bar.update(self._task, completed=done, words=words)

    def __exit__(self, *_: object) -> None:
        if self._bar.live.is_started:
            self._bar.stop()
