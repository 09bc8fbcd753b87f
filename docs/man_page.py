"""Writes docs/perform.1, the manual page, from the help of each verb. `python docs/man_page.py`"""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import click

from perform import __version__
from perform.cli import main

ENVIRONMENT = {
    "PERFORM_HOME": "The folder of models, sets, mappings, sounds and config.toml.",
    "PERFORM_TAKES": "The folder of takes.",
    "PERFORM_RUNTIME": "The folder of the running stage: with a folder each, several stages run at once.",
    "PERFORM_MIDI": "The MIDI system: alsa, jack, coremidi or windows.",
}
EXITS = {"0": "Done.", "1": "It failed.", "2": "Wrong use: a path, a name, an option."}
PAGE = Path(__file__).parent / "perform.1"


def page() -> str:
    """The page, in the macros of man(7)."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    description, *details = (main.help or "").split("\n\n")
    yield f'.TH PERFORM 1 "" "perform {__version__}" "User Commands"'
    yield from (".SH NAME", rf"perform \- {_text(description[0].lower() + description[1:].rstrip('.'))}")
    yield from (
        ".SH SYNOPSIS",
        ".B perform",
        "[\\fISET\\fR]",
        ".br",
        ".B perform",
        "\\fIVERB\\fR [\\fIOPTION\\fR...]",
    )
    yield from (".SH DESCRIPTION", *(_text(" ".join(part.split())) for part in details))
    yield ".SH OPTIONS"
    with click.Context(main, **main.context_settings) as context:
        for record in filter(None, (param.get_help_record(context) for param in main.get_params(context))):
            yield from _entry(*record)
    yield ".SH VERBS"
    for name, text in runpy.run_path(str(PAGE.parent / "verbs_page.py"))["helps"](main, "perform"):
        yield from (f".SS {_text(name)}", ".nf", *map(_text, text.splitlines()), ".fi")
    for heading, entries in (("EXIT STATUS", EXITS), ("ENVIRONMENT", ENVIRONMENT)):
        yield f".SH {heading}"
        for name, text in entries.items():
            yield from _entry(name, text)
    yield from (".SH SEE ALSO", "The manual: \\fBperform docs\\fR.")


def _entry(name: str, text: str) -> Iterator[str]:
    yield from (".TP", rf"\fB{_text(name)}\fR", _text(text))


def _text(line: str) -> str:
    """Escape what roff would read as a command."""
    line = line.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{line}" if line[:1] in (".", "'") else line


if __name__ == "__main__":
    PAGE.write_text(page())
