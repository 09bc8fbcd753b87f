"""Locate: the parameter that a touched control moves, and the controls that move a parameter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perform.core import params
from perform.core.knob_ranges import KnobRanges
from perform.core.messages.control_messages import BindingRow
from perform.stage.status import BindingStatus, TouchStatus

FOCUS = "focus/"  #: begins an address on the deck that has the focus


@dataclass(frozen=True, slots=True)
class Located:
    """What the screen knows of the controllers while the player locates.

    since    : number of the touch before `i` was pressed: it does not count
    touch    : the control that was touched since, as long as the cursor has not moved; None: none
    selected : address of the cursor when it was touched
    """

    since: int = 0
    touch: TouchStatus | None = None
    selected: str = ""

    def of_touch(self, rows: Iterable[BindingRow]) -> list[BindingRow]:
        """Of all bindings, those of the control that was touched, those that a layer hides at the end."""
        touch = self.touch
        if touch is None:
            return []
        sends = (touch.sends, touch.sends.partition(":")[2])
        found = [row for row in rows if row.port == touch.port and row.sends in sends]
        return sorted(found, key=lambda row: bool(row.hidden_by))


def controls_of(
    address: str, focus: int, bindings: Iterable[BindingStatus], rows: Iterable[BindingRow]
) -> list[str]:
    """The controls that move a parameter: `nanoKONTROL2 knob 1 (CC16)`.

    focus    : the deck that has it
    bindings : of the status;  rows : every binding of the connected devices
    """
    deck = f"deck/{focus}/"
    moving = {address, FOCUS + address.removeprefix(deck)} if address.startswith(deck) else {address}
    labels = dict.fromkeys(it.control for it in bindings if it.address in moving)
    names = {f"{row.port} {row.sends}": control_name(row) for row in rows}
    return [names.get(label, label) for label in labels]


def control_name(row: BindingRow) -> str:
    """A control as the player finds it on the device, with its message: `nanoKONTROL2 knob 1 (CC16)`."""
    message = f" ({row.sends})" if row.sends != row.control else ""
    return f"{row.port} {row.control}{message}"


def moved_by(row: BindingRow, focus: int, knobs: KnobRanges) -> str:
    """The address that a binding moves while a deck has the focus; "" for none."""
    address = f"deck/{focus}/{row.to.removeprefix(FOCUS)}" if row.to.startswith(FOCUS) else row.to
    if row.audible:
        slot = knobs.audible_slot(address)
        return params.ADDRESSES[slot] if slot >= 0 else ""
    return address if address in params.SLOTS else ""
