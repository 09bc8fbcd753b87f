"""`takes`: list, verify, repair, export and plot recordings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.output import echo, echo_json, json_option, log, show

if TYPE_CHECKING:
    from perform.recorder.take_index import Take


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def takes(ctx: click.Context, as_json: bool) -> None:
    """List, verify, repair, export or plot takes; without a command, list them.

    A take is named by the name of its first file, by a path, or as `last`.
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@takes.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the takes in all take folders.

    \b
        perform takes list
    """
    _list(as_json)


@takes.command()
@click.argument("names", metavar="[TAKE]...", nargs=-1, shell_complete=completes(completion.takes))
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Check takes for damage (default: all); exit code 1 if a take is damaged.

    \b
        perform takes verify
    """
    from perform.recorder import take_check

    found = {str(take.path): take_check.verify(take) for take in _chosen(names)}
    if as_json:
        echo_json(found, indent=2)
    else:
        for path, problems in found.items():
            echo(f"{Path(path).stem}: {'whole' if not problems else ''}".rstrip())
            for problem in problems:
                echo(f"  {problem}")
    if any(found.values()):
        sys.exit(1)


@takes.command()
@click.argument("names", metavar="[TAKE]...", nargs=-1, shell_complete=completes(completion.takes))
@json_option
def repair(names: tuple[str, ...], as_json: bool) -> None:
    """Repair unfinished takes (default: all). A stage repairs those in its folders when it starts.

    \b
        perform takes repair
    """
    from perform.recorder import take_check

    repaired = [
        {"path": str(path), "frames": frames}
        for take in _chosen(names)
        if names or take.state == "unfinished"
        for path, frames in take_check.repair(take)
    ]
    if as_json:
        echo_json(repaired, indent=2)
        return
    for row in repaired:
        echo(f"{row['path']}: {row['frames']} frames")
    if not repaired:
        log("nothing to repair")


@takes.command()
@click.argument("name", metavar="TAKE", shell_complete=completes(completion.takes))
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The .wav, .flac or .zip file to write.",
)
@json_option
def export(name: str, out: Path, as_json: bool) -> None:
    """Export a take: one WAV or FLAC with all its parts, or a ZIP with all its files and stems.

    \b
        perform takes export last -o demo.flac
    """
    from perform.recorder import take_export, take_index

    take = take_index.find(name, _folders())
    take_export.export(take, out)
    show(out, as_json, path=str(out), seconds=take.seconds)


@takes.command()
@click.argument("name", metavar="TAKE", shell_complete=completes(completion.takes))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The .png file to write.")
@json_option
def plot(name: str, out: Path, as_json: bool) -> None:
    """Draw a take's waveform, its markers, and the latents of each deck.

    \b
        perform takes plot last -o demo.png
    """
    from perform.recorder import take_export, take_index

    take_export.plot(take_index.find(name, _folders()), out)
    show(out, as_json, path=str(out))


def _folders() -> list[Path]:
    from perform.library import places

    return places.take_folders()


def _chosen(names: tuple[str, ...]) -> list[Take]:
    from perform.recorder import take_index

    return [take_index.find(name, _folders()) for name in names] if names else take_index.takes(_folders())


def _list(as_json: bool) -> None:
    found = _chosen(())
    if as_json:
        echo_json([_row(take) for take in found], indent=2)
        return
    if not found:
        log(f"no takes in {', '.join(str(folder) for folder in _folders())}")
    from perform.recorder.markers import clock

    for take in found:
        more = [take.samples, *([] if take.state == "whole" else [take.state])]
        more += [f"{len(take.files)} parts"] if len(take.files) > 1 else []
        more += [f"{len(take.tracks)} tracks"] if len(take.tracks) > 1 else []
        more += [f"{len(take.marks)} markers"] if take.marks else []
        more += [] if take.log else ["no gesture log"]
        echo(f"{take.path.stem:<44} {clock(take.seconds):>12}  {', '.join(more)}")


def _row(take: Take) -> dict[str, Any]:
    return {
        "name": take.path.stem,
        "path": str(take.path),
        "files": [str(path) for path in take.files],
        "seconds": take.seconds,
        "frames": take.frames,
        "rate": take.rate,
        "samples": take.samples,
        "tracks": list(take.tracks),
        "marks": [{"seconds": mark.frame / take.rate, "name": mark.name} for mark in take.marks],
        "log": take.log,
        "state": take.state,
    }
