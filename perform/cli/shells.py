"""Completion scripts for bash and fish: as click's, but names may have spaces, brackets and commas."""

from __future__ import annotations

import os
import re

from click.shell_completion import BashComplete, CompletionItem, FishComplete, add_completion_class

_SPECIAL = re.compile(r"([^\w@%+=:,./~-])")  # bash would read these


class BashNames(BashComplete):
    """Bash inserts what it gets as it is: special characters need a backslash, unless in quotes."""

    source_template = BashComplete.source_template.replace("read type", "read -r type").replace(
        "($value)", '("$value")'
    )

    def format_completion(self, item: CompletionItem) -> str:
        """Return the line for the script."""
        words = os.environ.get("COMP_WORDS", "")
        quoted = words.count('"') % 2 == 1 or words.count("'") % 2 == 1
        if item.type == "plain" and not quoted:
            value = _SPECIAL.sub(r"\\\1", item.value)
            return f"{item.type},{value}"
        return super().format_completion(item)


class FishNames(FishComplete):
    """Click's script for fish would cut a name at its first comma."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')


def use() -> None:
    """Let click use them."""
    add_completion_class(BashNames, "bash")
    add_completion_class(FishNames, "fish")
