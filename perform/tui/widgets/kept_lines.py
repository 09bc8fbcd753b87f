"""Lines as they were drawn last: a part of the screen that nobody moves is drawn in some frames only.

A twelfth of a second is soon enough for a level, a sixth for a text: SELDOM.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perform.stage.status import Status
from perform.tui.paint import Ink, Piece
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen

OFTEN, SELDOM = 2, 4  #: frames between two drawings of a part


@dataclass(frozen=True, slots=True)
class _Kept:
    """A part as drawn: where, with which styles, for what; the pieces of each line and their ends."""

    place: tuple[int, int, int]
    ink: Ink
    status: Status
    changes: int
    lines: list[tuple[list[Piece], list[int]]]


class KeptLines:
    """[ui] The parts of one widget, by their numbers. They take turns, so that frames cost the same."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._frames = 0

    def begin_frame(self) -> None:
        """Begin the next frame; not to find mouse targets."""
        self._frames += 1

    def draw(
        self,
        part: int,
        pens: Sequence[LinePen],
        width: int,
        frame: ScreenFrame,
        drawing: Callable[[], object],
        at_once: bool = False,
        every: int = OFTEN,
    ) -> None:
        """Let `drawing` draw a part in `width` cells at the right end of these lines, or repeat what it drew.

        at_once : it is drawn after each change by the player; all are after a change of the status
        every   : otherwise it is drawn in every second or fourth frame
        """
        if not pens or pens[0].hits is not None:
            drawing()
            return
        ink, place, kept = pens[0].ink, (pens[0].x, width, len(pens)), self._kept.get(part)
        same = kept and kept.place == place and kept.ink is ink and kept.status is frame.status
        waits = not at_once or (kept and kept.changes == frame.changes)
        if kept and same and waits and (self._frames + part) % every:
            for pen, (pieces, ends) in zip(pens, kept.lines, strict=True):
                pen.repeat(pieces, ends)
            return
        starts = [len(pen.pieces) for pen in pens]
        drawing()
        lines = [(pen.pieces[at:], pen.ends[at:]) for pen, at in zip(pens, starts, strict=True)]
        self._kept[part] = _Kept(place, ink, frame.status, frame.changes, lines)
