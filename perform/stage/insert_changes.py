"""Commands that load and unload the effect modules of inserts; the player can undo each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from perform.core import params
from perform.stage.command_table import CommandTable
from perform.stage.commands import LoadInsert, UnloadInsert
from perform.stage.insert_slot import InsertSlot
from perform.stage.set_parts import SetParts


class InsertChanges:
    """Loads and unloads modules."""

    def __init__(self, parts: SetParts) -> None:
        self._rack, self._history = parts.rack, parts.history

    def register(self, table: CommandTable) -> None:
        """Register the commands."""
        table.on(LoadInsert, lambda command: self._change(command.insert, lambda it: it.load(command.model)))
        table.on(UnloadInsert, lambda command: self._change(command.insert, lambda it: it.unload()))

    def _change(self, number: int, change: Callable[[InsertSlot], None]) -> None:
        """Load or unload a module; undo loads the one before, with its attribute values."""
        insert = self._rack.insert(number)
        before, attributes = insert.model, self._rack.table[params.insert_slots(number)].copy()
        change(insert)
        after = insert.model

        def load(path: Path | None, attributes: params.AttributeValues) -> None:
            insert.load_file(path, attributes=attributes) if path else insert.unload()

        if before != after:
            place = f"deck {number}" if number else "master"
            self._history.add(
                f"insert of {place}: {after.stem if after else 'removed'}",
                lambda: load(before, attributes),
                lambda: load(after, params.default_attributes()),
            )
