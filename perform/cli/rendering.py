"""`render`: a set to a file, offline."""

from __future__ import annotations

from pathlib import Path

import click

from perform.cli.words import Seconds, json_option, progress, say, show


@click.command()
@click.argument("set_name", metavar="SET")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The WAV to write.")
@click.option("--seconds", type=Seconds(0.01), default=30.0, show_default=True, help="Its length.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Another chance for every deck.")
@click.option("--rate", type=int, default=48000, show_default=True, help="Sample rate.")
@json_option
def render(set_name: str, out: Path, seconds: float, seed: int | None, rate: int, as_json: bool) -> None:
    """Render a set to a WAV, offline: the same engine, the same bits every time."""
    import time

    from perform.audio.device import check_numbers
    from perform.render import render as offline

    check_numbers(rate, None)
    began = time.monotonic()
    with progress(f"rendering {set_name}", seconds, "s") as on_progress:
        offline(set_name, out, seconds, seed=seed, rate=rate, on_progress=on_progress)
    took = time.monotonic() - began
    say(f"{seconds:g} s in {took:.1f} s ({seconds / took:.1f} times real time)")
    show(out, as_json, path=str(out), seconds=seconds, took_s=round(took, 2))
