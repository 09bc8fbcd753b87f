"""The help: all keys by group, on one page."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from perform.tui.key_list import by_group
from perform.tui.screens.dialog import Dialog


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
    for group, members in by_group(own_keys).items():
        lines.append(Content.styled(group, "bold $primary"))
        lines += [Content.assemble((f"  {shown:<18}", "bold"), text) for shown, text in members]
        lines.append(Content(""))
    return Content("\n").join(lines)
