"""Dialog that chooses a set to open."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from perform.core.errors import PerformError
from perform.core.printable import printable
from perform.library import allowed_files, sets
from perform.library.allowed_files import FilesOutside
from perform.tui.screens.chooser import Chooser


class SetChooser(Chooser):
    """Returns a set's name or path."""

    verb, kind, if_empty = "open", "set", "no sets yet: press S in the set list to save this one"
    suffixes = (".toml",)

    def __init__(self, current: str, changed: bool) -> None:
        note = "▲ this set has unsaved changes: press ctrl+s to save" if changed else ""
        super().__init__("Open another set", note)
        self._current = current
        self._asked: FilesOutside | None = None

    def lines(self) -> Mapping[str, Content]:
        """[disk] All sets, each with its songs."""
        return {name: self._line(name) for name in sorted(sets.available())}

    def check(self, chosen: str) -> None:
        """Raise PerformError if the file is not a set. Enter once more allows it the files that it names."""
        try:
            sets.load_set(chosen)
        except FilesOutside as error:
            if self._asked is None or (error.where, error.files) != (self._asked.where, self._asked.files):
                self._asked = error
                hint = "if you trust it, press enter again"
                raise PerformError(error.what, where=error.where, hint=hint) from error
            allowed_files.allow(error.files)

    def _line(self, name: str) -> Content:
        padded = set_cell_size(printable(name), max(20, cell_len(name)))
        try:
            songs = sets.load_set(name).songs
        except PerformError as error:
            return Content.assemble(f"  {padded}", (printable(f"  ▲ {error.what}"), "$error"))
        head = (f"{'●' if name == self._current else ' '} {padded}", "bold")
        return Content.assemble(head, (printable(f"  {', '.join(song.name for song in songs)}"), "$ink-dim"))
