"""Actions for the layouts: play, stage, latents; and the lock of the stage layout."""

from __future__ import annotations

from collections.abc import Callable

from textual.screen import Screen

from perform.tui.base_app import BaseApp
from perform.tui.screens.latent_screen import LatentScreen
from perform.tui.screens.stage_screen import StageScreen
from perform.tui.widgets.deck_grid import SMALLEST
from perform.tui.widgets.stage_foot import works_locked

LAYOUTS: dict[str, Callable[[], Screen[None]] | None] = {
    "play": None,
    "stage": StageScreen,
    "latents": LatentScreen,
}


class LayoutKeys(BaseApp):
    """Actions for layouts. The layout is a screen above the one with all decks."""

    @property
    def layout_name(self) -> str:
        """The layout that is shown, also below a dialog."""
        for name, screen in LAYOUTS.items():
            if isinstance(screen, type) and any(isinstance(s, screen) for s in self.screen_stack):
                return name
        return "play"

    def use_layout(self, name: str) -> None:
        """Show a layout; the stage layout begins locked."""
        if self.layout_name == name:
            return
        if self.layout_name != "play":
            self.pop_screen()
        self.view.locked = name == "stage"
        if (screen := LAYOUTS[name]) is not None:
            self.push_screen(screen())

    def action_layout(self, steps: int) -> None:
        """Show the next or the previous layout; not below a dialog."""
        if self.screen.is_modal:
            return
        names = list(LAYOUTS)
        self.use_layout(names[(names.index(self.layout_name) + steps) % len(names)])

    def fit_layout(self) -> None:
        """Show the stage layout on a screen that is too small for decks, such as a phone's."""
        columns, lines = SMALLEST
        small = 0 < self.size.width < columns or 0 < self.size.height < lines
        if small and self.layout_name == "play" and not self.screen.is_modal:
            self.use_layout("stage")
            self.view.notice_until = 0.0  # a welcome names keys that are locked here

    def action_lock(self) -> None:
        """Lock the stage layout or unlock it; from another layout, go to it."""
        if self.screen.is_modal:
            return
        if self.layout_name == "stage":
            self.view.locked = not self.view.locked
        else:
            self.use_layout("stage")

    def action_latents(self) -> None:
        """Show the latents of the deck in focus."""
        self.use_layout("latents")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Refuse all actions of keys but a few while the stage layout is locked."""
        if self.view.locked and (not works_locked(action) or parameters):
            self.show_notice("locked: F10 unlocks")
            return False
        return super().check_action(action, parameters)
