"""The page of the mapping: what each control of the connected controllers does, and why."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from perform.core.messages.control_messages import BindingRow
from perform.tui.screens.dialog import Dialog


class MappingPage(Dialog[None]):
    """Shows all bindings of the connected controllers; esc closes it."""

    def __init__(self, rows: Sequence[BindingRow]) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        """A scrolling page."""
        with Vertical():
            yield Static("What the controllers do", classes="title")
            with VerticalScroll():
                yield Static(_page(self._rows))
            hint = "A later layer hides single controls: device, player, set, song. esc closes."
            yield Static(hint, classes="hint")


def _page(rows: Sequence[BindingRow]) -> Content:
    if not rows:
        return Content("no controller is connected")
    lines: list[Content] = []
    for port, bound in groupby(rows, key=lambda row: row.port):
        lines.append(Content.styled(port, "bold $primary"))
        lines += [_line(row) for row in bound]
        lines.append(Content(""))
    return Content("\n").join(lines)


def _line(row: BindingRow) -> Content:
    style = "dim" if row.hidden_by else ""
    return Content.assemble(
        (f"  {row.control:<14} ", "dim" if row.hidden_by else "bold"),
        (f"{row.sends if row.sends != row.control else '':<9} {row.to:<19} {row.how:<16} {row.why}", style),
    )
