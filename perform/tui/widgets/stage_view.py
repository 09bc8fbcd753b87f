"""The stage layout: song, clock, NEXT, master and decks in letters that can be read at three metres."""

from __future__ import annotations

import math

from rich.style import Style

from perform.core.params import SIDES
from perform.tui.deck_advice import deck_advice
from perform.tui.paint import Ink, bar, cell, clock, decibel, eighths, meter
from perform.tui.parameter_rows import STAGE_ROWS
from perform.tui.screen_frame import ScreenFrame, level
from perform.tui.widgets.big_letters import big, draw_big
from perform.tui.widgets.deck_grid import shown_decks
from perform.tui.widgets.deck_panel import state_of as deck_state
from perform.tui.widgets.deck_panel import state_style, state_text, stereo_level
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget
from perform.tui.widgets.song_line import expected, missing, readiness
from perform.tui.widgets.spectrum_bars import LEAST as SPECTRUM
from perform.tui.widgets.spectrum_bars import draw_spectrum

_TALL, _LARGE_WIDTH = 30, 100  #: the smallest view with letters of five lines
_HUGE = 180, 50  #: the smallest view with letters of ten lines
_MOST_DECK = 8  #: lines of a deck
_CLOCK = {10: 78, 5: 42, 3: 22}  #: lines of the clock -> its cells
_NEXT_ALONE = 12  #: lines below the clock of a narrow view with a line for GO
_LEVEL = 18  #: cells of a level in big letters
_TAG = Style(bold=True, reverse=True)
_XFADE = STAGE_ROWS[0]


class StageView(LineWidget):
    """Draws the layout at any size from 36x12 on; what does not fit is left out from the bottom."""

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Name, clock and NEXT, master, decks, crossfader and scene, notes."""
        width, height = self.size
        pens = [LinePen(ink, y, 0, hits) for y in range(height)]
        large = height >= _TALL and width >= _LARGE_WIDTH
        huge = height >= _HUGE[1] and width >= _HUGE[0]
        letters, gap = (10, 1) if huge else (5, 1) if large else (3, 0)
        top = gap
        _name(pens[top : top + letters], frame, width)
        top += letters + (1 if height >= 20 else 0)
        top += _now_and_next(pens[top:], frame, width, letters) + gap
        master = 8 if huge else 6 if large else 4 if height >= 16 else 2
        _master(pens[top : top + master], frame, width)
        top += master + (1 if height >= 20 else 0)
        foot = (4 if large else 2) if height >= 16 else 1
        left = height - foot - top
        decks = min(left, _MOST_DECK) if left >= _MOST_DECK + 4 else left
        _decks(pens[top : top + decks], frame, width)
        if left - decks - 1 >= SPECTRUM:
            draw_spectrum(pens[top + decks + 1 : height - foot], frame, width)
        _foot(pens[height - foot :], frame, width)
        for pen in pens:
            pen.pad_to(width)
        return pens


def _name(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    ink = pens[0].ink if pens else None
    if ink is None:
        return
    text, lines = frame.playing_song, len(pens)
    sizes = [size for size in (10, 5, 3) if size <= lines]
    whole = (size for size in sizes if big(text, size, width - 3) == big(text, size, 1 << 12))
    size = next(whole, sizes[-1])  # cut off: smaller letters
    pens = pens[(lines - size) // 2 :][:size]
    for pen in pens:
        pen.text("  ", ink.text)
    draw_big(pens, text, ink.bright, width - 3)


def _now_and_next(pens: list[LinePen], frame: ScreenFrame, width: int, letters: int) -> int:
    """The clock, and beside it NEXT with its state; below it on a narrow screen. Returns the lines used."""
    if len(pens) < letters:
        return 0
    ink, songs = pens[0].ink, frame.songs
    for pen in pens[:letters]:
        pen.text("  ", ink.text)
    cells = _CLOCK[letters]
    elapsed = frame.now - songs.since if songs.since else 0.0
    late = 0 < frame.song_length(songs.now) < elapsed
    draw_big(pens[:letters], clock(elapsed), ink.hot if late else ink.level, cells)
    if width < 80:
        lines = 3 if len(pens) >= letters + _NEXT_ALONE else 2
        if letters < len(pens):
            _next(pens[letters : letters + lines], frame, width)
        return letters + lines
    _next(pens[:letters], frame, width)
    return letters


def _next(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """NEXT: its name, big on five lines, and how far it is."""
    ink, songs, armed = pens[0].ink, frame.songs, frame.armed
    if not songs.lines:
        return
    length = expected(frame, songs.now)
    if not armed:
        text = "NEXT – last song" if songs.now >= len(songs.lines) else "NEXT – none"
        pens[0].text(f" {text}  {length}", ink.dim)
        return
    state = readiness(frame, wide=True)
    style = ink.level if state.startswith("●") else ink.mark
    lost = missing(frame, armed)
    head = f" NEXT {armed} "
    if len(pens) >= 5:
        name, room = frame.song(armed), width - pens[0].x - len(head) - 1
        size = 5 if len(pens) > 5 and big(name, 5, room) == big(name, 5, 1 << 12) else 3
        for number, pen in enumerate(pens[:size]):
            pen.text(head if number == 0 else "", ink.dim, len(head))
        draw_big(pens[:size], name, ink.mark, room)
        pens = pens[size + (len(pens) > 5) :]
        for pen in pens:
            pen.text(" ", ink.text)
        share = songs.ready / songs.wanted if songs.wanted else 1.0
        pens[0].put(meter(24, int(24 * 8 * share), ink), 24)
    elif len(pens) == 3:
        pens[0].text(head, ink.dim)
        pens[0].text(frame.song(armed), ink.mark, max(0, width - pens[0].x - 1))
        pens = pens[1:]
    else:
        pens[0].text(head, ink.dim)
        pens[0].text(frame.song(armed), ink.mark, max(0, width - pens[0].x - 1))
        pens = pens[1:]
    for pen in pens[:1]:
        pen.text(f" {state} ", style)
        pen.text(lost, ink.mark)
    for pen in pens[1:2]:
        pen.target(8, action="app.go")
        pen.text(" ⏎ GO  ", ink.bright if state.startswith("●") else ink.dim)
        pen.text(length, ink.dim)


def _master(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """Left and right as thick bars, each with its level in big letters if it has three lines."""
    if not pens:
        return
    ink, each = pens[0].ink, max(1, len(pens) // 2)
    room = width - 6 - (_LEVEL if each >= 2 else 7)
    for number, side in enumerate("lr"):
        held = frame.sound.peaks[number]
        hold = min(eighths(held, room) // 8, room - 1) if math.isfinite(held) else -1
        peak = level(frame.printed_stage_meter(f"peak/{side}"))
        lines = pens[number * each : (number + 1) * each]
        for row, pen in enumerate(lines):
            pen.text(f"  {side.upper() if row == each // 2 else ' '} ", ink.dim)
            pen.put(meter(room, eighths(level(frame.stage_meter(f"peak/{side}")), room), ink, hold), room)
            pen.text("  ", ink.text)
        style = ink.hot if peak > -3 else ink.bright
        if each >= 3:
            draw_big(lines[:3], decibel(peak), style, _LEVEL)
        elif each == 1 and lines:
            lines[0].text(decibel(peak), style, 6, right=True)
    if each == 2:  # one big number for both
        peak = max(level(frame.printed_stage_meter(f"peak/{side}")) for side in "lr")
        draw_big(pens[:3], decibel(peak), ink.hot if peak > -3 else ink.bright, _LEVEL)


def _decks(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """A block for each deck in use: number, name, state, level; lines on a narrow screen."""
    decks = shown_decks(frame)
    if len(pens) < 3 or width // len(decks) < 26:
        for pen, deck in zip(pens, decks, strict=False):
            pen.text(f" {deck} ", pen.ink.hue(deck) + _TAG)
            pen.text(f" {frame.deck(deck).model or '–'}", pen.ink.bright, 14)
            pen.text(state_text(frame, deck), state_style(pen, deck_state(frame, deck)), 10)
            advice, room = deck_advice(frame, deck), width - pen.x - 1
            stereo_level(pen, frame, deck, max(8, room // 4 if advice else room))
            pen.text(f" {advice}" if advice else "", pen.ink.mark, max(0, width - pen.x - 1))
        return
    for at, deck in enumerate(decks):
        end = width * (at + 1) // len(decks)
        _block(pens, frame, deck, end)


def _block(pens: list[LinePen], frame: ScreenFrame, deck: int, end: int) -> None:
    ink, room = pens[0].ink, end - pens[0].x - 2
    model, hue = frame.deck(deck).model or "–", pens[0].ink.hue(deck)
    pens[0].text(" ", ink.text)
    pens[0].text(f" {deck} ", hue + _TAG)
    side = SIDES[int(frame.value(deck, "side"))]
    pens[0].text(f" {'–' if side == '-' else side} ", ink.text)
    pens[0].text(state_text(frame, deck), state_style(pens[0], deck_state(frame, deck)))
    words = " MUTE" if frame.value(deck, "mute") else " SOLO" if frame.value(deck, "solo") else ""
    pens[0].text(words, ink.on)
    advice = "" if words else f" {deck_advice(frame, deck)}"
    pens[0].text(advice, ink.mark, max(0, min(len(advice), end - pens[0].x - 1)))
    rest = pens[1:]
    for pen in rest:
        pen.text(" ", ink.text)
    if len(rest) >= 5 and big(model, 3, room) == big(model, 3, 1 << 12):
        draw_big(rest[:3], model, hue, room)
        rest = rest[3:]
    else:
        rest[0].text(model, hue + Style(bold=True), min(len(model), room))
        rest = rest[1:]
    for pen in rest:
        stereo_level(pen, frame, deck, room)
    for pen in pens:
        pen.pad_to(end)


def _foot(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """Crossfader, the scene recalled last, the song's notes."""
    if not pens:
        return
    ink, value = pens[0].ink, frame.table[_XFADE.slot]
    room = width - 20
    pens[0].text("  X-FADE A ", ink.dim)
    pens[0].put(bar(room, cell(value, room), ink, centre=cell(0.5, room)), room)
    pens[0].text(f" B {100 * value:3.0f} %", ink.bright)
    scene = frame.scene(frame.status.scene) if frame.status.scene else "–"
    notes = " ".join(frame.song_notes(frame.songs.now).split())
    lines = pens[1:]
    if len(lines) >= 3:
        for pen in lines:
            pen.text("  ", ink.text)
        if not frame.status.scene:
            lines[1].text(notes, ink.text, max(0, width - lines[1].x - 1))
            return
        cells = min(len(drawn[0]) if (drawn := big(scene, 3, width // 2)) else len(scene), width // 2)
        draw_big(lines[:3], scene, ink.level, cells)
        lines[1].text(f"   {notes}", ink.text, max(0, width - lines[1].x - 1))
    elif lines:
        lines[0].text("  SCENE ", ink.dim)
        lines[0].text(scene, ink.level, min(len(scene), 20))
        lines[0].text(f"   {notes}", ink.text, max(0, width - lines[0].x - 1))
