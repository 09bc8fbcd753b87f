"""Writes docs/verbs.md from the help of each verb. `python docs/verbs_page.py`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from perform.cli import main

INTRO = """# Verbs

Read this page to look up what `perform` does on the command line, and every option.

Made from the help of each verb by docs/verbs_page.py: `perform VERB --help` shows the same. Results go to
stdout and messages to stderr. Exit codes: 0 done, 1 failed, 2 wrong use. `--json` prints them for programs.

Every verb takes `-q`, `--quiet` (only results, warnings and errors) and `-v`, `--verbose` (where in the code
an error arose). `play --headless` prints its log with `-q`, too, since errors are in it. With `--json`, an
error is an object too: `{"error": "...", "exit_code": 2}`. `man perform` shows the same where a package has
installed it.

`perform NAME` opens the set of that name. [config.toml](config.md) has defaults for the options of `open` and
`play`.
"""
PAGE = Path(__file__).parent / "verbs.md"


def page() -> str:
    """The page: a section for each verb."""
    return INTRO + "".join(f"\n## {name}\n```text\n{text}\n```\n" for name, text in helps(main, "perform"))


def helps(group: click.Group, name: str) -> Iterator[tuple[str, str]]:
    """Each verb of a group and its help, 100 columns wide."""
    for verb, command in sorted(group.commands.items()):
        full = f"{name} {verb}"
        if isinstance(command, click.Group):
            yield from helps(command, full)
        else:
            context = click.Context(
                command,
                info_name=full,
                terminal_width=100,
                max_content_width=100,
                help_option_names=["-h", "--help"],
            )
            yield full, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


if __name__ == "__main__":
    PAGE.write_text(page())
