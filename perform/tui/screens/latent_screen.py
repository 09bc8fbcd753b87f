"""The latent screen: a pad for two latents of the deck in focus, and traces of all."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from perform.core.params import MACROS
from perform.tui.axes import Axis, MacroAxis, chosen, latents, pad_axes
from perform.tui.page_keys import LATENTS
from perform.tui.screen_frame import ScreenFrame
from perform.tui.screens.play_screen import PlayScreen
from perform.tui.widgets.foot import HINTS, FootBar
from perform.tui.widgets.latent_view import LatentView
from perform.tui.widgets.line_widget import LineWidget
from perform.tui.widgets.side_column import side_width

_HINTS = (
    ("]", "x", "axis('x', 1)"),
    ("}", "y", "axis('y', 1)"),
    ("v", "zoom", "zoom"),
    ("y", "macros", "macros"),
    ("0", "reset", "recentre"),
    ("z", "decks", "back"),
)
_LOG = 2  #: lines of the log on a wide screen


class LatentScreen(PlayScreen):
    """Has the keys of `PlayScreen`, but the arrows move the pad's point, which sets two biases."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in LATENTS]

    def widgets(self) -> tuple[LineWidget, LineWidget]:
        """The deck's latents instead of all decks."""
        return LatentView("latents"), FootBar("foot", (*_HINTS, *HINTS))

    def heights(self, frame: ScreenFrame) -> tuple[int, int]:
        """As with all decks, and lines for the log where those have it in their column."""
        status, foot = super().heights(frame)
        return status, foot + (_LOG if foot and side_width(self.size.width) else 0)

    # -- the pad

    def _axis(self, name: str) -> Axis | MacroAxis | None:
        frame = self.instrument.read_frame()
        return pad_axes(frame, frame.focus)["xy".index(name)]

    def action_push(self, name: str, by: float) -> None:
        """Move the point along x or y by a fraction of the pad's range."""
        if axis := self._axis(name):
            address = axis.address(self.instrument.read_frame().focus)
            self._take(address)
            if not self.instrument.view.learning:
                self._put(address, round(self._value(address) + by * (axis.high - axis.low), 6))

    def action_recentre(self) -> None:
        """Reset both biases or macros to 0."""
        for axis in (self._axis("x"), self._axis("y")):
            if axis:
                self._put(axis.address(self.instrument.read_frame().focus), 0.0)

    def _take(self, address: str) -> None:
        """Select a bias or macro; the rows of the decks then show biases too."""
        self.instrument.view.latent_parameter = "bias"
        self.action_select(address)

    # -- axes

    def action_axis(self, name: str, steps: int) -> None:
        """Choose the next latent or macro for x or y, except the one on the other axis."""
        frame = self.instrument.read_frame()
        count, pair = latents(frame, frame.focus), chosen(frame, frame.focus)
        if frame.view.macro_pad:
            count, pair = MACROS, frame.view.macro_axes
        at = "xy".index(name)
        if count > 2:
            latent = (pair[at] + steps) % count
            self.action_span(name, (latent + steps) % count if latent == pair[1 - at] else latent)
        elif count == 2:
            self.action_span(name, pair[1 - at])

    def action_span(self, name: str, latent: int) -> None:
        """Put a latent, or a macro, on x or y; swap the axes if the other one has it."""
        frame = self.instrument.read_frame()
        macros = frame.view.macro_pad
        pair, at = list(frame.view.macro_axes if macros else chosen(frame, frame.focus)), "xy".index(name)
        if latent == pair[1 - at]:
            pair[1 - at] = pair[at]
        pair[at] = latent
        if macros:
            frame.view.macro_axes = (pair[0], pair[1])
        else:
            frame.view.axes[frame.focus] = (pair[0], pair[1])

    def action_macros(self) -> None:
        """Let the pad move two macros, or two latents again."""
        self.instrument.view.macro_pad = not self.instrument.view.macro_pad

    def action_zoom(self) -> None:
        """Switch between the full range of the biases and the range of the corpus."""
        self.instrument.view.zoomed = not self.instrument.view.zoomed

    def action_back(self) -> None:
        """Return to the decks; while learning or choosing a scene, only cancel that."""
        if self.instrument.view.learning or self.instrument.read_frame().prefix:
            self.instrument.action_stop_learning()
        else:
            self.dismiss()

    # -- mouse

    async def on_line_widget_grabbed(self, message: LineWidget.Grabbed) -> None:
        """Drag the pad's point; while learning, a press learns the bias of its x axis."""
        hit = message.hit
        if hit.lines == 1:
            return
        message.prevent_default()  # PlayScreen would treat it as a bar
        if not message.drag:
            self._take(hit.address)
        if not self.instrument.view.learning:
            positions = hit.position(message.x), hit.height(message.y)
            for axis, position in zip(
                pad_axes(self.instrument.read_frame(), hit.deck), positions, strict=True
            ):
                if axis:
                    self._put(axis.address(hit.deck), round(axis.value(position), 6))
