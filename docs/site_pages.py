"""The files and the navigation of the site: each page keeps its place in the repository, so all links hold.

mkdocs calls `on_config` and `on_files`; mkdocs.yml names this file. The navigation is the map, docs/index.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[1]
SHOWN = {
    ".md",
    ".svg",
    ".png",
    ".ogg",
    ".json",
    ".cello",
    "",
}  #: endings of the files that a page may link to

Entry = dict[str, "str | list[Entry]"]


def nav() -> list[Entry]:
    """The front page, then each heading of the map with its pages, then the project's files."""
    parts = re.split(r"(?m)^## ", (ROOT / "docs" / "index.md").read_text("utf-8"))[1:]
    entries: list[Entry] = [{"perform": "README.md"}, {"All pages": "docs/index.md"}]
    for part in parts:
        heading, _, text = part.partition("\n")
        links = re.findall(r"\[([^\]]+)\]\(([^)]+\.md)\)", text)
        entries.append({heading: [{_title(name): _place(target)} for name, target in links]})
    voices: list[Entry] = [{path.stem: f"models/{path.name}"} for path in sorted(ROOT.glob("models/*.md"))]
    recipes: list[Entry] = [
        {"Their recipes": "models/recipes/README.md"},
        {"The recipes of the pitched voices": "models/recipes/pitched.md"},
    ]
    entries.append({"The bundled models": [*voices, *recipes]})
    entries.append({"Project": [{"Changes": "CHANGELOG.md"}, {"Security": "SECURITY.md"}]})
    return entries


def _title(name: str) -> str:
    name = " ".join(name.split())
    return name[0].upper() + name[1:]


def _place(target: str) -> str:
    return target.removeprefix("../") if target.startswith("../") else f"docs/{target}"


def files() -> list[str]:
    """The files of the site, by their paths from the root of the repository."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*"), *ROOT.glob("models/*"), ROOT / "LICENSE"]
    found += sorted(ROOT.glob("models/recipes/*.md"))
    return sorted(
        path.relative_to(ROOT).as_posix() for path in found if path.is_file() and path.suffix in SHOWN
    )


def on_config(config: MkDocsConfig) -> None:
    """[mkdocs] Set the navigation."""
    config.nav = nav()


def on_files(_files: Files, config: MkDocsConfig) -> Files:
    """[mkdocs] Put each page where the repository has it, instead of the folder docs alone."""
    from mkdocs.structure.files import File, Files

    return Files([File.generated(config, name, abs_src_path=str(ROOT / name)) for name in files()])
