"""What a path that is being typed could become: folders, and files of one kind, as a shell completes them."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from itertools import takewhile
from pathlib import Path

from perform.core.errors import PerformError
from perform.core.paths import expanded, from_text, to_text


def looks_like_path(text: str) -> bool:
    """Whether a text begins as a path of a folder: `/`, `~/`, `./`, or a folder's name and `/`."""
    return "/" in text or os.sep in text


def entries(typed: str, suffixes: Collection[str]) -> list[str]:
    """[disk] Return what it can become: folders (a `/` behind each) and files with one of the suffixes.

    Folders come first. Each is spelled as the player began: `~/sou` becomes `~/sounds/`. Hidden entries are
    left out unless the name begins with a dot. A folder that cannot be read has none.
    """
    typed = typed.replace(os.sep, "/")
    folder, slash, begun = typed.rpartition("/")
    try:
        with os.scandir(expanded(from_text(folder + slash))) as found:
            named = [(to_text(entry.name), _is_folder(entry)) for entry in found]
    except (OSError, ValueError, PerformError):
        return []
    fitting = [
        (not is_folder, name.casefold(), f"{folder}{slash}{name}{'/' if is_folder else ''}")
        for name, is_folder in named
        if name.casefold().startswith(begun.casefold())
        and (begun.startswith(".") or not name.startswith("."))
        and (is_folder or Path(name).suffix.casefold() in suffixes)
    ]
    return [path for _, _, path in sorted(fitting)]


def completed(typed: str, found: Sequence[str]) -> str:
    """Return what all entries have in common, or `typed` where that is no longer."""
    same = takewhile(
        lambda letters: len({letter.casefold() for letter in letters}) == 1, zip(*found, strict=False)
    )
    longest = next(iter(found), "")[: len(list(same))]
    return longest if len(longest) > len(typed) else typed


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
