"""The command `Learn`: checks what the player wants, then arms the control process."""

from __future__ import annotations

from collections.abc import Callable

from perform.core.errors import PerformError
from perform.core.messages.control_messages import LearnControl
from perform.core.params import SLOTS, Table, slot
from perform.stage.armed_learning import NOTHING_LEARNT
from perform.stage.commands import Learn
from perform.stage.controllers import Controllers

_FOCUS = SLOTS["focus"]


class LearnCommand:
    """Carries out `Learn`.

    knob_range : the range that the screen shows for an address; None: the parameter's
    song_mapping : name for the mapping of the song that plays
    """

    def __init__(
        self,
        table: Table,
        controllers: Controllers,
        knob_range: Callable[[str], tuple[float, float] | None],
        song_mapping: Callable[[], str],
    ) -> None:
        self._table, self._controllers = table, controllers
        self._knob_range, self._song_mapping = knob_range, song_mapping

    def run(self, command: Learn) -> None:
        """[main] Learn an address, or end learning.

        WrongUse for an unknown address or options that do not fit it; learning has then ended, so that no
        control is bound to the address before it.
        """
        if command.only and command.only != self._controllers.learning.order.address:
            return
        try:
            self._controllers.learn(self._order(command))
        except PerformError as error:
            self._controllers.end_learning(str(error))
            raise

    def _order(self, command: Learn) -> LearnControl:
        if not command.address:
            return NOTHING_LEARNT
        from perform.control.binding_options import checked_options  # at start-up it would cost 27 ms

        on_deck = command.address.replace("focus/", f"deck/{round(self._table[_FOCUS])}/", 1)
        slot(on_deck)
        knob_range = self._knob_range(on_deck)
        checked_options(command.address, knob_range, command.options)
        song = self._song_mapping() if command.song else ""
        return LearnControl(command.address, knob_range, command.options, song)
