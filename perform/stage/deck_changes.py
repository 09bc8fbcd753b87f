"""Commands that change one deck, its model, sound file or matrix; the player can undo each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from perform.core import params
from perform.stage.command_table import CommandTable
from perform.stage.commands import Load, Unload, UseFile, UseMatrix
from perform.stage.deck import Deck
from perform.stage.deck_files import Kind
from perform.stage.set_parts import SetParts


class DeckChanges:
    """Loads and unloads models, and chooses the decks' files."""

    def __init__(self, parts: SetParts) -> None:
        self._rack, self._files, self._history = parts.rack, parts.files, parts.history

    def register(self, table: CommandTable) -> None:
        """Register the commands."""
        table.on(
            Load, lambda command: self._change_model(command.deck, lambda deck: deck.load(command.model))
        )
        table.on(Unload, lambda command: self._change_model(command.deck, lambda deck: deck.unload()))
        table.on(UseFile, lambda command: self._choose(command.deck, "file", command.name))
        table.on(UseMatrix, lambda command: self._choose(command.deck, "matrix", command.name))

    def _change_model(self, number: int, change: Callable[[Deck], None]) -> None:
        """Load or unload a model; undo loads the one before, with its attribute values."""
        deck = self._rack.deck(number)
        before, attributes = deck.model, self._rack.table[params.attribute_slots(number)].copy()
        change(deck)
        after = deck.model

        def load(path: Path | None, attributes: params.AttributeValues) -> None:
            deck.load_file(path, attributes=attributes) if path else deck.unload()

        if before != after:
            self._history.add(
                f"deck {number}: {after.stem if after else 'unloaded'}",
                lambda: load(before, attributes),
                lambda: load(after, params.default_attributes()),
            )

    def _choose(self, number: int, kind: Kind, name: str) -> None:
        """Choose a file or a matrix; undo brings the one before."""
        self._rack.deck(number)
        files, before = self._files, self._files.name(number, kind)
        files.choose(number, kind, name)
        after = files.name(number, kind)
        if before != after:
            self._history.add(
                f"deck {number}: {kind} {Path(after).name or 'none'}",
                lambda: files.restore(number, kind, before),
                lambda: files.restore(number, kind, after),
            )
