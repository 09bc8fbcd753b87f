"""Commands that edit the modulation of the song that plays. The player can undo each."""

from __future__ import annotations

import msgspec

from perform.core.errors import WrongUse
from perform.library.song import ModulationRow, Song
from perform.library.song_modulation import check_modulation, check_row
from perform.stage.command_table import CommandTable
from perform.stage.commands import Answer, Modulate, Unmodulate
from perform.stage.editing import Editing
from perform.stage.status import ModulationStatus


class ModulationEditing:
    """Adds, changes and removes rows of modulation."""

    def __init__(self, editing: Editing) -> None:
        self._editing = editing

    def register(self, table: CommandTable) -> None:
        """Register the commands."""
        table.on(Modulate, self._modulate)
        table.on(Unmodulate, self._unmodulate)

    def _modulate(self, command: Modulate) -> Answer:
        row = ModulationRow(command.source, command.address, command.low, command.high)
        check_row(row)

        def change(song: Song) -> Song:
            rows = list(song.modulation)
            at = next((i for i, old in enumerate(rows) if _ends(old) == _ends(row)), len(rows))
            rows[at : at + 1] = [row]
            check_modulation(rows)
            return msgspec.structs.replace(song, modulation=rows)

        done = f"{row.source} moves {row.to} by {row.low:+g} to {row.high:+g}"
        return self._editing.edit_song(change, done, merges=f"{row.source} {row.to}")

    def _unmodulate(self, command: Unmodulate) -> Answer:
        source, address = command.source, command.address

        def change(song: Song) -> Song:
            rows = [row for row in song.modulation if row.to != address or source not in ("", row.source)]
            if len(rows) == len(song.modulation):
                what = f"{source} does not move {address}" if source else f"no modulator moves {address}"
                raise WrongUse(what, hint="add a row first")
            return msgspec.structs.replace(song, modulation=rows)

        return self._editing.edit_song(change, f"{source or 'all modulators'} removed from {address}")


def _ends(row: ModulationRow) -> tuple[str, str]:
    return row.source, row.to


def modulation_status(song: Song) -> tuple[ModulationStatus, ...]:
    """The modulation's part of a `Status`."""
    return tuple(ModulationStatus(row.source, row.to, row.low, row.high) for row in song.modulation)
