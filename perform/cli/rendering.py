"""`render`: render a set or a take to a file, offline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.output import ProgressBar, Seconds, json_option, log, show, sound_out, warn
from perform.core.errors import WrongUse


class DeckModel(click.ParamType):  # type: ignore[type-arg]
    """A deck and a model, as in `2=bells`."""

    name = "DECK=MODEL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert text to (deck, model)."""
        deck, _, model = str(value).partition("=")
        if not deck.isdecimal() or not model:
            self.fail(f"{value!r} is not DECK=MODEL, for example 2=bells", param, ctx)
        return int(deck), model


@click.command()
@click.argument("name", metavar="SET|TAKE", shell_complete=completes(completion.sets, completion.takes))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="WAV file to write; - for stdout.")
@click.option("--rate", type=int, help="Sample rate (default: 48000, or the take's).")
@click.option("--stems", is_flag=True, help="Also write one file per deck.")
@click.option("--float", "float32", is_flag=True, help="Write 32-bit float instead of 24-bit PCM.")
@click.option("--seconds", type=Seconds(0.01), help="Length of a set in seconds (default: 30).")
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), help="Number added to the seed of each deck of a set."
)
@click.option(
    "--take",
    type=click.Path(path_type=Path),
    help="Record the set as a take, with its gesture log, in this folder.",
)
@click.option(
    "--swap",
    type=DeckModel(),
    multiple=True,
    help="Use another model on a deck of a take, e.g. 2=bells (repeatable).",
)
@click.option("--from", "begin", type=Seconds(0), help="Start at this second of a take.")
@click.option("--to", "end", type=Seconds(0), help="Stop at this second of a take.")
@click.option(
    "--allow-files",
    is_flag=True,
    help="Let the set use files outside its own folder and perform's folders, now and later.",
)
@json_option
def render(name: str, out: Path | None, as_json: bool, **how: Any) -> None:
    """Render a set, or a take from its gesture log, to a file. Every run gives the same samples.

    A take is named by its WAV file, by its name in `perform takes`, or as `last`.

    \b
        perform render demo -o demo.wav --seconds 60
        perform render last -o part.wav --from 10 --to 40
        perform render last -o - | aplay
    """
    from perform.audio.device import check_rate_and_block

    check_rate_and_block(how["rate"], None)
    began = time.monotonic()
    if _is_take(name):
        if out is None:
            raise WrongUse("no output file", hint="name a WAV file with -o")
        _refuse("a take", how, "seconds", "seed", "take", "allow_files")
        if out == Path("-"):
            _refuse("-o -", how, "stems")
        with sound_out(out, as_json) as file:
            seconds = _take(name, file, how)
        path = out
    else:
        _refuse("a set", how, "begin", "end", "swap", *([] if how["take"] else ["stems", "float32"]))
        if (out is None) == (how["take"] is None):
            raise WrongUse("name one output", hint="a WAV file with -o, or a folder with --take")
        seconds = how["seconds"] or 30.0
        if out:
            with sound_out(out, as_json) as file:
                _set(name, file, how, seconds)
        path = out or _set(name, None, how, seconds)
    took = time.monotonic() - began
    log(f"{seconds:g} s in {took:.1f} s ({seconds / took:.1f} times real time)")
    show(path, as_json, path=str(path), seconds=seconds, took_s=round(took, 2))


def _is_take(name: str) -> bool:
    """Return whether a name means a take: a WAV, a gesture log, or the name of a take and of no set."""
    from perform.library import places, sets
    from perform.recorder import take_index

    if Path(name).suffix in (".wav", ".gestures"):
        return True
    try:
        sets.find_set(name)
    except WrongUse:
        return name == "last" or any(t.path.stem == name for t in take_index.takes(places.take_folders()))
    return False


def _refuse(what: str, how: dict[str, Any], *names: str) -> None:
    """Raise WrongUse for options that do not apply."""
    spelled = {"begin": "from", "end": "to", "float32": "float", "allow_files": "allow-files"}
    for name in names:
        if how[name] not in (None, False, ()):
            raise WrongUse(
                f"--{spelled.get(name, name)} cannot be used with {what}", hint="see `perform render --help`"
            )


def _set(name: str, out: Path | None, how: dict[str, Any], seconds: float) -> Path:
    from perform.core.arena_layout import STEMS
    from perform.library import sets
    from perform.offline.outputs import TakeOutput
    from perform.offline.render import render as offline

    if how["allow_files"]:
        sets.allow_files(name)

    tracks = ("master", *STEMS) if how["stems"] else ("master",)
    recorded = TakeOutput(how["take"] or Path(), tracks, "float32" if how["float32"] else "pcm24")
    with ProgressBar(f"rendering {name}", seconds, "s") as on_progress:
        return offline(
            name,
            out or recorded,
            seconds,
            seed=how["seed"],
            rate=how["rate"] or 48000,
            on_progress=on_progress,
        )


def _take(name: str, out: Path, how: dict[str, Any]) -> float:
    from perform.library import places
    from perform.offline import replay
    from perform.recorder import take_index

    take = take_index.find(name, places.take_folders())
    options = replay.ReplayOptions(
        how["rate"], how["float32"] or None, how["stems"], dict(how["swap"]), how["begin"] or 0.0, how["end"]
    )
    seconds = min(take.seconds, options.end or take.seconds) - options.begin
    with ProgressBar(f"rendering {take.path.stem}", max(seconds, 0.0), "s") as on_progress:
        played = replay.render(take, out, options, on_progress)
    if played.lost:
        warn(f"{played.lost} events are missing from its gesture log: the sound may differ there")
    return seconds
