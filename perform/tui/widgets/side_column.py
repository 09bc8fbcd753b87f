"""The column beside the decks on a wide screen: the set, the controller, the last events, keys."""

from __future__ import annotations

from itertools import islice

from perform.tui.paint import clock, wrapped
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.controller_picture import (
    controller_lines,
    draw_controller,
    placed_controls,
    shown_port,
)
from perform.tui.widgets.line_widget import LinePen
from perform.tui.widgets.song_line import missing, readiness

_FROM = 160  #: columns of a screen that has the column
_CELLS, _ROOMY_CELLS = 32, 36  #: of the column; on a screen of so many columns as `_ROOMY`
_ROOMY = 190
_STAMP = 9  #: cells of an event's time
_FEWEST_EVENTS, _MOST_EVENTS, _FEWEST_SONGS, _FEWEST_KEYS = 3, 12, 3, 5


def side_width(width: int) -> int:
    """Cells of the column on a screen of so many columns; 0: there is none."""
    return 0 if width < _FROM else _CELLS if width < _ROOMY else _ROOMY_CELLS


def draw_side(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """Draw the boxes at the right end of these lines: set, controller, events, keys if there is room."""
    height = len(pens)
    for pen in pens:
        pen.deck = 0
        pen.text(" ", pen.ink.text)
    controls = placed_controls(frame)
    device = controller_lines(controls, height) + 2
    device = device if height >= device + _FEWEST_SONGS + 4 else 0
    songs = min(max(1, len(frame.songs.lines)) + 2, height - device)
    left = height - device - songs
    if left < _FEWEST_EVENTS + 2:
        songs, left = height - device, 0
    events = _event_lines(frame.status.log, width - 5)
    # keys stay where a hand has clicked on them: events never take their place
    spare = left - 2 - _FEWEST_EVENTS
    keys = min(len(_KEYS) // 2 + 2, spare) if spare >= _FEWEST_KEYS else 0
    rest = iter(pens)
    parts = [list(islice(rest, lines)) for lines in (songs, device, left - keys, keys)]
    _set(_box(parts[0], "SET", width - 1), frame, width - 3)
    if device:
        title = f"CONTROLLER {shown_port(frame)}".rstrip()
        draw_controller(_box(parts[1], title, width - 1), frame, controls, width - 3, height)
    if left:
        _events(_box(parts[2], "EVENTS", width - 1), events, width - 3)
    if keys:
        _keys(_box(parts[3], "KEYS", width - 1), width - 3)


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
    played, length, load = frame.times.seconds(song.name), song.length, frame.song_load(number)
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


def _event_lines(log: tuple[str, ...], width: int) -> list[tuple[str, bool]]:
    """The events, the newest first, a long one in several lines; True: it is the newest."""
    return [
        (line, number == 0)
        for number, event in enumerate(log[::-1][:_MOST_EVENTS])
        for line in wrapped(event, width, " " * _STAMP)
    ]


def _events(pens: list[LinePen], events: list[tuple[str, bool]], width: int) -> None:
    for at, pen in enumerate(pens):
        end = pen.x + width
        if at < len(events):
            line, newest = events[at]
            pen.text(" ", pen.ink.text)
            pen.text(line, pen.ink.text if newest else pen.ink.dim, width - 2)
        _close(pen, end)


def _keys(pens: list[LinePen], width: int) -> None:
    """Two keys a line; a click does the same."""
    for pen, both in zip(pens, zip(_KEYS[::2], _KEYS[1::2], strict=True), strict=False):
        end, each = pen.x + width, width // 2
        for key, text, action in both:
            pen.target(each, action=action)
            pen.text(f" {key}", pen.ink.focus)
            pen.text(f" {text}", pen.ink.dim, each - len(key) - 1)
        _close(pen, end)


#: key as shown, text, action; those that the last line of the screen leaves out
_KEYS = (
    ("m", "mute", "flag('mute')"),
    ("s", "solo", "flag('solo')"),
    ("f", "freeze", "flag('freeze')"),
    ("x", "side A – B", "side"),
    ("a", "source", "source"),
    ("O", "its file", "app.deck_file"),
    ("b", "bias, scale", "latent_parameter"),
    ("0", "to default", "recentre"),
    ("g", "loop", "app.loop"),
    ("e", "modulate", "app.modulate"),
    ("E", "not in scenes", "app.exclude"),
    ("^r", "rec stems", "app.record_stems"),
    ("p", "arm back", "app.arm(-1)"),
    ("N", "go now", "app.go(True)"),
    ("d", "song details", "app.song_details"),
    ("K", "keep start", "app.keep_song"),
    ("t", "tap tempo", "app.tap"),
    ("q", "quantise", "app.quantise"),
    ("R", "keep the past", "app.keep"),
    ("I", "input", "app.input"),
    ("i", "locate", "app.locate"),
    ("D", "all controls", "app.show_mapping"),
    ("U", "redo", "app.undo(True)"),
    ("M", "master mute", "app.master_mute"),
)
