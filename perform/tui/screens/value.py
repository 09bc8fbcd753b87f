"""Typing a value for the selected parameter."""

from __future__ import annotations

import math

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from perform.errors import WrongUse
from perform.params import Spec
from perform.tui.paint import long
from perform.tui.rows import Row
from perform.tui.screens.dialog import Dialog, Field


def parse(text: str, spec: Spec) -> float:
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
        raise WrongUse(f"{text or 'nothing'!r} is not {allowed(spec)}")
    return value


def allowed(spec: Spec) -> str:
    """What may be typed."""
    if spec.choices:
        return " or ".join(spec.choices)
    return f"{spec.low:g} to {spec.high:g} {spec.unit}".rstrip()


class ValueEntry(Dialog[float]):
    """Asks for a value in plain units."""

    def __init__(self, row: Row, value: float) -> None:
        super().__init__()
        self._row, self._value = row, value

    def compose(self) -> ComposeResult:
        """A title, an input, what is wrong with it."""
        with Vertical():
            yield Static(
                f"{self._row.name}: {long(self._row.spec, self._value)}", classes="title", markup=False
            )
            yield Field(placeholder=allowed(self._row.spec))
            yield Static("", id="wrong", classes="wrong", markup=False)
            yield Static("enter sets it · esc goes back", classes="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, or say what may be typed."""
        try:
            self.dismiss(parse(event.value, self._row.spec))
        except WrongUse as error:
            self.query_one("#wrong", Static).update(f"▲ {error}")
