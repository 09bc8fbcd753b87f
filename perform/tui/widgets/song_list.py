"""The songs of the set, one line each, and below them details of the marked song."""

from __future__ import annotations

from textual import events

from perform.stage.status import SongStatus
from perform.tui.paint import Ink, clock, wrapped
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget
from perform.tui.widgets.song_line import missing, readiness

#: key as shown, text, action; the help has all keys
HINTS = (
    ("⏎", "arm, go", "arm"),
    ("N", "go now", "go_now"),
    ("K", "up", "shift(-1)"),
    ("J", "down", "shift(1)"),
    ("a", "new", "app.new_song"),
    ("t", "details", "app.song_details"),
    ("d", "duplicate", "app.add_song"),
    ("e", "rename", "rename"),
    ("del", "remove", "remove"),
    ("o", "open", "app.open_set"),
    ("c", "new set", "app.new_set"),
    ("^s", "save", "app.save"),
    ("S", "save as", "app.save_as"),
    ("esc", "back", "back"),
)
_STATE = 26  #: cells of "● NEXT  ↻ 1/2 ready, 12 s"


class SongList(LineWidget):
    """The list in the set list.

    marked : number of the song on which the keys act
    """

    def __init__(self, name: str, marked: int) -> None:
        super().__init__(name)
        self.marked = marked
        self._top = 1

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Draw list, details and keys."""
        width, height = self.size
        songs = frame.songs.lines
        pens = [LinePen(ink, y, 0, hits) for y in range(height)]
        if not songs:
            if pens:
                pens[0].text("waiting for the stage to send the songs", ink.dim)
            return pens
        self.marked = min(max(self.marked, 1), len(songs))
        keys = _key_lines(width)
        details = _details(songs[self.marked - 1], width)[: max(0, height - len(keys) - 4)]
        room = max(1, height - len(keys) - len(details) - 2)
        self._top = min(max(self._top, self.marked - room + 1, 1), self.marked, max(1, len(songs) - room + 1))
        for pen, number in zip(pens[:room], range(self._top, len(songs) + 1), strict=False):
            _song(pen, frame, number, width, here=number == self.marked)
        at = min(room, len(songs)) + 1
        for pen, (line, is_problem) in zip(pens[at:], details, strict=False):
            pen.text(line, ink.mark if is_problem else ink.dim, width)
        for pen, hints in zip(pens[max(0, height - len(keys)) :], keys, strict=False):
            _keys(pen, hints)
        return pens

    def _wheel(self, event: events.MouseEvent, steps: int) -> None:
        """The wheel moves the mark; the list has no parameters."""
        event.stop()
        self.marked -= steps


def _song(pen: LinePen, frame: ScreenFrame, number: int, width: int, *, here: bool) -> None:
    ink, songs = pen.ink, frame.songs
    song, now, armed = songs.lines[number - 1], number == songs.now, number == frame.armed
    pen.target(width, action="arm" if here else f"mark_song({number})")
    pen.text("▸" if here else " ", ink.focus)
    pen.text(f"{number:>3} ", ink.focus if here else ink.dim)
    room = max(10, (width - _STATE - 5) * 2 // 5)
    pen.text(song.name, ink.focus if here else ink.bright if now or armed else ink.text, room)
    pen.text(" ", ink.text)
    if now:
        state = f"● NOW   {clock(frame.now - songs.since) if songs.since else ''}"
    else:
        state = f"○ NEXT  {readiness(frame, wide=False)}" if armed else ""
    pen.text(state, ink.level if now else ink.mark, _STATE)
    problem = missing(frame, number)
    models = ", ".join(song.models)
    left = max(0, width - pen.x - (len(problem) + 1 if problem else 0))
    pen.text(models, ink.dim, left)
    if problem:
        pen.text(f" {problem}", ink.mark)


def _details(song: SongStatus, width: int) -> list[tuple[str, bool]]:
    """Lines about a song, each with True if it reports a problem."""
    lines = [(f"models   {', '.join(song.models) or 'none'}", False)]
    for text in song.missing:
        parts = wrapped(text, max(10, width - 11)) or ("",)
        lines += [(("▲ missing " if i == 0 else "          ") + line, True) for i, line in enumerate(parts)]
    notes = [line for part in song.notes.splitlines() for line in wrapped(part, max(10, width - 9))]
    return lines + [(("notes    " if i == 0 else "         ") + line, False) for i, line in enumerate(notes)]


def _key_lines(width: int) -> list[list[tuple[str, str, str]]]:
    lines: list[list[tuple[str, str, str]]] = [[]]
    used = 0
    for hint in HINTS:
        cells = len(hint[0]) + len(hint[1]) + 3
        if used and used + cells > width:
            lines.append([])
            used = 0
        lines[-1].append(hint)
        used += cells
    return lines


def _keys(pen: LinePen, hints: list[tuple[str, str, str]]) -> None:
    for key, text, action in hints:
        pen.target(len(key) + len(text) + 1, action=action)
        pen.text(key, pen.ink.focus)
        pen.text(f" {text}  ", pen.ink.dim)
