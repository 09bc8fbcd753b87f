"""One deck as a panel: model, state, level, and rows of parameters."""

from __future__ import annotations

from rich.cells import cell_len
from rich.style import Style

from perform.core.arena_layout import EMPTY, FAILED, LIVE, STATES
from perform.core.params import SIDES, SOURCES
from perform.tui.deck_advice import deck_advice
from perform.tui.deck_watch import FAULTS
from perform.tui.paint import decibel, eighths, label, meter, stereo_meter, wrapped
from perform.tui.screen_frame import ScreenFrame, level
from perform.tui.widgets.deck_content import draw_content
from perform.tui.widgets.line_widget import LinePen

GLYPHS = ("○", "↻", "●", "▲")  #: of STATES
_LIGHT, _HEAVY = "┌─┐│└┘", "┏━┓┃┗┛"
FEWEST = 5  #: with fewer lines between the borders, a deck in use is not drawn
ROOMY = 22  #: with so many lines between the borders, left and right get separate lines
_PROBLEM = 38  #: with so many cells a problem leaves room for the latency
_NOTES = 34  #: with so many cells the notes that sound stand beside the state
_ONE_LINE = 60  #: with so many cells state and switches share a line
_BOLD, _TAG = Style(bold=True), Style(bold=True, reverse=True)
FLAGS = ("mute", "solo", "freeze")


def state_style(pen: LinePen, state: int) -> Style:
    """Style of a deck's state."""
    return (pen.ink.dim, pen.ink.mark, pen.ink.level, pen.ink.alert)[state]


def state_of(frame: ScreenFrame, deck: int) -> int:
    """Index into STATES."""
    return min(max(int(frame.meter(deck, "state")), 0), len(STATES) - 1)


def state_text(frame: ScreenFrame, deck: int) -> str:
    """`● LIVE`; `○ ENDED` without a stage."""
    if frame.view.gone:
        return f"{GLYPHS[EMPTY]} ENDED"
    state = state_of(frame, deck)
    return f"{GLYPHS[state]} {STATES[state].upper()}"


def latency(frame: ScreenFrame, deck: int) -> str:
    """Latency from a knob to the sound, with the model's delay; from the live input if the deck plays it."""
    if seconds := frame.printed_meter(deck, "input/latency"):
        return f"in {1000 * seconds:.0f} ms"
    seconds = frame.printed_meter(deck, "latency")
    return f"{1000 * (seconds + frame.deck(deck).delay):.0f} ms" if seconds > 0 else "– ms"


def flags(frame: ScreenFrame, deck: int) -> tuple[str, ...]:
    """The switches of a deck; cue if it has outputs, or is on."""
    return (*FLAGS, "cue") if frame.has_cue or frame.value(deck, "cue") else FLAGS


def draw_panel(pens: list[LinePen], frame: ScreenFrame, deck: int, width: int) -> None:
    """Draw the panel of a deck at the right end of these lines."""
    if len(pens) < 2:  # no room for its borders
        for pen in pens:
            pen.pad_to(pen.x + width)
        return
    ink = pens[0].ink
    focused = deck == frame.focus
    hue = ink.hue(deck)
    corners, edge = (_HEAVY, hue + _BOLD) if focused else (_LIGHT, hue)
    inner = width - 2
    for pen in pens:
        pen.deck = deck
        pen.target(width, action=f"deck({deck})")
    ends = pens[0].x + width
    pens[0].text(corners[0] + corners[1], edge)
    pens[0].text(f" {deck} ▸ FOCUS " if focused else f" {deck} ", hue + _TAG)
    pens[0].text(" ", edge)
    body = pens[1:-1]
    if model := frame.deck(deck).model:
        room = max(1, ends - pens[0].x - 3)
        cells = min(cell_len(model), room)
        pens[0].target(cells, action=f"app.browse({deck})")
        pens[0].text(model, ink.bright, cells)
        pens[0].text(" ", edge)
    if (insert := frame.insert_text(deck)) and (room := ends - pens[0].x - 3) > 4:
        cells = min(cell_len(insert), room)
        pens[0].target(cells, action=f"app.insert({deck})")
        pens[0].text(insert, ink.mark if "▲" in insert else ink.text, cells)
        pens[0].text(" ", edge)
    pens[0].text(corners[1] * (ends - 1 - pens[0].x) + corners[2], edge)
    border = label(corners[3], 1, edge)
    for pen in body:
        pen.put(border, 1)
    below = _body(body, frame, deck, inner)
    for pen in body:
        pen.put(border, 1)
    pens[-1].text(corners[4] + corners[1] * (inner - 1 - len(below)), edge)
    pens[-1].text(below, ink.dim)
    pens[-1].text(corners[1] + corners[5], edge)


def _body(pens: list[LinePen], frame: ScreenFrame, deck: int, inner: int) -> str:
    """Draw between the borders; return the text of the lower border.

    A panel may have any height for a moment while the terminal is resized.
    """
    if not pens:
        return ""
    focused, state = deck == frame.focus, state_of(frame, deck)
    ink, ends = pens[0].ink, pens[0].x + inner
    lines = iter(pens)
    if not frame.in_use(deck):
        _empty(next(lines), inner, deck)
        if not focused or len(pens) < 6:
            for pen in lines:
                pen.pad_to(ends)
            return ""
    elif len(pens) < FEWEST:
        for pen in pens:
            pen.pad_to(ends)
        return ""
    else:
        pen = next(lines)
        if inner >= _ONE_LINE:
            _state(pen, frame, deck, inner // 2, state)
            pen.pad_to(ends - inner + inner // 2)
            _flags(pen, frame, deck, inner - inner // 2)
        else:
            _state(pen, frame, deck, inner, state)
            _flags(next(lines), frame, deck, inner)
        if len(pens) >= ROOMY:
            for side in ("l", "r"):
                pen = next(lines)
                pen.text(" ", ink.text)
                _level(pen, frame, deck, side, inner - 2)
        else:
            pen = next(lines)
            pen.text(" LR ", ink.dim)
            stereo_level(pen, frame, deck, inner - 5)
        if words := deck_advice(frame, deck):
            for text in wrapped(words, inner - 2)[: len(pens) // 3]:
                pen = next(lines)
                pen.text(" ", ink.text)
                pen.text(text, ink.mark, inner - 2)
    rest = list(lines)
    hint = draw_content(rest, frame, deck, inner, focused) if state != FAILED or focused else ""
    for pen in pens:
        pen.pad_to(ends)
    return hint


def _empty(pen: LinePen, inner: int, deck: int) -> None:
    text = "○ EMPTY · o loads a model · ? shows all keys"
    pen.text(" ", pen.ink.text)
    pen.target(inner - 1, action=f"app.browse({deck})")
    pen.text(text, pen.ink.dim, inner - 1)


def _state(pen: LinePen, frame: ScreenFrame, deck: int, inner: int, state: int) -> None:
    ink, load = pen.ink, frame.printed_meter(deck, "load")
    pen.text(" ", ink.text)
    pen.text(state_text(frame, deck), state_style(pen, state), 10)
    if state == LIVE:
        if (voices := int(frame.value(deck, "voices"))) > 1 and inner >= _NOTES:
            pen.text(f"♪{frame.printed_meter(deck, 'notes'):.0f}/{voices}", ink.on, 5)
        problems = (f"{name} {n:.0f}" for name in FAULTS if (n := frame.printed_meter(deck, name)))
        problem = next(problems, "")
        pen.text(f"DSP {100 * load:.0f} %", ink.hot if load > 0.8 else ink.dim, 9, right=True)
        if not problem or inner >= _PROBLEM:
            pen.text(latency(frame, deck), ink.dim, 8, right=True)
        if problem:
            pen.text(problem, ink.hot, min(10, inner - 20), right=True)


def _flags(pen: LinePen, frame: ScreenFrame, deck: int, inner: int) -> None:
    """The switches, in capitals if they are on, the side, and the source."""
    ink, end = pen.ink, pen.x + inner
    for flag in flags(frame, deck):
        on = frame.value(deck, flag) > 0
        pen.text(" ", ink.text)
        pen.button(
            flag.upper() if on else flag, ink.on if on else ink.dim, f"deck/{deck}/{flag}", 0.0 if on else 1.0
        )
    pen.text("  ", ink.text)
    side = int(frame.value(deck, "side"))
    source = SOURCES[int(frame.value(deck, "source"))]
    label = "side " if pen.x + len(source) + 8 <= end else ""
    pen.target(len(label) + 1, address=f"deck/{deck}/side", value=float((side + 1) % 3))
    pen.text(label, ink.dim)
    pen.text("–" if SIDES[side] == "-" else SIDES[side], ink.dim if SIDES[side] == "-" else ink.bright)
    pen.text("  ", ink.text)
    pen.button(source, ink.text, f"deck/{deck}/source", float((SOURCES.index(source) + 1) % len(SOURCES)))


def stereo_level(pen: LinePen, frame: ScreenFrame, deck: int, width: int) -> None:
    """Levels of left and right in one line, and the louder one in dB."""
    room = width - 6
    left, right = (eighths(level(frame.meter(deck, f"peak/{side}")), room) // 8 for side in "lr")
    pen.put(stereo_meter(room, left, right, pen.ink, deck), room)
    peak = level(max(frame.printed_meter(deck, "peak/l"), frame.printed_meter(deck, "peak/r")))
    pen.text(decibel(peak), pen.ink.hot if peak > -6 else pen.ink.text, 6, right=True)


def _level(pen: LinePen, frame: ScreenFrame, deck: int, side: str, width: int) -> None:
    ink, room = pen.ink, width - 8
    pen.text(f"{side.upper()} ", ink.dim)
    cells = eighths(level(frame.meter(deck, f"peak/{side}")), room)
    pen.put(meter(room, cells, ink, deck=deck), room)
    peak = level(frame.printed_meter(deck, f"peak/{side}"))
    pen.text(decibel(peak), ink.hot if peak > -6 else ink.text, 6, right=True)
