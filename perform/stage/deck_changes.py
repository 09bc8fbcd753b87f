"""Commands that change one deck, its model, sound file or matrix; the player can undo each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from perform.core import params
from perform.core.arena_layout import LIVE
from perform.core.spec import SILENCE_DB
from perform.stage.command_table import CommandTable
from perform.stage.commands import Answer, Load, Unload, UseFile, UseMatrix
from perform.stage.deck import Deck, first_values
from perform.stage.deck_files import Kind
from perform.stage.set_parts import SetParts

ON_CUE = (SILENCE_DB, 1.0)  #: fader and cue switch of a deck that enters on cue


class DeckChanges:
    """Loads and unloads models, and chooses the decks' files."""

    def __init__(self, parts: SetParts) -> None:
        self._rack, self._files, self._history = parts.rack, parts.files, parts.history

    def register(self, table: CommandTable) -> None:
        """Register the commands."""
        table.on(Load, self._load)
        table.on(Unload, lambda command: self._change_model(command.deck, lambda deck: deck.unload()))
        table.on(UseFile, lambda command: self._choose(command.deck, "file", command.name))
        table.on(UseMatrix, lambda command: self._choose(command.deck, "matrix", command.name))

    def _load(self, command: Load) -> Answer:
        """Load a model. On an empty deck it enters on cue, with its fader down, if others play and it can."""
        number = command.deck
        enters = self._rack.deck(number).model is None and self._rack.arena.meter("cue/on") > 0
        enters &= any(
            self._rack.arena.meter(f"deck/{other}/state") == LIVE
            for other in self._rack.decks
            if other != number
        )
        self._change_model(number, lambda deck: deck.load(command.model), on_cue=enters)
        note = f"deck {number} enters on cue, its fader is down" if enters else ""
        if note:
            self._rack.log(note)
        return Answer(note=note)

    def _set_cue(self, number: int, values: tuple[float, float]) -> None:
        """Set fader and cue switch of a deck; undo does not see it as a gesture."""
        slots = [params.slot(f"deck/{number}/{name}") for name in ("gain", "cue")]
        self._rack.table[slots] = values
        self._rack.decks[number].moved |= {*slots}

    def _change_model(self, number: int, change: Callable[[Deck], None], *, on_cue: bool = False) -> None:
        """Load or unload a model; undo loads the one before, with the values that belong to it.

        on_cue : it enters on cue, with its fader down
        """
        deck = self._rack.deck(number)
        before, table, first = deck.model, self._rack.table, first_values(number)
        values = {slot: float(table[slot]) for slot in first}
        fader = float(table[params.slot(f"deck/{number}/gain")])
        cue = float(table[params.slot(f"deck/{number}/cue")])
        change(deck)
        after = deck.model
        if on_cue:
            self._set_cue(number, ON_CUE)

        def load(path: Path | None, values: Mapping[int, float], strip: tuple[float, float]) -> None:
            deck.load_file(path, values) if path else deck.unload()
            if on_cue:
                self._set_cue(number, strip)

        if before != after:
            self._history.add(
                f"deck {number}: {after.stem if after else 'unloaded'}",
                lambda: load(before, values, (fader, cue)),
                lambda: load(after, first, ON_CUE),
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
