"""`docs`: the pages of the manual, in the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import click

from perform.cli.completion import completes
from perform.cli.output import echo
from perform.core.errors import WrongUse


def pages() -> list[str]:
    """Return the names of all pages."""
    from perform.library import places

    return sorted(path.stem for path in places.bundled("docs").glob("*.md"))


@click.command()
@click.argument("page", default="", shell_complete=completes(pages, files=False))
@click.option("--key-card", is_flag=True, help="All keys, yours included, as HTML: one page to print.")
def docs(page: str, key_card: bool) -> None:
    """Read the manual: list its pages, or show PAGE.

    In a pipe or a file, PAGE is Markdown. In a terminal, links to pictures and sounds open them.

    \b
        perform docs quickstart
        perform docs sets > sets.md
        perform docs --key-card > keys.html
    """
    import difflib
    import sys

    from perform.library import places

    if key_card:
        from perform.library import player_config
        from perform.tui import key_card as card
        from perform.tui import own_keys

        echo(card.key_card(own_keys.read(player_config.keys_path())))
        return
    found = {name: places.bundled("docs") / f"{name}.md" for name in pages()}
    if not page:
        width = max(map(len, found))
        for name, path in found.items():
            with path.open(encoding="utf-8") as file:
                echo(f"{name:<{width}} {file.readline().lstrip('# ').strip()}")
        return
    name = page.removeprefix("docs/").removesuffix(".md")
    if name not in found:
        near = difflib.get_close_matches(name, found)
        hint = f"did you mean {' or '.join(near)}?" if near else "`perform docs` lists all pages"
        raise WrongUse(f"there is no page {page!r}", hint=hint)
    text = found[name].read_text(encoding="utf-8")
    if not sys.stdout.isatty():
        echo(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.pager(styles=True):
        console.print(Markdown(_with_files(text, found[name].parent)))


def _with_files(text: str, folder: Path) -> str:
    """Make the links to pictures and sounds absolute, so that a terminal can open them."""
    return re.sub(
        r"\]\(([\w./-]+\.(?:ogg|png|svg))\)", lambda link: f"]({(folder / link[1]).resolve().as_uri()})", text
    )
