"""Typing a value for the selected parameter."""

from __future__ import annotations

import math

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from perform.core.errors import WrongUse
from perform.core.params import MODULE_DEFAULT, SPECS, Spec
from perform.tui.parameter_rows import ParameterRow
from perform.tui.screens.dialog import Dialog, Field


def parse(text: str, row: ParameterRow) -> float | str:
    """A typed value, or a word for an attribute that goes by words; WrongUse for what is none of these."""
    attribute, word = row.attribute, text.strip()
    if attribute is None:
        return number(text, row.spec)
    if word == "own":
        return MODULE_DEFAULT
    if not attribute.is_text:
        return number(text, row.spec if row.spec.choices else SPECS[row.address])
    if not word:
        raise WrongUse(f"nothing is not {allowed(row)}")
    return float(row.words.index(word)) if word in row.words else word


def number(text: str, spec: Spec) -> float:
    """A typed value; WrongUse for what is none or lies outside the range."""
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
    """What may be typed."""
    if row.attribute is None:
        return _range(row.spec)
    if row.attribute.kind in ("tensor", "buffer") and row.attribute.is_text:
        return "numbers with spaces between, or own"
    return f"{'text' if row.attribute.is_text else _range(row.spec)}, or own"


def _range(spec: Spec) -> str:
    if spec.choices:
        return " or ".join(spec.choices)
    return f"{spec.low:g} to {spec.high:g} {spec.unit}".rstrip()


class ValueEntry(Dialog[float | str]):
    """Asks for a value in plain units, or a word."""

    def __init__(self, row: ParameterRow, value: float) -> None:
        super().__init__()
        self._row, self._value = row, value

    def compose(self) -> ComposeResult:
        """A title, an input, what is wrong with it."""
        with Vertical():
            yield Static(f"{self._row.name}: {self._row.long(self._value)}", classes="title", markup=False)
            yield Field(placeholder=allowed(self._row))
            yield Static("", id="wrong", classes="wrong", markup=False)
            yield Static("enter sets it · esc goes back", classes="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, or say what may be typed."""
        try:
            self.dismiss(parse(event.value, self._row))
        except WrongUse as error:
            self.query_one("#wrong", Static).update(f"▲ {error}")
