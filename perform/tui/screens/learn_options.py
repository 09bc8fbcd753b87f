"""Dialog for how a learnt control moves its parameter: value, range, curve, takeover, mode, focus."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.messages.control_messages import BindingOptions
from perform.tui.parameter_rows import ParameterRow
from perform.tui.parameter_rows import row as row_of
from perform.tui.screens.dialog import Dialog, DialogKeys, Field
from perform.tui.screens.value_entry import number

_WORDS = {
    "curve": ("lin", "exp", "s"),
    "takeover": ("scale", "pickup", "jump"),
    "mode": ("absolute", "momentary", "toggle"),
}
_RANGE = re.compile(r"(-?[\d.]+)\.\.(-?[\d.]+)")
_POINTS = re.compile(r"[\d.]+(,[\d.]+)+")
_NAMED = re.compile(r"(steps?|accel|deadzone)=([\d.]+)")
HINT = "for example  walk  or  -2..2 exp pickup focus"
ALL = (
    "a value that a press sets · low..high · focus: the deck in focus · song: only in this song · "
    "lin exp s · scale pickup jump · absolute momentary toggle · invert · step=0.5 · deadzone=0.1 · "
    "of an encoder: steps=64 accel=4 · the address of another parameter, such as panic or deck/2/reset"
)


class LearnChoice(NamedTuple):
    """What the player typed.

    address : the parameter; `focus/...` follows the deck in focus
    song    : only while this song plays
    """

    address: str
    options: BindingOptions
    song: bool = False


def parse_options(text: str, row: ParameterRow) -> LearnChoice:
    """Read the words of the dialog; WrongUse for a word that means nothing. row: if they name no other."""
    focus, song, options = False, False, BindingOptions()
    words = text.replace("−", "-").split()
    if named := [word for word in words if word in params.SPECS and word != "focus"]:
        row = row_of(named[0])
        words.remove(named[0])
    for word in words:
        field = next((name for name, words in _WORDS.items() if word.lower() in words), "")
        try:
            if word.lower() == "focus":
                focus = True
            elif word.lower() == "song":
                song = True
            elif word.lower() == "invert":
                options = msgspec.structs.replace(options, invert=True)
            elif field:
                options = msgspec.structs.replace(options, **{field: word.lower()})
            elif match := _RANGE.fullmatch(word):
                options = msgspec.structs.replace(options, range=(float(match[1]), float(match[2])))
            elif _POINTS.fullmatch(word):
                options = msgspec.structs.replace(options, curve=tuple(map(float, word.split(","))))
            elif match := _NAMED.fullmatch(word.lower()):
                amount = int(match[2]) if match[1] == "steps" else float(match[2])
                options = msgspec.structs.replace(options, **{match[1]: amount})
            else:
                options = msgspec.structs.replace(options, value=number(word, row.spec))
        except ValueError:
            raise WrongUse(f"{word!r} is not a number") from None
    if focus and not row.address.startswith("deck/"):
        raise WrongUse(f"{row.address} belongs to no deck", hint="leave out focus")
    address = f"focus/{row.address.split('/', 2)[2]}" if focus else row.address
    return LearnChoice(address, options, song)


class LearnOptionsDialog(Dialog[LearnChoice]):
    """Returns what the player typed."""

    def __init__(self, row: ParameterRow) -> None:
        super().__init__()
        self._row = row

    def compose(self) -> ComposeResult:
        """A title, a text field, an error message."""
        with Vertical():
            yield Static(f"Learn {self._row.name}", classes="title", markup=False)
            yield Field(placeholder=HINT)
            yield Static("", id="wrong", classes="wrong", markup=False)
            yield Static(ALL, classes="hint", markup=False)
            yield DialogKeys("enter, then move the control · esc cancels")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the options, or show which word means nothing."""
        try:
            self.dismiss(parse_options(event.value, self._row))
        except WrongUse as error:
            self.query_one("#wrong", Static).update(f"▲ {error}")
