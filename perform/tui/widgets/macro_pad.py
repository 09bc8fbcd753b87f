"""The pad of two macros: its point, and the deck's examples by number."""

from __future__ import annotations

from perform.tui.axes import MacroAxis, macro_axes
from perform.tui.paint import cell, runs
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen, MouseTarget


def draw_macro_pad(
    pens: list[LinePen], frame: ScreenFrame, deck: int, width: int, hits: list[MouseTarget] | None
) -> None:
    """Draw the pad at the right end of these lines; its point can be dragged in both directions."""
    if len(pens) < 3 or width < 8:
        for pen in pens:
            pen.pad_to(pen.x + width)
        return
    (x, y), ink, inner, body = macro_axes(frame), pens[0].ink, width - 2, pens[1:-1]
    if hits is not None:
        left = pens[0].x + 1
        target = MouseTarget(body[0].y, left, left + inner, deck, x.address(deck), lines=len(body))
        hits.append(target)
    marks = _marks(frame, deck, (x, y), inner, len(body))
    _edge(pens[0], frame, "┌┐", "↑", y, "y", inner, "")
    for row, pen in enumerate(body):
        glyphs = [marks.get((column, row), " ") for column in range(inner)]
        pen.text("│", ink.frame)
        pen.put(runs(glyphs, [ink.handle if g == "●" else ink.mark for g in glyphs]), inner)
        pen.text("│", ink.frame)
    count = len(frame.status.examples.get(deck, ()))
    note = f"{count} example{'s' if count != 1 else ''}" if count else "h: here"
    _edge(pens[-1], frame, "└┘", "→", x, "x", inner, note)


def _marks(
    frame: ScreenFrame, deck: int, axes: tuple[MacroAxis, MacroAxis], width: int, height: int
) -> dict[tuple[int, int], str]:
    """Cell -> glyph: the numbers of the examples, and over them the point."""
    x, y = axes

    def at(right: float, up: float) -> tuple[int, int]:
        return cell(right, width), cell(1 - up, height)

    examples = frame.status.examples.get(deck, ())
    marks = {
        at(macros[x.macro - 1], macros[y.macro - 1]): f"{n % 10}" for n, macros in enumerate(examples, 1)
    }
    return marks | {at(x.shown(frame), y.shown(frame)): "●"}


def _edge(
    pen: LinePen,
    frame: ScreenFrame,
    corners: str,
    arrow: str,
    axis: MacroAxis,
    name: str,
    inner: int,
    note: str,
) -> None:
    """A border with the macro of its axis and the macro's value."""
    ink = pen.ink
    end = pen.x + inner + 1
    pen.text(corners[0] + "─", ink.frame)
    pen.target(11, action=f"axis({name!r}, 1)")
    pen.text(f" {arrow} macro {axis.macro} ", ink.focus)
    pen.text(f"● {axis.shown(frame):.2f} ", ink.text)
    note = f" {note} " if note and pen.x + len(note) + 3 <= end else ""
    pen.text("─" * max(0, end - pen.x - len(note)), ink.frame)
    pen.text(note, ink.range)
    pen.text(corners[1], ink.frame)
