"""Dialog for the modulators of one parameter: choose a modulator, then set how far it moves the parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from perform.core.modulators import MODULATORS
from perform.core.spec import Spec
from perform.tui.paint import short
from perform.tui.parameter_rows import ParameterRow
from perform.tui.screens.dialog import Dialog
from perform.tui.screens.naming import NameDialog, NameRule

Ends = tuple[float, float]  #: what a modulator adds at its values 0 and 1
_NUMBER = r"[-+]?(\d+([.,]\d*)?|[.,]\d+)"
_TWO_NUMBERS = NameRule(re.compile(rf"{_NUMBER}\s+{_NUMBER}"), "type two numbers, such as -0.5 1")
_ONE_WAY = re.compile(r"follow|macro|finger \d+ press")  #: they rest at 0; the others swing around the middle


class ModulationDialog(Dialog[None]):
    """Lists all modulators with what they add to the parameter.

    used      : modulator -> its ends
    on_change : called with a modulator and its new ends, None where it no longer moves the parameter
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-0.01)", "Less", id="modulation.less"),
        Binding("right", "move(0.01)", "More", id="modulation.more"),
        Binding("shift+left", "move(-0.1)", "Much less", id="modulation.much_less"),
        Binding("shift+right", "move(0.1)", "Much more", id="modulation.much_more"),
        Binding("equals_sign", "type", "Type", id="modulation.type"),
        Binding("delete,backspace", "remove", "Remove", id="modulation.remove"),
    ]

    def __init__(
        self,
        row: ParameterRow,
        knob: Spec,
        used: Mapping[str, Ends],
        on_change: Callable[[str, Ends | None], object],
    ) -> None:
        """knob : the range of the parameter's knob; the keys move by parts of it."""
        super().__init__()
        self._row, self._used, self._on_change = row, dict(used), on_change
        self._reach, self._limit = knob.high - knob.low, row.spec.high - row.spec.low

    def compose(self) -> ComposeResult:
        """The list of modulators, those in use first."""
        # those in use first, the many fingers last
        names = sorted(MODULATORS, key=lambda name: (name not in self._used, name.startswith("finger")))
        with Vertical():
            yield Static(f"Modulate {self._row.name}", classes="title", markup=False)
            yield OptionList(*(Option(self._line(name), id=name) for name in names), markup=False)
            hint = "←→ how far (shift: ten times) · = types it · del removes · esc closes"
            yield Static(hint, classes="hint", markup=False)

    def _line(self, name: str) -> Content:
        ends = self._used.get(name)
        if ends is None:
            return Content.assemble((f"  {name:<16}", "$ink-dim"))
        low, high = (short(self._row.spec, end) for end in ends)
        return Content.assemble((f"∿ {name:<16}", "bold"), f"{low} … {high} {self._row.spec.unit}")

    def action_move(self, by: float) -> None:
        """Let the marked modulator move the parameter further, or less far, or the other way."""
        if name := self._marked():
            low, high = self._used.get(name, (0.0, 0.0))
            step = by * self._reach
            high = self._within(high + step)
            if not _ONE_WAY.match(name):
                low = self._within(low - step)
            self._change(name, (low, high) if low or high else None)

    def action_type(self) -> None:
        """Type what the marked modulator adds at 0 and at 1."""
        if not (name := self._marked()):
            return
        now = " ".join(f"{end:g}" for end in self._used.get(name, ()))
        title = f"What {name} adds at its lowest and at its highest, {self._row.spec.unit}".rstrip(", ")

        def typed(text: str | None) -> None:
            if text is not None:
                low, high = (self._within(float(end.replace(",", "."))) for end in text.split())
                self._change(name, (low, high))

        self.app.push_screen(NameDialog(title, now, "enter sets it", _TWO_NUMBERS), typed)

    def action_remove(self) -> None:
        """Remove the marked modulator from the parameter."""
        if (name := self._marked()) in self._used:
            self._change(name, None)

    def _within(self, value: float) -> float:
        return round(min(max(value, -self._limit), self._limit), 6)

    def _marked(self) -> str:
        option = self.query_one(OptionList).highlighted_option
        return option.id or "" if option else ""

    def _change(self, name: str, ends: Ends | None) -> None:
        if ends is None:
            self._used.pop(name, None)
        else:
            self._used[name] = ends
        self.query_one(OptionList).replace_option_prompt(name, self._line(name))
        self._on_change(name, ends)
