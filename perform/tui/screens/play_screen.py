"""The screen that plays: status, decks, foot; keys and mouse become numbers in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from perform.core import params
from perform.core.params import DECKS, SOURCES
from perform.tui.keys import KEYS
from perform.tui.parameter_rows import SIDES, STAGE_ROWS, ParameterRow
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.deck_grid import DeckGrid
from perform.tui.widgets.foot import HINTS, FootBar, foot_height
from perform.tui.widgets.line_widget import LineWidget
from perform.tui.widgets.status_bar import StatusBar, status_height

if TYPE_CHECKING:
    from perform.tui.app import Instrument

_BANK = 8  #: rows of a bank


class PlayScreen(Screen[None]):
    """Everything that is played. Numbers go straight into the table; nothing here waits for the stage."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    def __init__(self) -> None:
        super().__init__()
        self._status = StatusBar("status")
        self._middle, self._foot = self.widgets()
        self._heights = (-1, -1)

    def widgets(self) -> tuple[LineWidget, LineWidget]:
        """What stands below the status bar, and the foot."""
        return DeckGrid("decks"), FootBar("foot", HINTS)

    def compose(self) -> ComposeResult:
        """Three drawn widgets."""
        yield from (self._status, self._middle, self._foot)

    @property
    def instrument(self) -> Instrument:
        """The app, by its own type."""
        return cast("Instrument", self.app)

    def show(self, frame: ScreenFrame) -> None:
        """Draw a frame; only the heights of status and foot are ever laid out anew."""
        heights = status_height(self.size.height), foot_height(*self.size, frame)
        if heights != self._heights:
            self._heights = heights
            self._status.styles.height, self._foot.styles.height = heights
        for widget in (self._status, self._middle, self._foot):
            widget.show(frame)

    def on_screen_resume(self) -> None:
        """What was hidden is drawn at once, not at the next frame."""
        self.show(self.instrument.look())

    # -- numbers

    def _put(self, address: str, value: float) -> None:
        params.set_value(self.instrument.table, address, value)

    def _value(self, address: str) -> float:
        return float(self.instrument.table[params.slot(address)])

    def _own(self, key: str) -> str:
        return f"deck/{self.instrument.look().focus}/{key}"

    def _nudge(self, row: ParameterRow, by: float) -> None:
        """By a part of the range; choices and whole numbers by one step, or ten."""
        spec, stored = row.spec, self._value(row.address)
        value = row.shown(stored)
        if spec.action:
            if by > 0:
                params.trigger(self.instrument.table, row.address)
            return
        if row.attribute and row.attribute.is_text:  # its own, then its words
            step = (stored if stored > params.MODULE_DEFAULT else -1.0) + (1 if by > 0 else -1)
            value = min(step, len(row.words) - 1.0) if step >= 0 else params.MODULE_DEFAULT
        elif spec.choices:
            value = spec.clamp(value + (1 if by > 0 else -1))
        elif spec.whole:
            value = spec.clamp(value + (round(by * 100) if not row.attribute else 1 if by > 0 else -1))
        else:
            value = spec.value(round(spec.position(value) + by, 6))
        self._put(row.address, value)

    # -- decks

    def action_deck(self, deck: int) -> None:
        """Focus a deck; its number is in the table, so that mappings of the focus follow."""
        self._put("focus", deck)
        self._select_again()

    def action_focus_step(self, steps: int) -> None:
        """Focus the next deck, or the one before."""
        self.action_deck((self.instrument.look().focus - 1 + steps) % DECKS + 1)

    def action_flag(self, name: str) -> None:
        """Turn a switch of the focused deck."""
        address = self._own(name)
        if not self.instrument.instead(address):
            self._put(address, 0.0 if self._value(address) else 1.0)

    def action_side(self) -> None:
        """Next side of the crossfader."""
        address = self._own("side")
        if not self.instrument.instead(address):
            self._put(address, (self._value(address) + 1) % 3)

    def action_source(self) -> None:
        """Next source; a prior where the model has one."""
        address = self._own("source")
        if not self.instrument.instead(address):
            frame = self.instrument.look()
            there = [
                i for i, name in enumerate(SOURCES) if name != "prior" or frame.deck(frame.focus).has_prior
            ]
            self._put(address, next((i for i in there if i > self._value(address)), there[0]))

    # -- parameters

    def action_select(self, address: str) -> None:
        """Put the cursor on a parameter."""
        view = self.instrument.view
        view.selected[self.instrument.look().focus] = address
        if view.learning:
            self.instrument.learn(address)

    def _select_again(self) -> None:
        self.action_select(self.instrument.look().selected.address)

    def action_move(self, steps: int) -> None:
        """Move the cursor, round through the rows of the stage."""
        frame = self.instrument.look()
        rows = (*frame.rows(frame.focus), *STAGE_ROWS)
        self.action_select(rows[(frame.cursor(frame.focus) + steps) % len(rows)].address)

    def action_page(self, pages: int) -> None:
        """Move the cursor by a bank, within the deck."""
        frame = self.instrument.look()
        rows = frame.rows(frame.focus)
        at = frame.cursor(frame.focus) + pages * _BANK
        self.action_select(rows[min(max(at, 0), len(rows) - 1)].address)

    def action_nudge(self, by: float) -> None:
        """Change the selected number by a part of its range."""
        self._nudge(self.instrument.look().selected, by)

    def action_recentre(self) -> None:
        """The selected number back to its default."""
        selected = self.instrument.look().selected
        if not selected.spec.action:
            self._put(selected.address, params.SPECS[selected.address].default)

    def action_fire(self, address: str) -> None:
        """Do what the model can do."""
        self.action_select(address)
        if not self.instrument.instead(address):
            params.trigger(self.instrument.table, address)

    def action_bias_scale(self) -> None:
        """Show the next number of each latent; the cursor stays on its latent."""
        view, sides = self.instrument.view, list(SIDES)
        old = view.side
        view.side = sides[(sides.index(old) + 1) % len(sides)]
        for deck, address in view.selected.items():
            if address.endswith(f"/{old}"):
                view.selected[deck] = address.removesuffix(old) + view.side
        self._select_again()

    def action_fade(self, by: float) -> None:
        """Move the crossfader; a whole step goes to its end, none to its middle."""
        if not self.instrument.instead("xfade"):
            self._put("xfade", round(self._value("xfade") + by, 6) if by else 0.5)

    def action_morph(self, by: float) -> None:
        """Move the morph between two scenes."""
        if not self.instrument.instead("scene/morph"):
            self._put("scene/morph", round(self._value("scene/morph") + by, 6))

    # -- mouse

    async def on_line_widget_grabbed(self, message: LineWidget.Grabbed) -> None:
        """A click or a drag."""
        hit = message.hit
        if hit.deck and not message.drag:
            self.action_deck(hit.deck)
        if hit.address and hit.value is not None:
            if not self.instrument.instead(hit.address):
                self._put(hit.address, hit.value)
        elif hit.address:
            if not message.drag:
                self.action_select(hit.address)
            spec = self.instrument.look().row(hit.address).spec
            self._put(hit.address, spec.value(hit.position(message.x)))
        elif hit.action:
            await self.instrument.run_action(hit.action, self)

    def on_line_widget_wheeled(self, message: LineWidget.Wheeled) -> None:
        """The wheel nudges what it is above."""
        self._nudge(self.instrument.look().row(message.hit.address), 0.01 * message.steps)
