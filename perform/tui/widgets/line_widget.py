"""Base of the drawn widgets: it redraws lines that changed, and finds the target of a click."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from perform.tui.paint import HUES, INKS, Ink, Piece, label
from perform.tui.screen_frame import ScreenFrame


@dataclass(frozen=True, slots=True)
class MouseTarget:
    """A part of a line, x0 <= x < x1, that the mouse can click.

    address   : parameter that is dragged along the bar from x0 on, or set to `value` if that is given
    action    : action of the app or the screen
    deck      : deck it belongs to, 0 for none
    y_address : second parameter of a pad; it grows upwards over `lines` lines
    """

    y: int
    x0: int
    x1: int
    deck: int = 0
    address: str = ""
    value: float | None = None
    action: str = ""
    y_address: str = ""
    lines: int = 1

    def position(self, x: int) -> float:
        """Position 0..1 of a bar at a column."""
        return min(max((x - self.x0) / max(1, self.x1 - self.x0 - 1), 0.0), 1.0)

    def height(self, y: int) -> float:
        """Position 0..1 of a pad at a line."""
        return min(max(1 - (y - self.y) / max(1, self.lines - 1), 0.0), 1.0)


class LinePen:
    """Writes one line from left to right; adds mouse targets to `hits` if a list is given."""

    __slots__ = ("deck", "ends", "hits", "ink", "pieces", "x", "y")

    def __init__(
        self, ink: Ink, y: int = 0, x: int = 0, hits: list[MouseTarget] | None = None, deck: int = 0
    ) -> None:
        self.ink, self.y, self.x, self.deck, self.hits = ink, y, x, deck, hits
        self.pieces: list[Piece] = []
        self.ends: list[int] = []  #: column after each piece

    def put(self, piece: Piece, width: int) -> None:
        """Append a drawn piece."""
        self.pieces.append(piece)
        self.x += width
        self.ends.append(self.x)

    def repeat(self, pieces: Iterable[Piece], ends: Sequence[int]) -> None:
        """Append pieces that were drawn at this place before, with the column after each of them."""
        self.pieces += pieces
        self.ends += ends
        self.x = ends[-1] if ends else self.x

    def text(self, text: str, style: Style, width: int = -1, right: bool = False) -> None:
        """Append text in `width` cells; -1: as long as the text."""
        if width < 0:
            width = len(text)
        if width:
            self.pieces.append(label(text, width, style, right))
            self.x += width
            self.ends.append(self.x)

    def target(self, width: int, address: str = "", value: float | None = None, action: str = "") -> None:
        """Make the next `width` cells clickable."""
        if self.hits is not None:
            self.hits.append(MouseTarget(self.y, self.x, self.x + width, self.deck, address, value, action))

    def button(
        self, text: str, style: Style, address: str = "", value: float | None = None, action: str = ""
    ) -> None:
        """Append clickable text."""
        self.target(len(text), address, value, action)
        self.text(text, style)

    def pad_to(self, x: int) -> None:
        """Fill with spaces up to a column."""
        if x > self.x:
            self.text("", self.ink.text, x - self.x)


class LineWidget(Widget):
    """A widget that draws each of its lines. `show` redraws only lines that changed, without a new layout."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"ink--{name}" for name in (*INKS, *HUES)}

    class Grabbed(Message):
        """A mouse button was pressed on a target, or the target is dragged."""

        def __init__(self, hit: MouseTarget, x: int, y: int, drag: bool) -> None:
            super().__init__()
            self.hit, self.x, self.y, self.drag = hit, x, y, drag

    class Wheeled(Message):
        """The mouse wheel was turned on a parameter."""

        def __init__(self, hit: MouseTarget, steps: int) -> None:
            super().__init__()
            self.hit, self.steps = hit, steps

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._rows: list[tuple[Piece, ...]] = []
        self._ends: list[tuple[int, ...]] = []
        self._ink: Ink | None = None
        self._blank: tuple[Style, Color] | None = None
        self._frame: ScreenFrame | None = None
        self._held: MouseTarget | None = None

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Draw one pen per line; append mouse targets to `hits` unless it is None."""
        raise NotImplementedError

    @property
    def ink(self) -> Ink:
        """The styles of the current theme."""
        if self._ink is None:
            hues = tuple(self.get_component_rich_style(f"ink--{name}") for name in HUES)
            styles = {name: self.get_component_rich_style(f"ink--{name}") for name in INKS}
            self._ink = Ink(**styles, hues=hues)
        return self._ink

    def notify_style_update(self) -> None:
        """Drop styles and lines of the old theme."""
        self._ink = self._blank = None
        self._rows = []
        super().notify_style_update()

    def show(self, frame: ScreenFrame) -> None:
        """Draw a frame; refresh only the lines that changed."""
        self._frame = frame
        width, height = self.size
        if not width or not height:
            return
        pens = self.draw(frame, self.ink, None)[:height]
        rows, ends = [tuple(pen.pieces) for pen in pens], [tuple(pen.ends) for pen in pens]
        old, self._rows = self._rows, rows
        old_ends, self._ends = self._ends, ends
        if len(old) != len(rows):
            self.refresh()
            return
        changed: list[Region] = []
        for y, row in enumerate(rows):
            if row == old[y]:
                continue
            if ends[y] == old_ends[y]:
                changed += _changed(row, old[y], ends[y], y)
            else:
                changed.append(Region(0, y, width, 1))
        if changed:
            self.refresh(*changed)

    @property
    def blank(self) -> tuple[Style, Color]:
        """The style of cells that nothing is drawn on, and its background."""
        if self._blank is None:
            self._blank = self.rich_style, self.background_colors[1]
        return self._blank

    def render_line(self, y: int) -> Strip:
        """The strip of a line, for Textual."""
        if y >= len(self._rows):
            return Strip.blank(self.size.width, self.blank[0])
        return Strip(chain.from_iterable(self._rows[y])).adjust_cell_length(self.size.width, self.blank[0])

    def part(self, y: int, left: int, right: int) -> Strip:
        """The cells of a line from `left` to before `right`, with the app's filters, such as NO_COLOR."""
        segments: list[Segment] = []
        start = 0
        for piece, end in zip(self._rows[y], self._ends[y], strict=True) if y < len(self._rows) else ():
            if end > left and start < right:
                whole = start >= left and end <= right
                segments += piece if whole else _cut(piece, left - start, right - start)
            start = end
        if start < right:
            segments.append(Segment(" " * (right - max(start, left)), self.blank[0]))
        for one in self.get_line_filters():
            segments = one.apply(segments, self.blank[1])
        return Strip(segments, right - left)

    def on_resize(self) -> None:
        """Draw at the new size at once, without waiting for the next frame."""
        if self._frame is not None:
            self._rows = []
            self.show(self._frame)

    def hits(self) -> list[MouseTarget]:
        """All mouse targets on the last frame; the topmost comes first."""
        hits: list[MouseTarget] = []
        if self._frame is not None:
            self.draw(self._frame, self.ink, hits)
        return hits[::-1]

    def _hit(self, x: int, y: int) -> MouseTarget | None:
        return next((h for h in self.hits() if h.y <= y < h.y + h.lines and h.x0 <= x < h.x1), None)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press a target; hold it if it can be dragged."""
        hit = self._hit(event.x, event.y)
        if hit is None:
            return
        if hit.address and hit.value is None:
            self._held = hit
            self.capture_mouse()
        self.post_message(self.Grabbed(hit, event.x, event.y, drag=False))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the held target."""
        if self._held is not None:
            self.post_message(self.Grabbed(self._held, event.x, event.y, drag=True))

    def on_mouse_up(self) -> None:
        """Release the held target."""
        self._held = None
        self.release_mouse()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Nudge up."""
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Nudge down."""
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, steps: int) -> None:
        hit = self._hit(event.x, event.y)
        if hit is not None and hit.address:
            self.post_message(self.Wheeled(hit, steps))


def _cut(piece: Piece, left: int, right: int) -> list[Segment]:
    """The cells of a piece from `left` to before `right`."""
    cut: list[Segment] = []
    start = 0
    for segment in piece:
        end = start + segment.cell_length
        if end > left and start < right:
            if start >= left and end <= right:
                cut.append(segment)
            elif len(segment.text) == end - start:
                cut.append(Segment(segment.text[max(left - start, 0) : right - start], segment.style))
            else:  # some characters are two cells wide
                cut += Strip([segment]).crop(left - start, right - start)
        start = end
    return cut


def _changed(row: tuple[Piece, ...], old: tuple[Piece, ...], ends: tuple[int, ...], y: int) -> list[Region]:
    """The parts of a line that differ; each piece keeps its place."""
    parts: list[Region] = []
    start = 0
    for piece, before, end in zip(row, old, ends, strict=True):
        if piece is not before and piece != before and end > start:
            left, right = _same(piece, before, 1), _same(piece, before, -1)
            if left + right < end - start:
                parts.append(Region(start + left, y, end - start - left - right, 1))
        start = end
    return parts


def _same(piece: Piece, before: Piece, way: int) -> int:
    """Cells that are equal at the left end (way 1) or the right end (-1): a growing bar costs few bytes."""
    cells = 0
    for new, old in zip(piece[::way], before[::way], strict=False):
        if new == old:
            cells += new.cell_length
            continue
        if new.style == old.style:
            cells += cell_len(_common(new.text[::way], old.text[::way]))
        break
    return cells


def _common(one: str, other: str) -> str:
    """The beginning of both."""
    end = next((i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    return one[: min(len(one), len(other)) if end is None else end]
