"""The screen with all decks: status bar, decks, foot. Keys and mouse write parameters into the table."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from perform.core import params
from perform.core.params import DECKS, SOURCES
from perform.core.spec import MODULE_DEFAULT, Spec
from perform.tui.keys import KEYS
from perform.tui.parameter_rows import LATENT_PARAMETERS, ParameterRow
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.deck_grid import DeckGrid
from perform.tui.widgets.foot import HINTS, FootBar, foot_height
from perform.tui.widgets.line_widget import LineWidget
from perform.tui.widgets.status_bar import StatusBar, status_height

if TYPE_CHECKING:
    from perform.tui.app import Instrument

_PAGE = 8  #: rows of a page


class PlayScreen(Screen[None]):
    """All decks. It writes parameters straight into the table and never waits for the stage."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    def __init__(self) -> None:
        super().__init__()
        with contextlib.suppress(ImportError):  # another version of Textual: its own updates are larger
            from perform.tui.narrow_updates import NarrowCompositor

            self._compositor = NarrowCompositor()
        self._status = StatusBar("status")
        self._middle, self._foot = self.widgets()
        self._heights = (-1, -1)

    def widgets(self) -> tuple[LineWidget, LineWidget]:
        """The widgets below the status bar: the middle and the foot."""
        return DeckGrid("decks"), FootBar("foot", HINTS)

    def compose(self) -> ComposeResult:
        """Three drawn widgets."""
        yield from (self._status, self._middle, self._foot)

    @property
    def instrument(self) -> Instrument:
        """The app, typed as the instrument."""
        return cast("Instrument", self.app)

    def show(self, frame: ScreenFrame) -> None:
        """Draw a frame; a new layout is needed only if the height of status bar or foot changes."""
        heights = self.heights(frame)
        if heights != self._heights:
            self._heights = heights
            self._status.styles.height, self._foot.styles.height = heights
        for widget in (self._status, self._middle, self._foot):
            widget.show(frame)

    def heights(self, frame: ScreenFrame) -> tuple[int, int]:
        """Lines of the status bar and of the foot."""
        return status_height(*self.size, frame), foot_height(*self.size, frame)

    def on_screen_resume(self) -> None:
        """Draw at once when a dialog closes, not at the next frame."""
        self.show(self.instrument.read_frame())

    # -- parameters

    def _put(self, address: str, value: float) -> None:
        params.set_value(self.instrument.table, address, value)

    def _value(self, address: str) -> float:
        return float(self.instrument.table[params.slot(address)])

    def _focused(self, key: str) -> str:
        return f"deck/{self.instrument.read_frame().focus}/{key}"

    def _nudge(self, row: ParameterRow, by: float) -> None:
        """Change a parameter by a fraction of its range; a choice by one step, an integer by one or ten."""
        spec, stored = row.spec, self._value(row.address)
        value = row.shown(stored)
        if spec.action:
            if by > 0:
                params.trigger(self.instrument.table, row.address)
            return
        if row.attribute and row.attribute.is_text:  # the module default, then its texts
            step = (stored if stored > MODULE_DEFAULT else -1.0) + (1 if by > 0 else -1)
            value = min(step, len(row.texts) - 1.0) if step >= 0 else MODULE_DEFAULT
        elif spec.choices:
            value = spec.clamp(value + (1 if by > 0 else -1))
        elif spec.whole:
            value = spec.clamp(value + (round(by * 100) if not row.attribute else 1 if by > 0 else -1))
        elif (knob := self.instrument.read_frame().knob(row)) is not spec:
            value = _nudged(knob, value, by)
        else:
            value = spec.value(round(spec.position(value) + by, 6))
        self._put(row.address, value)

    # -- decks

    def action_deck(self, deck: int) -> None:
        """Focus a deck. The focus is a parameter, so mappings of `focus/...` follow it."""
        self._put("focus", deck)
        self._select_again()

    def action_focus_step(self, steps: int) -> None:
        """Focus the next or the previous deck."""
        self.action_deck((self.instrument.read_frame().focus - 1 + steps) % DECKS + 1)

    def action_flag(self, name: str) -> None:
        """Toggle a switch of the deck in focus."""
        address = self._focused(name)
        if not self.instrument.learn_instead(address):
            self._put(address, 0.0 if self._value(address) else 1.0)

    def action_cue(self) -> None:
        """Put the deck in focus on cue, or take it off."""
        self.action_flag("cue")
        frame = self.instrument.read_frame()
        if not self.instrument.view.learning and not frame.has_cue and frame.value(frame.focus, "cue"):
            hint = "start with --cue 3 for outputs 3 and 4, or --cue DEVICE"
            self.instrument.show_notice(f"the cue has no outputs: {hint}")

    def action_side(self) -> None:
        """Choose the next side of the crossfader."""
        address = self._focused("side")
        if not self.instrument.learn_instead(address):
            self._put(address, (self._value(address) + 1) % 3)

    def action_source(self) -> None:
        """Choose the next source; skip the prior if the model has none."""
        address = self._focused("source")
        if not self.instrument.learn_instead(address):
            frame = self.instrument.read_frame()
            there = [
                i for i, name in enumerate(SOURCES) if name != "prior" or frame.deck(frame.focus).has_prior
            ]
            self._put(address, next((i for i in there if i > self._value(address)), there[0]))

    # -- rows

    def action_select(self, address: str) -> None:
        """Put the cursor on a parameter."""
        view = self.instrument.view
        view.selected[self.instrument.read_frame().focus] = address
        if view.learning:
            self.instrument.learn(address)

    def _select_again(self) -> None:
        self.action_select(self.instrument.read_frame().selected.address)

    def action_move(self, steps: int) -> None:
        """Move the cursor through the rows of deck and stage; it wraps around."""
        frame = self.instrument.read_frame()
        rows = (*frame.rows(frame.focus), *frame.stage_rows)
        self.action_select(rows[(frame.cursor(frame.focus) + steps) % len(rows)].address)

    def action_page(self, pages: int) -> None:
        """Move the cursor by eight rows within the deck."""
        frame = self.instrument.read_frame()
        rows = frame.rows(frame.focus)
        at = frame.cursor(frame.focus) + pages * _PAGE
        self.action_select(rows[min(max(at, 0), len(rows) - 1)].address)

    def action_nudge(self, by: float) -> None:
        """Change the selected parameter by a fraction of its range."""
        self._nudge(self.instrument.read_frame().selected, by)

    def action_recentre(self) -> None:
        """Reset the selected parameter to its default."""
        selected = self.instrument.read_frame().selected
        if not selected.spec.action:
            self._put(selected.address, params.SPECS[selected.address].default)

    def action_fire(self, address: str) -> None:
        """Run an action of the model."""
        self.action_select(address)
        if not self.instrument.learn_instead(address):
            params.trigger(self.instrument.table, address)

    def action_latent_parameter(self) -> None:
        """Show the next parameter of each latent; the cursor stays on its latent."""
        view, choices = self.instrument.view, list(LATENT_PARAMETERS)
        old = view.latent_parameter
        view.latent_parameter = choices[(choices.index(old) + 1) % len(choices)]
        for deck, address in view.selected.items():
            if address.endswith(f"/{old}"):
                view.selected[deck] = address.removesuffix(old) + view.latent_parameter
        self._select_again()

    def action_fade(self, by: float) -> None:
        """Move the crossfader; ±1 moves it to an end, 0 to the middle."""
        if not self.instrument.learn_instead("xfade"):
            self._put("xfade", round(self._value("xfade") + by, 6) if by else 0.5)

    def action_morph(self, by: float) -> None:
        """Move the morph between two scenes."""
        if not self.instrument.learn_instead("scene/morph"):
            self._put("scene/morph", round(self._value("scene/morph") + by, 6))

    # -- mouse

    async def on_line_widget_grabbed(self, message: LineWidget.Grabbed) -> None:
        """Handle a click or a drag."""
        hit = message.hit
        if hit.deck and not message.drag:
            self.action_deck(hit.deck)
        if hit.address and hit.value is not None:
            if not self.instrument.learn_instead(hit.address):
                self._put(hit.address, hit.value)
        elif hit.address:
            if not message.drag:
                self.action_select(hit.address)
            frame = self.instrument.read_frame()
            spec = frame.knob(frame.row(hit.address))
            self._put(hit.address, spec.value(hit.position(message.x)))
        elif hit.action:
            await self.instrument.run_action(hit.action, self)

    def on_line_widget_wheeled(self, message: LineWidget.Wheeled) -> None:
        """Nudge the parameter below the mouse wheel."""
        self._nudge(self.instrument.read_frame().row(message.hit.address), 0.01 * message.steps)


def _nudged(knob: Spec, value: float, by: float) -> float:
    """Move a value by a fraction of its knob's range, to the range's end; from outside only back to it."""
    moved = round(value + by * (knob.high - knob.low), 6)
    return min(moved, max(knob.high, value)) if by > 0 else max(moved, min(knob.low, value))
