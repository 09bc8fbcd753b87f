"""Updates of a screen of drawn lines: only the cells that changed are drawn and written.

Textual writes a changed part from the line's start, and takes the lines of all widgets apart for it. That is
five times as many bytes, 25 times a second. This uses inner parts of Textual: where another version has
changed them, the screen is drawn as Textual draws it.
"""

from __future__ import annotations

import contextlib

from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.screen import Screen

from perform.tui.widgets.line_widget import LineWidget

Span = tuple[int, int, int]  #: line, first cell, cell behind the last
Owner = tuple[LineWidget, Region]


class NarrowCompositor(Compositor):
    """Textual's compositor of one screen. Where other widgets are on it too, it does as Textual does."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """The update of the parts that changed since the last one; None if none did."""
        with contextlib.suppress(AttributeError, TypeError):  # of another version of Textual
            if narrow := self._narrow():
                return narrow
        return super().render_partial_update()

    def _narrow(self) -> NarrowUpdate | None:
        """The update, if every part belongs to a drawn line."""
        spans = list(self._regions_to_spans(self._dirty_regions))
        owners = [self._owner(y) for y, _, _ in spans]
        if not spans or None in owners:
            return None
        update = NarrowUpdate(spans, [owner for owner in owners if owner])
        self._dirty_regions.clear()
        return update

    def _owner(self, y: int) -> Owner | None:
        """The widget that alone fills a line."""
        found: Owner | None = None
        for widget, (region, clip) in self.visible_widgets.items():
            if region.y <= y < region.bottom and not isinstance(widget, Screen):
                whole = region.x == 0 and region.width == self.size.width and clip.contains_region(region)
                if found or not whole or not isinstance(widget, LineWidget):
                    return None
                found = widget, region
        return found


class NarrowUpdate(ChopsUpdate):
    """Parts of lines, each with the widget that it belongs to."""

    def __init__(self, spans: list[Span], owners: list[Owner]) -> None:
        super().__init__([], spans, [])
        self._owners = owners

    def render_segments(self, console: Console) -> str:
        """The parts as text for the terminal, each at its place."""
        sequences: list[str] = []
        for (y, left, right), (widget, region) in zip(self.spans, self._owners, strict=True):
            sequences.append(f"\x1b[{y + 1};{left + 1}H")
            sequences.append(widget.part(y - region.y, left, right).render(console))
        return "".join(sequences)
