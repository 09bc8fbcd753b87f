"""A card of all keys to print: HTML that a browser prints on one page of A4, landscape."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from perform.tui.key_list import KeyLine, by_group

_STYLE = """
@page { size: A4 landscape; margin: 8mm }
body { font: 8pt/1.25 sans-serif; margin: 0; columns: 4; column-gap: 6mm; color: #000 }
h1 { font-size: 12pt; margin: 0 0 2mm; column-span: all }
h2 { font-size: 8.5pt; margin: 2mm 0 0.5mm; border-bottom: 0.3mm solid #000 }
table { border-spacing: 0; width: 100%; break-inside: auto }
tr { break-inside: avoid }
td { padding: 0.2mm 0; vertical-align: top }
td:first-child { font-family: monospace; font-weight: bold; white-space: nowrap; padding-right: 2mm }
"""


def key_card(own_keys: Mapping[str, str]) -> str:
    """The page; own_keys: the player's keys, id of an action -> its keys."""
    groups = "".join(_table(group, lines) for group, lines in by_group(own_keys).items())
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>perform: keys</title>\n'
        f"<style>{_STYLE}</style></head>\n<body><h1>perform: all keys</h1>\n{groups}</body></html>\n"
    )


def _table(group: str, lines: list[KeyLine]) -> str:
    rows = "".join(f"<tr><td>{escape(line.keys)}</td><td>{escape(line.text)}</td></tr>\n" for line in lines)
    return f"<h2>{escape(group)}</h2>\n<table>\n{rows}</table>\n"
