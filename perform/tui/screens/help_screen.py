"""The help: all keys by group, on one page."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from perform.tui.key_command import KeyCommand
from perform.tui.keys import ALWAYS, KEYS
from perform.tui.own_keys import applied
from perform.tui.page_keys import LATENTS, SET_LIST
from perform.tui.screens.dialog import Dialog

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


class HelpScreen(Dialog[None]):
    """Shows all keys; esc closes it."""

    def __init__(self, own_keys: Mapping[str, str]) -> None:
        super().__init__()
        self._own_keys = own_keys

    def compose(self) -> ComposeResult:
        """A scrolling page."""
        with Vertical():
            yield Static("Keys", classes="title")
            with VerticalScroll():
                yield Static(_page(self._own_keys))
            yield Static(
                "The mouse works too: click anything, drag bars, turn the wheel on a parameter. esc closes.",
                classes="hint",
            )


def _page(own_keys: Mapping[str, str]) -> Content:
    lines: list[Content] = []
    every = (applied(command, own_keys) for command in (*ALWAYS, *KEYS, *LATENTS, *SET_LIST))
    keys = sorted(every, key=lambda k: _ORDER.index(k.group))
    for group, members in groupby(keys, key=lambda k: k.group):
        lines.append(Content.styled(group, "bold $primary"))
        lines += [
            Content.assemble((f"  {shown:<18}", "bold"), description)
            for shown, description in _help_lines(list(members), own_keys)
        ]
        lines.append(Content(""))
    return Content("\n").join(lines)


def _help_lines(keys: list[KeyCommand], own_keys: Mapping[str, str]) -> list[tuple[str, str]]:
    """The lines, (keys, description); keys with the same description share a line."""
    lines: dict[str, str] = {}
    for key in keys:
        row = next(
            (r for head, r in _ROWS.items() if key.id.startswith(head) and key.id not in own_keys), None
        )
        shown, text = row or (key.shown, key.description)
        lines[text] = f"{lines[text]}  {shown}" if text in lines and shown not in lines[text] else shown
    return [(shown, text) for text, shown in lines.items()]
