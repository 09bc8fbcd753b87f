"""The column beside the decks on a wide screen: the set, the controller, the last events."""

from __future__ import annotations

import textwrap

from perform.tui.paint import clock
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.controller_picture import controller_lines, draw_controller, shown_port
from perform.tui.widgets.line_widget import LinePen
from perform.tui.widgets.song_line import missing, readiness

_FROM = 160  #: columns of a screen that has the column
_CELLS, _ROOMY_CELLS = 32, 36  #: of the column; on a screen of so many columns as `_ROOMY`
_ROOMY = 190
_STAMP = 9  #: cells of an event's time
_FEWEST_EVENTS, _FEWEST_SONGS = 3, 3


def side_width(width: int) -> int:
    """Cells of the column on a screen of so many columns; 0: there is none."""
    return 0 if width < _FROM else _CELLS if width < _ROOMY else _ROOMY_CELLS


def draw_side(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """Draw the three boxes at the right end of these lines; the events get what is left."""
    height = len(pens)
    for pen in pens:
        pen.deck = 0
        pen.text(" ", pen.ink.text)
    songs = max(1, len(frame.songs.lines))
    device = controller_lines(frame, height)
    device = device + 2 if height >= device + _FEWEST_SONGS + 4 else 0
    events = _FEWEST_EVENTS + 2 if height - device >= _FEWEST_SONGS + _FEWEST_EVENTS + 4 else 0
    songs = min(songs + 2, height - device - events)
    events = height - device - songs if events else 0
    songs = height - device - events
    _set(_box(pens[:songs], "SET", width - 1), frame, width - 3)
    if device:
        title = f"CONTROLLER {shown_port(frame)}".rstrip()
        draw_controller(_box(pens[songs : songs + device], title, width - 1), frame, width - 3, height)
    if events:
        _events(_box(pens[songs + device :], "EVENTS", width - 1), frame, width - 3)


def _box(pens: list[LinePen], title: str, width: int) -> list[LinePen]:
    """A frame around these lines; returns those inside. `_close` draws their right edges."""
    ink = pens[0].ink
    pens[0].text("╭─ ", ink.frame)
    room = width - 6
    pens[0].text(title, ink.dim, min(len(title), room))
    pens[0].text(" " + "─" * (width - 5 - min(len(title), room)) + "╮", ink.frame)
    for pen in pens[1:-1]:
        pen.text("│", ink.frame)
    pens[-1].text("╰" + "─" * (width - 2) + "╯", ink.frame)
    return pens[1:-1]


def _close(pen: LinePen, end: int) -> None:
    pen.pad_to(end)
    pen.text("│", pen.ink.frame)


def _set(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """The songs: those that have played with their time, the others with what is known of them."""
    lines, now = frame.songs.lines, frame.songs.now
    first = min(max(1, now - 1), max(1, len(lines) - len(pens) + 1))
    for number, pen in enumerate(pens, first):
        end = pen.x + width
        if number <= len(lines):
            pen.target(width, action="app.set_list" if number == now else f"app.arm_song({number})")
            _song(pen, frame, number, end)
        _close(pen, end)


def _song(pen: LinePen, frame: ScreenFrame, number: int, end: int) -> None:
    ink, songs = pen.ink, frame.songs
    song = songs.lines[number - 1]
    played, length, load = frame.times.seconds(song.name), song.length, frame.times.load(song)
    if number == songs.now:
        mark, style = "▶", ink.bright
        tail = clock(frame.now - songs.since) if songs.since else ""
        tail_style = ink.hot if 0 < length < frame.now - songs.since else ink.bright
    elif number == frame.armed:
        mark, style = "○", ink.mark
        state = readiness(frame, wide=False)
        tail, tail_style = state, ink.level if state.startswith("●") else ink.mark
    elif played:
        mark, style, tail, tail_style = "✓", ink.dim, clock(played), ink.dim
    else:
        mark, style, tail_style = "✓" if number < songs.now else " ", ink.dim, ink.dim
        tail = f"DSP {100 * load:.0f} %" if load else f"~{clock(length)}" if length else ""
    if short := missing(frame, number):
        tail, tail_style = short, ink.mark
    pen.text(f" {mark} {number} ", style)
    room = max(1, end - pen.x - len(tail) - 2)
    pen.text(song.name, style, room)
    pen.text(" ", ink.text)
    pen.text(tail, tail_style, end - pen.x - 1, right=True)


def _events(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """The newest first; a long one goes on below its text."""
    lines = [
        (line, number)
        for number, event in enumerate(frame.status.log[: -len(pens) - 1 : -1])
        for line in textwrap.wrap(event, width - 2, subsequent_indent=" " * _STAMP)
    ]
    for at, pen in enumerate(pens):
        end = pen.x + width
        if at < len(lines):
            line, number = lines[at]
            pen.text(" ", pen.ink.text)
            pen.text(line, pen.ink.dim if number else pen.ink.text, width - 2)
        _close(pen, end)
