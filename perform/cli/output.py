"""Output of all verbs: messages on stderr, results on stdout, progress bars.

Names and texts come from files, so everything passes `printable`: none can steer the terminal.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from perform.core.printable import printable

_F = TypeVar("_F", bound=Callable[..., Any])


class Seconds(click.FloatRange):
    """A finite length of time in seconds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Convert text to seconds."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return seconds


class DefaultVerbGroup(click.Group):
    """A group of verbs; `default_verb` is used if the first argument is not a verb."""

    default_verb: str

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the default verb unless the first argument is a verb, or an option of the group."""
        if not args and ctx.resilient_parsing:  # the shell completes the first word
            return super().parse_args(ctx, args)
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help", "--version")):
            args = [self.default_verb, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the first word: the verbs, and what the default verb takes."""
        found = super().shell_complete(ctx, incomplete)
        first = next(p for p in self.commands[self.default_verb].params if isinstance(p, click.Argument))
        return found if incomplete.startswith("-") else [*found, *first.shell_complete(ctx, incomplete)]


def log(line: str) -> None:
    """Print a message to stderr."""
    click.echo(_printable(line), err=True)


def echo(text: str) -> None:
    """Print a table or a line of one to stdout."""
    click.echo(_printable(text))


def echo_json(value: object, indent: int | None = None) -> None:
    """Print a value as JSON to stdout. It is ASCII; a byte of a path that is not UTF-8 is `\\udce9`."""
    click.echo(json.dumps(value, indent=indent))


def _printable(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def json_option(verb: _F) -> _F:
    """Add `--json` to a verb."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(verb)


def show(plain: object, as_json: bool, **fields: object) -> None:
    """Print the result to stdout: its lines (none if empty), or one JSON object.

    Into a pipe or a file, paths are written byte by byte, so that other programs find the files.
    """
    if as_json:
        echo_json(fields)
    elif plain and sys.stdout.isatty():
        echo(str(plain))
    elif plain:
        click.echo(str(plain) if sys.platform == "win32" else os.fsencode(str(plain)))


class ProgressBar:
    """A progress bar on stderr. The context manager returns a function (done, text, total) that moves it."""

    def __init__(self, title: str, total: float, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.table import Column

        time = Column(
            no_wrap=True, min_width=len("-:--:--")
        )  # in a narrow terminal the bar and the text shrink
        steps = Column(no_wrap=True, min_width=len(f"{total:.0f}/{total:.0f} {unit}"))
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} " + unit, table_column=steps),
            TimeElapsedColumn(table_column=time.copy()),
            TimeRemainingColumn(table_column=time.copy()),
            TextColumn("{task.fields[text]}", markup=False),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(printable(title), total=total, text="")

    def __enter__(self) -> Callable[..., None]:
        return self._move

    def _move(self, done: float, text: str = "", total: float | None = None) -> None:
        self._bar.start()  # not before the first step, so that no empty bar precedes an error
        self._bar.update(self._task, completed=done, text=printable(text), total=total)

    def __exit__(self, *_: object) -> None:
        if self._bar.live.is_started:
            self._bar.stop()
