"""All keys by group, as the help and the key card show them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import NamedTuple

from perform.tui.brief_keys import BRIEF
from perform.tui.key_command import KeyCommand
from perform.tui.keys import ALWAYS, KEYS
from perform.tui.own_keys import applied
from perform.tui.page_keys import LATENTS, SET_LIST

_ORDER = (
    "Stage",
    "Songs",
    "Set list",
    "Scenes",
    "Tempo",
    "Decks",
    "Parameters",
    "Latents",
    "Crossfader",
    "Control",
    "Screen",
)
#: groups of keys shown as one line: start of their ids -> (keys, description)
_ROWS = {"deck.focus": ("1 … 8", "focus a deck"), "scene.recall": ("F2 … F9", "recall a scene")}


class KeyLine(NamedTuple):
    """Keys, and what each of them does."""

    keys: str
    text: str


def by_group(own_keys: Mapping[str, str], brief: bool = False) -> dict[str, list[KeyLine]]:
    """The lines of each group.

    own_keys : the player's keys, id -> keys
    brief    : in few words
    """
    keys = (applied(key, own_keys) for key in (*ALWAYS, *KEYS, *LATENTS, *SET_LIST))
    every = sorted(keys, key=lambda key: _ORDER.index(key.group))
    return {
        group: _lines(list(members), own_keys, brief)
        for group, members in groupby(every, key=lambda key: key.group)
    }


def _lines(keys: list[KeyCommand], own_keys: Mapping[str, str], brief: bool) -> list[KeyLine]:
    """Keys with the same description share a line."""
    lines: dict[str, str] = {}
    for key in keys:
        row = next(
            (r for head, r in _ROWS.items() if key.id.startswith(head) and key.id not in own_keys), None
        )
        words = BRIEF.get(key.id, key.description) if brief else key.description
        shown, text = row or (key.shown, words)
        gap = " " if brief else "  "
        if brief and lines.get(text, "").startswith("shift+"):
            shown = shown.removeprefix("shift+")  # shift+← →
        lines[text] = f"{lines[text]}{gap}{shown}" if text in lines and shown not in lines[text] else shown
    return [KeyLine(shown, text) for text, shown in lines.items()]
