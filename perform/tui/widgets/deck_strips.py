"""The decks on a small terminal: a line for each deck in use, and the rows of the focused deck."""

from __future__ import annotations

from perform.core.arena_layout import FAILED, LIVE, LOADING
from perform.core.params import DECKS, SIDES
from perform.tui.deck_advice import deck_advice
from perform.tui.paint import Ink, short
from perform.tui.parameter_rows import row
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.deck_content import scroll
from perform.tui.widgets.deck_panel import (
    flags,
    latency,
    state_of,
    state_style,
    state_text,
    stereo_level,
)
from perform.tui.widgets.line_widget import LinePen, MouseTarget
from perform.tui.widgets.row_bar import control_width, draw_row


def draw_strips(
    frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None, width: int, height: int
) -> list[LinePen]:
    """Draw everything between the status bar and the foot of a small screen."""
    pens = [LinePen(ink, y, 0, hits) for y in range(height)]
    lines = iter(pens)
    used = sorted({*frame.used, frame.focus})
    for deck in used:
        draw_strip(next(lines), frame, deck, width)
    spare = [d for d in range(1, DECKS + 1) if d not in used]
    if spare:
        pen = next(lines)
        pen.text("   spare ", ink.dim)
        for deck in spare:
            pen.deck = deck
            pen.button(f" {deck} ", ink.dim, action=f"deck({deck})")
        pen.text("  o loads a model", ink.dim)
    _title(next(lines), frame, width)
    _columns(list(lines), frame, width)
    for pen in pens:
        pen.pad_to(width)
    return pens


def draw_strip(pen: LinePen, frame: ScreenFrame, deck: int, width: int) -> None:
    """Draw a deck as one line."""
    ink, state, focused = pen.ink, state_of(frame, deck), deck == frame.focus
    pen.deck = deck
    pen.target(width, action=f"deck({deck})")
    pen.text(f" {deck}{'▸' if focused else ' '}", ink.focus if focused else ink.dim)
    status = frame.deck(deck)
    pen.text(status.model or "–", ink.bright if focused else ink.text, 14)
    pen.text(" ", ink.text)
    pen.text(state_text(frame, deck), state_style(pen, state), 10)
    if status.error or state in (LOADING, FAILED):
        pen.text(deck_advice(frame, deck), ink.mark, width - pen.x)
        return
    stereo_level(pen, frame, deck, max(16, width - 64))
    load = frame.printed_meter(deck, "load")
    pen.text(
        f"{100 * load:.0f} %" if state == LIVE else "–", ink.hot if load > 0.8 else ink.dim, 6, right=True
    )
    side = SIDES[int(frame.value(deck, "side"))]
    pen.text("  ", ink.text)
    pen.button("–" if side == "-" else side, ink.bright, f"deck/{deck}/side", (SIDES.index(side) + 1.0) % 3)
    gain = row(f"deck/{deck}/gain")
    pen.text(short(gain.spec, frame.table[gain.slot]), ink.text, 6, right=True)
    pen.text(" dB", ink.dim)
    for flag in flags(frame, deck):
        if frame.value(deck, flag) > 0:
            pen.text(" ", ink.text)
            pen.button(flag.upper(), ink.on, f"deck/{deck}/{flag}", 0.0)


def _title(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    deck = frame.focus
    status, advice = frame.deck(deck), deck_advice(frame, deck)
    insert = frame.insert_text(deck)
    text = f"━━ {deck} {status.model or 'empty'} {f'{insert} ' if insert else ''}"
    tail = f" {latency(frame, deck)} ━━" if status.model else ""
    pen.text(text, pen.ink.focus, min(len(text), width - len(tail)))
    if advice:
        room = max(0, width - len(tail) - pen.x - 1)
        pen.text(advice, pen.ink.mark, min(len(advice), room))
        pen.text(" ", pen.ink.focus)
    pen.text("━" * (width - pen.x - len(tail)) + tail, pen.ink.focus)


def _columns(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    deck = frame.focus
    rows, height = frame.rows(deck), len(pens)
    top = scroll(frame, deck, 2 * height)
    at, controls, half = frame.cursor(deck), control_width(frame, deck), width // 2
    for i in range(top, min(len(rows), top + 2 * height)):
        column, y = divmod(i - top, height)
        pens[y].deck = deck
        pens[y].pad_to(column * half)
        draw_row(pens[y], frame, rows[i], half, here=i == at, controls=controls)
