"""Actions for the inserts: choose an effect module behind a deck, or on the master."""

from __future__ import annotations

from perform.stage.commands import LoadInsert, UnloadInsert
from perform.tui.base_app import BaseApp
from perform.tui.screens.insert_browser import REMOVE, InsertBrowser


class InsertKeys(BaseApp):
    """Actions that load and remove modules."""

    def action_insert(self, deck: int = 0) -> None:
        """Choose a module for the insert of a deck; 0: the deck with the focus."""
        self._choose_insert(deck or self.read_frame().focus)

    def action_insert_master(self) -> None:
        """Choose a module for the insert of the master."""
        self._choose_insert(0)

    def _choose_insert(self, insert: int) -> None:
        status = self.read_frame().insert(insert)

        def chosen(model: str) -> None:
            self.stage_line.ask(UnloadInsert(insert) if model == REMOVE else LoadInsert(insert, model))

        self.open_dialog(InsertBrowser(insert, status.model if status else ""), chosen)
