"""What the verbs share: how they speak, print and count; nothing of what they do."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])


class Seconds(click.FloatRange):
    """A length of time: a number, and not one of those that are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text to seconds."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value} is no length of time", param, ctx)
        return seconds


def say(line: str) -> None:
    """Narration: a line on stderr."""
    click.echo(line, err=True)


def json_option(verb: _F) -> _F:
    """`--json`, for every verb that prints data."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(verb)


def show(plain: object, as_json: bool, **fields: object) -> None:
    """The result on stdout: one plain line (none where there is nothing), or one JSON object."""
    if as_json:
        click.echo(json.dumps(fields))
    elif plain:
        click.echo(plain)


class progress:  # noqa: N801  a context manager, used as a function
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

    def _move(self, done: float, words: str = "", total: float | None = None) -> None:
        self._bar.start()  # with the first step, so that what fails before it says one line alone
        self._bar.update(self._task, completed=done, words=words, total=total)

    def __exit__(self, *_: object) -> None:
        if self._bar.live.is_started:
            self._bar.stop()
