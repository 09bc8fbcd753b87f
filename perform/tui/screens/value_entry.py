"""Dialog for typing a value of the selected parameter."""

from __future__ import annotations

import math

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from perform.core.errors import WrongUse
from perform.core.params import SPECS
from perform.core.spec import MODULE_DEFAULT, Spec
from perform.tui.parameter_rows import ParameterRow
from perform.tui.screens.dialog import Dialog, DialogKeys, DialogText, Field

MODULE_DEFAULT_TEXT = "module default"  #: what the player types to leave an attribute to its module


def parse(text: str, row: ParameterRow) -> float | str:
    """A typed value, or a text for an attribute that is text; WrongUse for anything else.

    "module default" (in set files: "own") leaves an attribute to its module.
    """
    attribute, word = row.attribute, text.strip()
    if attribute is None:
        return number(text, row.spec)
    if word in (MODULE_DEFAULT_TEXT, "own"):
        return MODULE_DEFAULT
    if not attribute.is_text:
        return number(text, row.spec if row.spec.choices else SPECS[row.address])
    if not word:
        raise WrongUse(f"type {allowed(row)}")
    return float(row.texts.index(word)) if word in row.texts else word


def number(text: str, spec: Spec) -> float:
    """A typed value; WrongUse if it is not a number within the range, or not one of the choices."""
    text = text.strip().lower().removesuffix(spec.unit.lower()).strip().replace("−", "-")
    names = [c.lower() for c in spec.choices]
    if text in names:
        return float(names.index(text))
    if text == "-inf" and spec.unit == "dB":
        return spec.low
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if spec.choices or not spec.low <= value <= spec.high:
        raise WrongUse(f"{text or 'nothing'!r} is not {_range(spec)}")
    return spec.clamp(value)


def allowed(row: ParameterRow) -> str:
    """Which values can be typed, as a text."""
    if row.attribute is None:
        return _range(row.spec)
    if row.attribute.kind in ("tensor", "buffer") and row.attribute.is_text:
        return f"numbers separated by spaces, or {MODULE_DEFAULT_TEXT!r}"
    return f"{'text' if row.attribute.is_text else _range(row.spec)}, or {MODULE_DEFAULT_TEXT!r}"


def _range(spec: Spec) -> str:
    if spec.choices:
        return " or ".join(spec.choices)
    return f"{spec.low:g} to {spec.high:g} {spec.unit}".rstrip()


class ValueEntry(Dialog[float | str]):
    """Returns a value in the parameter's unit, or a text."""

    def __init__(self, row: ParameterRow, value: float) -> None:
        super().__init__()
        self._row, self._value = row, value

    def compose(self) -> ComposeResult:
        """A title, a text field, an error message."""
        with Vertical():
            yield DialogText(f"{self._row.name}: {self._row.long(self._value)}", classes="title")
            yield Field(placeholder=allowed(self._row))
            yield DialogText("", classes="wrong")
            yield DialogKeys("enter sets it · esc cancels")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the value, or show which values are allowed."""
        try:
            self.dismiss(parse(event.value, self._row))
        except WrongUse as error:
            self.query_one(".wrong", DialogText).show(f"▲ {error}")
