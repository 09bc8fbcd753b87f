"""NOW, its clock and NEXT in big letters, readable at three metres."""

from __future__ import annotations

from perform.tui.paint import clock
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.big_letters import big, draw_big
from perform.tui.widgets.line_widget import LinePen

LINES = 3
_CLOCK = 21  #: cells of "06:12 "


def draw_heading(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """Draw the song's name, its clock and the armed song on three lines."""
    ink, songs = pens[0].ink, frame.songs
    for pen in pens:
        pen.target(width, action="app.set_list")
        pen.text(" ", ink.text)
    elapsed = clock(frame.now - songs.since) if songs.since else "--:--"
    coming = frame.song(frame.armed) if frame.armed else ""
    room = width - 2 - _CLOCK
    wanted = cells(frame.playing_song), cells(coming) + 2 if coming else 0
    first = room if not coming else max(room - wanted[1], min(wanted[0], room * 11 // 20) + 2)
    draw_big(pens, frame.playing_song, ink.bright, min(wanted[0], first - 2))
    for pen in pens:
        pen.pad_to(1 + first)
    draw_big(pens, elapsed, ink.level, _CLOCK)
    if coming:
        draw_big(pens, coming, ink.mark, width - pens[0].x - 1)
    for pen in pens:
        pen.pad_to(width)


def cells(text: str) -> int:
    """Cells of a text in big letters of three lines."""
    drawn = big(text, LINES, 1 << 10)
    return len(drawn[0]) if drawn else len(text)
