"""Dialog for the details of a song: notes, expected length, tempo, switch, fade, mapping."""

from __future__ import annotations

import re
from typing import Literal, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from perform.core.errors import WrongUse
from perform.stage.commands import EditSong
from perform.stage.status import SongStatus
from perform.tui.paint import clock
from perform.tui.screens.dialog import Dialog, DialogKeys, DialogText, Field

SWITCHES = ("tail", "crossfade", "cut")
#: name of a field -> what can be typed
FIELDS = {
    "notes": "a line that the screen shows while the song plays",
    "length": "minutes:seconds that the song is expected to last, or nothing",
    "tempo": "20 to 300 beats a minute, or nothing: it keeps the tempo that plays",
    "switch": "tail, crossfade or cut: how it replaces the song before",
    "fade": "seconds of the switch, 0 to 60",
    "mapping": "a controller mapping for this song only, or nothing",
}


def parse_details(number: int, typed: dict[str, str]) -> EditSong:
    """Read the typed fields; WrongUse: names the field and what it takes."""
    words = {name: text.strip() for name, text in typed.items()}
    if words["switch"] not in SWITCHES:
        raise WrongUse(f"switch: {FIELDS['switch']}")
    return EditSong(
        number,
        notes=words["notes"],
        length=_seconds(words["length"]),
        tempo=_number("tempo", words["tempo"] or "0", 20, 300) if words["tempo"] else 0.0,
        switch=cast("Literal['tail', 'crossfade', 'cut']", words["switch"]),
        fade=_number("fade", words["fade"], 0, 60),
        mapping=words["mapping"],
    )


def _seconds(text: str) -> float:
    """`7:30`, or seconds."""
    if not text:
        return 0.0
    if match := re.fullmatch(r"(\d{1,3}):([0-5]\d)", text):
        return 60.0 * int(match[1]) + int(match[2])
    return _number("length", text, 0, 36000)


def _number(name: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = -1.0
    if not low <= value <= high:
        raise WrongUse(f"{name}: {FIELDS[name]}")
    return value


class SongDetails(Dialog[EditSong]):
    """Returns the changed song."""

    def __init__(self, number: int, song: SongStatus) -> None:
        super().__init__()
        self._number, self._name = number, song.name
        self._current = {
            "notes": song.notes,
            "length": clock(song.length) if song.length else "",
            "tempo": f"{song.tempo:g}" if song.tempo else "",
            "switch": song.switch,
            "fade": f"{song.fade:g}",
            "mapping": song.mapping,
        }

    def compose(self) -> ComposeResult:
        """A field for each fact; tab goes to the next one."""
        with Vertical():
            yield DialogText(f"Song {self._number}, {self._name}", classes="title")
            for name, hint in FIELDS.items():
                field = Field(self._current[name], placeholder=hint, id=f"field-{name}", compact=True)
                field.border_title = name
                yield field
            yield DialogText("", classes="wrong")
            yield DialogKeys("tab goes on · enter saves · esc cancels")

    def on_input_submitted(self) -> None:
        """Return the fields, or show what is wrong."""
        typed = {name: self.query_one(f"#field-{name}", Input).value for name in FIELDS}
        try:
            self.dismiss(parse_details(self._number, typed))
        except WrongUse as error:
            self.query_one(".wrong", DialogText).show(f"▲ {error}")
