"""The line of songs: the current one (NOW), the armed one (NEXT) and how many of its models are ready."""

from __future__ import annotations

from rich.cells import cell_len

from perform.tui.paint import clock
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen

UNSAVED = "*"  #: behind the name of the current song while something is not saved
HEAVY = 0.9  #: predicted load above which blocks may come late


def readiness(frame: ScreenFrame, wide: bool) -> str:
    """State of the armed song: `↻ 1/2 models ready, 3 s`, `● ready 34%`, `▲ 1 failed`, `going…`.

    The percentage is the predicted load, where it is known.
    """
    songs = frame.songs
    if frame.view.arming:
        return "↻ arming…"
    all_ready = songs.ready >= songs.wanted
    wait = f", {songs.wait:.0f} s" if songs.wait >= 0.5 else ""
    text = f"↻ {songs.ready}/{songs.wanted}{' models' if wide else ''} ready{wait}"
    if songs.going:
        return "▶ going…" if all_ready else f"▶ going… {text}" if wide else f"▶ {text[2:]}"
    if not all_ready:
        return text
    if songs.failed:
        return f"▲ {songs.failed} failed"
    load = frame.song_load(frame.armed)
    text = f"ready {100 * load:.0f}%" if load else "ready"
    return f"▲ {text}" if load > HEAVY else f"● {text}"


def expected(frame: ScreenFrame, number: int) -> str:
    """`of 07:30`, the length that a song is expected to have; "" if it names none."""
    length = frame.song_length(number)
    return f"of {clock(length)}" if length else ""


def missing(frame: ScreenFrame, number: int) -> str:
    """`▲ 1 missing`; "" if all models of a song are installed."""
    lines = frame.songs.lines
    count = len(lines[number - 1].missing) if 1 <= number <= len(lines) else 0
    return f"▲ {count} missing" if count else ""


def draw_songs(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """Draw the current song on the left, the armed one on the right."""
    wide = width >= 112
    _now(pen, frame, width * 5 // 12)
    _next(pen, frame, width, wide)


def _now(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    ink, songs = pen.ink, frame.songs
    pen.target(width, action="app.set_list")
    pen.text(" NOW ", ink.dim)
    if not songs.lines:
        pen.text("–", ink.dim)
        pen.pad_to(width)
        return
    elapsed = f"  {clock(frame.now - songs.since)}" if songs.since else ""
    if elapsed and (length := expected(frame, songs.now)):
        elapsed += f" {length}"
    count = f"{songs.now or '–'}/{len(songs.lines)} "  # "–": a song of another set
    pen.text(count, ink.text)
    short = missing(frame, songs.now)
    tail = len(elapsed) + len(short) + 2 + (2 if songs.changed else 0)
    _name(pen, frame.playing_song, width - pen.x - tail, bright=True)
    if songs.changed:
        pen.button(f" {UNSAVED}", ink.mark, action="app.save")
    pen.text(elapsed, ink.text)
    if short:
        pen.text(f" {short}", ink.mark)
    pen.pad_to(width)


def _next(pen: LinePen, frame: ScreenFrame, width: int, wide: bool) -> None:
    ink, songs, armed = pen.ink, frame.songs, frame.armed
    if not songs.lines:
        return
    pen.text("NEXT ", ink.dim)
    if not armed:
        if songs.now >= len(songs.lines):
            pen.text("– last song", ink.dim)
            return
        pen.target(width - pen.x, action="app.arm(1)")
        pen.text("– n arms ", ink.dim)
        pen.text(f"{songs.now + 1} ", ink.dim)
        _name(pen, frame.song(songs.now + 1), width - pen.x, bright=False)
        return
    state, short = readiness(frame, wide), missing(frame, armed)
    enter = "⏎ go" if wide else "⏎"
    pen.text(f"{armed} ", ink.text)
    tail = len(state) + len(short) + bool(short) + len(enter) + 4
    pen.target(width - pen.x, action="app.set_list")
    _name(pen, frame.song(armed), width - pen.x - tail, bright=True)
    ready = state.startswith("●")
    pen.text(f"  {state}", ink.level if ready else ink.mark)
    if short:
        pen.text(f" {short}", ink.mark)
    pen.text(" ", ink.text)
    pen.button(f" {enter}", ink.bright if ready else ink.dim, action="app.go")


def _name(pen: LinePen, name: str, room: int, bright: bool) -> None:
    pen.text(name, pen.ink.bright if bright else pen.ink.dim, min(cell_len(name), max(1, room)))
