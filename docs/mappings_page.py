"""Writes docs/mappings.md, the bundled mappings, from their files. `python docs/mappings_page.py`"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from perform.control import mapping_files, number_ranges
from perform.control.binding import Binding

INTRO = """# Bundled mappings

Read this page to know what the knobs, pads and faders of your controller do.

Made from `presets/mappings` by docs/mappings_page.py. The tables list every binding. A row such as
`cc 16` to `cc 23` pairs its controls with its addresses or values, in order. `audible`
under range counts only latents that can be heard, over the range of the model.
"""
PAGE = Path(__file__).parent / "mappings.md"


def page() -> str:
    """The page: a section for each mapping."""
    files = sorted(mapping_files.bundled().glob("*.toml"))
    return INTRO + "".join(_mapping(path) for path in files)


def _mapping(path: Path) -> str:
    text = path.read_text()
    mapping = mapping_files.load(path)
    comment = [line.removeprefix("#").removeprefix(" ") for line in text.split("\nname =")[0].splitlines()]
    about = " ".join(line for line in comment if line and not line.startswith(" "))
    drawing = "\n".join(line for line in comment if line.startswith("  "))
    rows, at = [], 0
    for table in tomllib.loads(text)["bind"]:
        size = number_ranges.count(table)
        rows.append(_row(table, mapping.bindings[at : at + size]))
        at += size
    head = "| on the device | sends | moves | range | mode |\n| --- | --- | --- | --- | --- |\n"
    return f"\n## {mapping.name}\n\n{about}\n\n```text\n{drawing}\n```\n\n{head}" + "".join(rows)


def _row(table: dict[str, Any], bindings: tuple[Binding, ...]) -> str:
    name = re.sub(r"\{([^}]*)\}", lambda group: group[1].replace("..", " to "), table["control"])
    sends = _run([binding.control for binding in bindings])
    channel = bindings[0].channel
    ends = [binding.ends if not binding.spec.action else (0.0, 0.0) for binding in bindings]
    low, high = ends[0]
    if bindings[0].effective_mode == "set":
        values = [f"{value:g}" for value, _ in ends]
        reach = f"{values[0]} to {values[-1]}" if len(values) > 1 else values[0]
    else:
        reach = f"{low:g}..{high:g}" if bindings[0].range else ""
        reach = ", ".join([reach] * bool(reach) + ["audible"] * bindings[0].audible)
    sends += f", channel {channel}" if channel else ""
    return f"| {name} | {sends} | {_run([it.to for it in bindings])} | {reach} | {bindings[0].mode or ''} |\n"


def _run(texts: list[str]) -> str:
    """`a 1` to `a 8` for texts that differ by one rising number, else all of them; one for equal texts."""
    if len(set(texts)) == 1:
        return f"`{texts[0]}`"
    parts = [re.split(r"(\d+)", text) for text in texts]
    differing = [i for i in range(len(parts[0])) if len({part[i] for part in parts}) > 1]
    numbers = [int(part[differing[0]]) for part in parts]
    if len(differing) == 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"`{texts[0]}` to `{texts[-1]}`"
    return ", ".join(f"`{text}`" for text in texts)


if __name__ == "__main__":
    PAGE.write_text(page())
