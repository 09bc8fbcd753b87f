"""Output of all verbs: messages and warnings on stderr, results on stdout, progress bars.

`--quiet` keeps only results and warnings.
Names and texts come from files, so everything passes `printable`: none can steer the terminal.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from perform.core.errors import WrongUse
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


_SHOWN = "perform.shown"
_LOUDNESS = {"-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose"}


def loudness_options(verb: click.Command, *, hidden: bool) -> None:
    """Add `--quiet` and `--verbose` to a verb, and to the verbs of a group."""

    def remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value:
            ctx.meta[f"perform.{param.name}"] = True

    helps = {
        "quiet": "Print only results, warnings and errors.",
        "verbose": "Print where in the code an error arose.",
    }
    for name, text in helps.items():
        verb.params.append(
            click.Option(
                [f"-{name[0]}", f"--{name}"],
                is_flag=True,
                expose_value=False,
                callback=remember,
                hidden=hidden,
                help=text,
            )
        )
    for inner in verb.commands.values() if isinstance(verb, click.Group) else ():
        loudness_options(inner, hidden=True)


def wants(loudness: str) -> bool:
    """Whether the player asked for `loudness`: "quiet" or "verbose"."""
    ctx = click.get_current_context(silent=True)
    return ctx is not None and f"perform.{loudness}" in ctx.meta


class DefaultVerbGroup(click.Group):
    """A group of verbs; `default_verb` is used if the first argument is not a verb."""

    default_verb: str

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the default verb unless the first argument is a verb, or an option of the group."""
        if not args and ctx.resilient_parsing:  # the shell completes the first word
            return super().parse_args(ctx, args)
        own = {option for param in self.params for option in param.opts} | {"-h", "--help"}
        at = next((i for i, word in enumerate(args) if word not in own), len(args))
        if {*args[:at]} <= _LOUDNESS.keys() and (at == len(args) or args[at] not in self.commands):
            args = [*args[:at], self.default_verb, *args[at:]]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the first word: the verbs, and what the default verb takes."""
        found = super().shell_complete(ctx, incomplete)
        first = next(p for p in self.commands[self.default_verb].params if isinstance(p, click.Argument))
        return found if incomplete.startswith("-") else [*found, *first.shell_complete(ctx, incomplete)]


def log(line: str) -> None:
    """Print a message to stderr, unless the player asked for --quiet."""
    if not wants("quiet"):
        warn(line)


def warn(line: str) -> None:
    """Print an error or a warning to stderr, also with --quiet."""
    click.echo(_printable(line), err=True)


def echo(text: str) -> None:
    """Print a table or a line of one to stdout."""
    click.echo(_printable(text))


def echo_json(value: object, indent: int | None = None) -> None:
    """Print a value as JSON to stdout. It is ASCII; a byte of a path that is not UTF-8 is `\\udce9`."""
    if context := click.get_current_context(silent=True):
        context.meta[_SHOWN] = True
    click.echo(json.dumps(value, indent=indent))


def has_shown_json() -> bool:
    """Whether the verb has printed its result as JSON."""
    return _SHOWN in click.get_current_context().meta


def _printable(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def json_option(verb: _F) -> _F:
    """Add `--json` to a verb."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(verb)


def show(plain: object, as_json: bool, **fields: object) -> None:
    """Print the result to stdout: its lines (none if empty), or one JSON object.

    Into a pipe or a file, paths are written byte by byte, so that other programs find the files. `-` prints
    nothing: stdout has the sound itself.
    """
    if plain == Path("-"):
        return
    if as_json:
        echo_json(fields)
    elif plain and sys.stdout.isatty():
        echo(str(plain))
    elif plain:
        click.echo(str(plain) if sys.platform == "win32" else os.fsencode(str(plain)))


@contextlib.contextmanager
def sound_out(out: Path, as_json: bool) -> Iterator[Path]:
    """Yield the sound file to write; for `-` a temporary WAV file, which is copied to stdout at the end."""
    if out != Path("-"):
        yield out
        return
    if as_json:
        raise WrongUse("--json and the sound cannot both go to stdout", hint="name a file with -o")
    if sys.stdout.isatty():
        raise WrongUse("a terminal cannot play a sound file", hint="add a pipe, e.g. `| aplay`")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "sound.wav"
        yield made
        with made.open("rb") as sound:
            shutil.copyfileobj(sound, sys.stdout.buffer)


class ProgressBar:
    """A progress bar on stderr. The context manager returns a function (done, text, total) that moves it."""

    def __init__(self, title: str, total: float, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.table import Column

        # in a narrow terminal the bar and the text shrink
        time = Column(no_wrap=True, min_width=len("-:--:--"))
        steps = Column(no_wrap=True, min_width=len(f"{total:.0f}/{total:.0f} {unit}"))
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} " + unit, table_column=steps),
            TimeElapsedColumn(table_column=time.copy()),
            TimeRemainingColumn(table_column=time.copy()),
            TextColumn("{task.fields[text]}", markup=False),
            console=Console(stderr=True, quiet=wants("quiet")),
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
