"""Base of dialogs that choose from a list: type to filter it, or type a path; enter takes the marked line.

Where a path is typed, the list shows what it could become, and tab completes it, as in a shell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
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
from perform.tui.screens import typed_path
from perform.tui.screens.dialog import Dialog, DialogText, Field

MOST = 200  #: entries of one folder that are shown


class Chooser(Dialog[str]):
    """Returns a name from the list, or the path of a file."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Next", id="chooser.next", priority=True),
        Binding("up", "move(-1)", "Previous", id="chooser.previous", priority=True),
        Binding("tab", "tab", "Complete", id="chooser.complete", priority=True),
    ]

    verb: ClassVar[str] = "open"  #: action of enter
    kind: ClassVar[str] = "file"  #: noun for one entry
    suffixes: ClassVar[Collection[str]] = ()  #: of the files that can be chosen by their path
    if_empty: str = "there are none"  #: shown instead of an empty list
    more_keys: ClassVar[str] = ""  #: shown behind the action of enter

    def __init__(self, title: str, note: str = "") -> None:
        super().__init__()
        self._title, self._note = title, note
        self._lines: Mapping[str, Content] | None = None
        self._entries: Sequence[str] = ()  # what the path that is being typed could become

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
            yield DialogText(self._hint(self.more_keys), classes="hint")

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
        elif self._entries:
            for entry in self._entries[:MOST]:
                answer = f">{entry}" if entry.endswith("/") else f"={entry}"
                options.add_option(Option(Content(printable(entry)), id=answer))
            if (more := len(self._entries) - MOST) > 0:
                options.add_option(Option(f"and {more} more: type on", disabled=True))
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
        """Filter the list, or offer what the path could become."""
        typed, self._entries = event.value, ()
        keys = " · tab completes" if self._is_path(typed) else self.more_keys
        self.query_one(".hint", DialogText).update(self._hint(keys))
        if self._lines is not None:
            self._fill(self._lines, typed)
        if self._is_path(typed):
            in_background(
                self,
                lambda: typed_path.entries(typed, self.suffixes),
                lambda found: self._offer(typed, found),
                self._show_fault,
            )

    def _offer(self, typed: str, found: Sequence[str]) -> None:
        """Show what a path could become, unless the player has typed on."""
        if found and typed == self.query_one(Input).value:
            self._entries = found
            self._fill(self._lines or {}, typed)

    def _hint(self, keys: str) -> str:
        return f"enter {self.verb}s{keys} · up down choose · esc cancels"

    def _is_path(self, typed: str) -> bool:
        """Whether the player types the path of a file that can be chosen."""
        return bool(self.suffixes) and typed_path.looks_like_path(typed)

    def action_tab(self) -> None:
        """Complete the path."""
        field = self.query_one(Input)
        if self._is_path(field.value):
            self._type(typed_path.completed(field.value, self._entries))

    def _type(self, text: str) -> None:
        field = self.query_one(Input)
        field.value = text
        field.cursor_position = len(text)

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
        if chosen.startswith(">"):  # a folder: look into it
            self._type(chosen[1:])
            return
        try:
            if chosen.startswith("="):
                self.check(chosen[1:])
        except PerformError as error:
            self.query_one(".hint", DialogText).update(Content.assemble((f"▲ {error}", "$error")))
            return
        self.dismiss(chosen[1:])
