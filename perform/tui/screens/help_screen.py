"""All keys on one page."""

from __future__ import annotations

from itertools import groupby

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from perform.tui.keys import ALWAYS, KEYS, LATENTS, SET_LIST, Key
from perform.tui.screens.dialog import Dialog

_ORDER = (
    "Stage",
    "Songs",
    "Set list",
    "Scenes",
    "Decks",
    "Parameters",
    "Latents",
    "Crossfader",
    "Control",
    "Screen",
)
#: what many keys do, each to one of a row: told once, by the head of their ids
_ROWS = {"deck.focus": ("1 … 8", "focus a deck"), "scene.recall": ("F2 … F9", "recall a scene")}


class HelpScreen(Dialog[None]):
    """The keys, by what they are for."""

    def compose(self) -> ComposeResult:
        """A page that scrolls."""
        with Vertical():
            yield Static("Keys", classes="title")
            with VerticalScroll():
                yield Static(_page())
            yield Static(
                "All of it can be clicked as well: bars are dragged, the wheel nudges. esc goes back.",
                classes="hint",
            )


def _page() -> Content:
    lines: list[Content] = []
    keys = sorted((*ALWAYS, *KEYS, *LATENTS, *SET_LIST), key=lambda k: _ORDER.index(k.group))
    for group, members in groupby(keys, key=lambda k: k.group):
        lines.append(Content.styled(group, "bold $primary"))
        lines += [
            Content.assemble((f"  {shown:<18}", "bold"), words) for shown, words in _told(list(members))
        ]
        lines.append(Content(""))
    return Content("\n").join(lines)


def _told(keys: list[Key]) -> list[tuple[str, str]]:
    """Keys of a row are told once, and keys of one meaning together."""
    told: dict[str, str] = {}
    for key in keys:
        row = next((r for head, r in _ROWS.items() if key.id.startswith(head)), None)
        shown, words = row or (key.shown, key.words)
        told[words] = f"{told[words]}  {shown}" if words in told and shown not in told[words] else shown
    return [(shown, words) for words, shown in told.items()]
