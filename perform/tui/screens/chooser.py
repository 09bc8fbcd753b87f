"""Base of dialogs that choose from a list: type to filter it, or type a path; enter takes the marked line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from perform.core.errors import PerformError
from perform.core.printable import printable
from perform.library import places
from perform.tui.background import in_background
from perform.tui.screens.dialog import Dialog, DialogText, Field


class Chooser(Dialog[str]):
    """Returns a name from the list, or the path of a file."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Next", id="chooser.next", priority=True),
        Binding("up", "move(-1)", "Previous", id="chooser.previous", priority=True),
    ]

    verb: ClassVar[str] = "open"  #: action of enter
    kind: ClassVar[str] = "file"  #: noun for one entry
    if_empty: str = "there are none"  #: shown instead of an empty list
    more_keys: ClassVar[str] = ""  #: shown behind the action of enter

    def __init__(self, title: str, note: str = "") -> None:
        super().__init__()
        self._title, self._note = title, note
        self._lines: Mapping[str, Content] | None = None

    def lines(self) -> Mapping[str, Content]:
        """[disk] The entries: name -> its line in the list."""
        raise NotImplementedError

    def check(self, chosen: str) -> None:
        """Raise PerformError if this entry cannot be used; the dialog shows it and stays open."""
        raise NotImplementedError

    def others(self) -> Iterable[tuple[str, str]]:
        """More entries below the list: (text, answer)."""
        return ()

    def compose(self) -> ComposeResult:
        """A filter above the list."""
        with Vertical():
            yield DialogText(self._title, classes="title")
            yield Field(placeholder="type to filter, or a path")
            yield OptionList(Option("reading…", disabled=True), markup=False)
            if self._note:
                yield DialogText(self._note, classes="note")
            hint = f"enter {self.verb}s{self.more_keys} · up down choose · esc cancels"
            yield DialogText(hint, classes="hint")

    def on_mount(self) -> None:
        """Read the list in a thread, so that a slow disk cannot block the screen."""
        self.query_one(OptionList).can_focus = False
        self._read()

    def _read(self) -> None:
        in_background(self, self.lines, self._show, self._show_fault)

    def _show_fault(self, error: PerformError) -> None:
        self.query_one(OptionList).clear_options().add_option(Option(Content(f"▲ {error}"), disabled=True))

    def _show(self, lines: Mapping[str, Content]) -> None:
        self._lines = lines
        self._fill(lines, self.query_one(Input).value)

    def _fill(self, lines: Mapping[str, Content], wanted: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        terms = wanted.casefold().split()
        found = [n for n, line in lines.items() if all(term in line.plain.casefold() for term in terms)]
        options.add_options(Option(lines[name], id=f"={name}") for name in found)
        if places.is_path(wanted) and (path := places.existing(wanted)):
            options.add_option(Option(Content(printable(f"{self.verb} the file {path}")), id=f"={path}"))
        elif not lines:
            options.add_option(Option(self.if_empty, disabled=True))
        elif not found:
            options.add_option(
                Option(Content(printable(f"no {self.kind} matches {wanted!r}")), disabled=True)
            )
        for text, answer in self.others():
            if all(term in text.casefold() for term in terms):
                options.add_option(Option(Content(printable(text)), id=f"!{answer}"))
        options.action_first()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter the list, or offer the file with that path."""
        if self._lines is not None:
            self._fill(self._lines, event.value)

    def on_input_submitted(self) -> None:
        """Take the marked line."""
        self.query_one(OptionList).action_select()

    def action_move(self, steps: int) -> None:
        """Mark another line; the text field keeps the focus."""
        options = self.query_one(OptionList)
        (options.action_cursor_down if steps > 0 else options.action_cursor_up)()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the entry, or show why it cannot be used."""
        chosen = event.option.id or ""
        try:
            if chosen.startswith("="):
                self.check(chosen[1:])
        except PerformError as error:
            self.query_one(".hint", DialogText).update(Content.assemble((f"▲ {error}", "$error")))
            return
        self.dismiss(chosen[1:])
