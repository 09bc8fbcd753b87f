"""The stage layout: large letters, and a lock against keys pressed by mistake."""

from __future__ import annotations

from perform.tui.screen_frame import ScreenFrame
from perform.tui.screens.play_screen import PlayScreen
from perform.tui.widgets.line_widget import LineWidget
from perform.tui.widgets.stage_foot import StageFoot, works_locked
from perform.tui.widgets.stage_view import StageView


class StageScreen(PlayScreen):
    """Has the keys of `PlayScreen`; while it is locked only panic, record, marker, go and unlock."""

    def widgets(self) -> tuple[LineWidget, LineWidget]:
        """Song, master and decks in big letters; one line of keys."""
        return StageView("stage"), StageFoot("foot")

    def heights(self, frame: ScreenFrame) -> tuple[int, int]:
        """Lines of the status bar, which has no songs here, and of the foot."""
        return 2, 2 if frame.notice else 1

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key may act now."""
        return False if self.instrument.view.locked else super().check_action(action, parameters)

    async def on_line_widget_grabbed(self, message: LineWidget.Grabbed) -> None:
        """Ignore the mouse while it is locked, except on the keys of the foot."""
        if self.instrument.view.locked and not works_locked(message.hit.action):
            message.prevent_default()
