"""Actions for controllers: learning, removing learnt controls, choosing and saving a mapping."""

from __future__ import annotations

from dataclasses import replace

from perform.stage.commands import Answer, Learn, ListMapping, SaveMapping, Unlearn, UseMapping
from perform.tui.base_app import BaseApp
from perform.tui.located import Located
from perform.tui.parameter_rows import ParameterRow, name
from perform.tui.screen_frame import ScreenFrame
from perform.tui.screens.learn_options import LearnChoice, LearnOptionsDialog
from perform.tui.screens.mapping_chooser import MappingChooser, mappings
from perform.tui.screens.mapping_page import MappingPage
from perform.tui.screens.naming import FILE, NameDialog


class ControlKeys(BaseApp):
    """Actions for learning and for mappings."""

    def action_learn(self) -> None:
        """Learn a control for the selected parameter, then for each one selected, until esc."""
        self.view.locate = None
        self.learn(self.read_frame().selected.address)

    def action_locate(self) -> None:
        """Show what the next control that is touched does, or which controls a parameter has; until esc."""
        if self.view.learning:
            self.action_stop_learning()
        if self.view.locate:
            self.view.locate = None
        else:
            self.view.control_rows_of = None  # they are listed anew
            self.view.locate = Located(since=self.read_frame().status.touched.number)

    def follow_located(self, frame: ScreenFrame) -> None:
        """[ui] Move the cursor to what a touched control moves."""
        located, touched = self.view.locate, frame.status.touched
        if located is None:
            return
        if touched.number != located.since:
            if touched.address:
                deck = touched.address.split("/")[1] if touched.address.startswith("deck/") else frame.focus
                self.view.selected[int(deck)] = touched.address
            selected = frame.selected.address
            self.view.locate = replace(located, since=touched.number, touch=touched, selected=selected)
        elif located.touch and frame.selected.address != located.selected:
            self.view.locate = replace(located, touch=None)

    def list_controls(self, frame: ScreenFrame) -> None:
        """[ui] List the bindings anew when they changed."""
        view, bindings = self.view, frame.status.bindings
        if view.control_rows_of is not bindings and view.control_rows_of != bindings:
            view.control_rows_of = bindings
            self.stage_line.ask(ListMapping(), self._list_controls)

    def _list_controls(self, answer: Answer) -> None:
        self.view.control_rows = answer.bindings

    def action_stop_learning(self) -> None:
        """Stop learning and locating, and cancel a waiting prefix key."""
        self.view.locate = None
        if self.read_frame().prefix:
            self.set_prefix("")
            self.show_notice("")
        if self.view.learning:
            self.view.learning = ""
            self.stage_line.ask(Learn(""))

    def learn_with_options(self, row: ParameterRow) -> None:
        """Ask how the next control is to move a parameter, then learn it."""

        def chosen(choice: LearnChoice) -> None:
            self.learn(choice.address, choice.options, song=choice.song)

        self.open_dialog(LearnOptionsDialog(row), chosen)

    def action_unlearn(self) -> None:
        """Remove all controls of the selected parameter, or of the one being learned."""
        address = self.view.learning or self.read_frame().selected.address
        self.stage_line.ask(
            Unlearn(address), lambda _: self.show_notice(f"{name(address)}: controls removed")
        )

    def action_mapping(self) -> None:
        """Choose a mapping."""
        names = mappings()
        if not names:
            self.show_notice("no mappings yet: learn controls with l, then save with S")
            return

        self.open_dialog(
            MappingChooser(names, self.frame.status.mapping),
            lambda chosen: self.stage_line.ask(
                UseMapping(chosen), lambda _: self.show_notice(f"mapping {chosen}")
            ),
        )

    def action_show_mapping(self) -> None:
        """Show what each control does, and why."""
        self.stage_line.ask(ListMapping(), lambda answer: self.push_screen(MappingPage(answer.bindings)))

    def action_save_mapping(self) -> None:
        """Save the mapping in use."""
        current, hint = self.frame.status.mapping, "enter saves it with your mappings"
        self.open_dialog(
            NameDialog("Save the current mapping as", current, hint, FILE),
            lambda chosen: self.stage_line.ask(SaveMapping(chosen), self.notice_answer("mapping saved:")),
        )
