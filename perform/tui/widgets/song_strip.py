"""All songs of the set in one line: the current one filled as far as it has played, the armed one marked."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.style import Style

from perform.tui.paint import runs
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen

_REVERSE = Style(reverse=True)
_SHORTEST = 10  #: cells of a song; with less room for each, some at the ends are left out


def draw_song_strip(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """Draw `▶ 3 Glass Harbour` among its neighbours; a song with an expected length fills while it plays."""
    count, end = len(frame.songs.lines), pen.x + width
    if not count:
        pen.pad_to(end)
        return
    first, last = _shown(frame, width)
    room = width - 1
    if first > 1:
        room -= _more(pen, f" ‹ {first - 1}")
    if last < count:
        room -= len(f" {count - last} ›")
    pen.text(" ", pen.ink.text)
    names = tuple(frame.song(number) for number in range(first, last + 1))
    for cells, number in zip(_shares(names, room), range(first, last + 1), strict=True):
        _song(pen, frame, number, cells)
    if last < count:
        _more(pen, f" {count - last} ›")
    pen.pad_to(end)


def _more(pen: LinePen, text: str) -> int:
    pen.target(len(text), action="app.set_list")
    pen.text(text, pen.ink.dim)
    return len(text)


def _shown(frame: ScreenFrame, width: int) -> tuple[int, int]:
    """First and last song shown; the one that plays is among them, with one before it."""
    count = len(frame.songs.lines)
    fit = max(1, (width - 12) // _SHORTEST)
    if count <= fit:
        return 1, count
    first = min(max(1, frame.songs.now - 1), count - fit + 1)
    return first, first + fit - 1


@lru_cache(8)
def _shares(names: tuple[str, ...], room: int) -> list[int]:
    """Cells of each song: what its name needs, and an equal part of what is left."""
    wanted = [cell_len(name) + 7 for name in names]
    over = room - sum(wanted)
    if over < 0:  # the longest give first
        for _ in range(-over):
            wanted[wanted.index(max(wanted))] -= 1
        return wanted
    each, rest = divmod(over, len(wanted))
    return [cells + each + (at < rest) for at, cells in enumerate(wanted)]


def _song(pen: LinePen, frame: ScreenFrame, number: int, cells: int) -> None:
    ink, songs = pen.ink, frame.songs
    now, armed = number == songs.now, number == frame.armed
    mark = "▶" if now else "○" if armed else "✓" if number < songs.now else " "
    text = f"{mark} {number} {frame.song(number)}"
    style = ink.bright if now else ink.mark if armed else ink.dim
    pen.target(cells - 1, action="app.set_list" if now else f"app.arm_song({number})")
    shown = max(1, cells - 1)
    if now:
        glyphs = list(text[:shown].ljust(shown)) if cell_len(text) == len(text) else []
        length, passed = frame.song_length(number), frame.now - songs.since if songs.since else 0.0
        full = min(int(shown * passed / length), shown) if length else shown
        if glyphs:
            filled, rest = ink.focus + _REVERSE, style
            pen.put(runs(glyphs, [filled] * full + [rest] * (shown - full)), shown)
        else:
            pen.text(text, ink.focus + _REVERSE, shown)
    else:
        name = min(cell_len(text) + 1, shown)
        pen.text(text, style, name)
        pen.text(("━" if number < songs.now else "─") * (shown - name), ink.rail)
    pen.text(" ", ink.text)
