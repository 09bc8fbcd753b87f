"""The help: all keys by group; in columns on one page if the terminal has room for them."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from perform.tui.key_list import KeyLine, by_group
from perform.tui.screens.dialog import Dialog

_COLUMNS = 4
_WIDEST = 40  #: cells of a column
_ROOM = 118, 38  #: the smallest terminal with columns
_BESIDE = 6, 10  #: cells and lines of the terminal that the columns do not get
_KEYS = 6  #: most cells for keys; longer ones push their text to the right


class HelpScreen(Dialog[None]):
    """Shows all keys; esc closes it."""

    def __init__(self, own_keys: Mapping[str, str]) -> None:
        super().__init__()
        self._own_keys = own_keys

    def compose(self) -> ComposeResult:
        """A page that scrolls if it is too long."""
        width, height = self.app.size
        wide = width >= _ROOM[0] and height >= _ROOM[1]
        self.set_class(wide, "wide")
        cells = min((width - _BESIDE[0]) // _COLUMNS, _WIDEST)
        page = _columns(self._own_keys, cells, height - _BESIDE[1]) if wide else _page(self._own_keys)
        with Vertical():
            yield Static("Keys", classes="title")
            with VerticalScroll():
                yield Static(page)
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


def _columns(own_keys: Mapping[str, str], cells: int, height: int) -> Content:
    """All keys in few words, in columns of this many cells; of more than `height` lines only if it must."""
    columns: list[list[Content]] = [[]]
    groups = by_group(own_keys, brief=True)
    total = sum(len(members) + 1 for members in groups.values())
    most = max(height, -(-total // _COLUMNS) + 1)
    for group, members in groups.items():
        if len(columns[-1]) + 3 > most and len(columns) < _COLUMNS:  # no head without keys below it
            columns.append([])
        columns[-1].append(Content.styled(group, "bold $primary").pad_right(cells - len(group)))
        keys = min(max(len(line.keys) for line in members), _KEYS)
        for line in members:
            if len(columns[-1]) >= most and len(columns) < _COLUMNS:
                columns.append([])
            columns[-1].append(_line(line, keys, cells))
    blank = Content(" " * cells)
    lines = range(max(map(len, columns)))
    return Content("\n").join(
        Content.assemble(*(column[y] if y < len(column) else blank for column in columns)) for y in lines
    )


def _line(line: KeyLine, keys: int, cells: int) -> Content:
    text = Content.assemble((f"{line.keys:<{keys}}", "bold"), f" {line.text}")
    return text.truncate(cells - 1, ellipsis=True).pad_right(cells - min(text.cell_length, cells - 1))
