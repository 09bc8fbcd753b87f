"""Actions for modulation: which modulators move the selected parameter; examples for the macros."""

from __future__ import annotations

from perform.core.modulation import CAN_BE_MODULATED
from perform.stage.commands import AddExample, Answer, ClearExamples, Modulate, Unmodulate
from perform.tui.base_app import BaseApp
from perform.tui.screens.modulation_dialog import Ends, ModulationDialog


class ModulationKeys(BaseApp):
    """Actions for modulators and examples."""

    def action_modulate(self, address: str = "") -> None:
        """Choose what modulates a parameter, the selected one if none is named."""
        frame = self.read_frame()
        row = frame.row(address) if address else frame.selected
        if not CAN_BE_MODULATED[row.slot] or (row.attribute and row.attribute.is_text):
            self.show_notice(f"{row.name} cannot be modulated: learn a control for it with l")
            return
        used = {m.source: (m.low, m.high) for m in frame.status.modulation if m.address == row.address}

        def changed(source: str, ends: Ends | None) -> None:
            command = Modulate(source, row.address, *ends) if ends else Unmodulate(row.address, source)
            self.stage_line.ask(command)

        self.push_screen(ModulationDialog(row, frame.knob(row), used, changed))

    def action_add_example(self) -> None:
        """Add the macros and biases of the deck in focus to its examples."""
        deck = self.read_frame().focus

        def added(_: Answer) -> None:
            count = len(self.read_frame().status.examples.get(deck, ())) or 1
            more = "move the macros, make another sound, press h" if count == 1 else "the macros move it now"
            self.show_notice(f"deck {deck} has {count} example{'s' if count > 1 else ''}: {more}")

        self.stage_line.ask(AddExample(deck), added)

    def action_clear_examples(self) -> None:
        """Clear the examples of the deck in focus."""
        deck = self.read_frame().focus
        self.stage_line.ask(
            ClearExamples(deck), lambda _: self.show_notice(f"deck {deck}: examples cleared; press u to undo")
        )
