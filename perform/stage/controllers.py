"""The control process (MIDI): its ports, its mapping, and learning. All values stay when it dies."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from perform.core.arena import Arena
from perform.core.errors import PerformError, WrongUse
from perform.core.messages.control_messages import (
    BindingsListed,
    BindingUndone,
    ControlFailed,
    ControlLearned,
    ControlTouched,
    LearnAsked,
    LearnControl,
    ListBindings,
    LoadMapping,
    MappingChanged,
    MappingWritten,
    MidiPortsChanged,
    OrderDone,
    StartControl,
    UndoBinding,
    UnlearnControl,
    UseLayers,
    WriteMapping,
)
from perform.core.messages.message_lines import AnyOrder, AnyReport
from perform.core.params import slot
from perform.stage.armed_learning import LEARN_S, NOTHING_LEARNT, ArmedLearning
from perform.stage.child import Child, KeptChild
from perform.stage.command_table import CommandTable
from perform.stage.commands import (
    Answer,
    ListMapping,
    Reply,
    SaveMapping,
    UndoMapping,
    Unlearn,
    UseMapping,
)
from perform.stage.status import BindingStatus, TouchStatus

STALL_S = 8.0  #: a control process without a beat for this long hangs in the MIDI system


class Controllers:
    """Keeps the control process running, with the mapping that the player chose and the learned controls.

    spawn : starts a child process from a module's name
    mapping : the player's choice for the whole run; "" for none
    ports : use only MIDI ports whose name contains one of these; empty: all
    """

    def __init__(
        self,
        arena: Arena,
        spawn: Callable[[str], Child],
        log: Callable[[str], None],
        mapping: str,
        ports: tuple[str, ...],
    ) -> None:
        self._arena, self._log, self._wanted_ports = arena, log, ports
        self._process = KeptChild(
            lambda: spawn("perform.control.control_process"), lambda: arena.meter("heartbeat/control")
        )
        self._waiting: dict[str, deque[Reply]] = {}  # by name of the order, oldest first
        self.ports: tuple[str, ...] = ()
        self.error = ""
        self.mapping, self.other_mappings = "", 0
        self._fixed = bool(mapping)  # no song changes a mapping that was given at the start
        self.song_mapping = ""  # the song's mapping, once a control was learnt for the song
        self._layers = UseLayers("", "")  # the mappings of the set and of the song
        self._path = mapping  # for the next process; "": the mapping made for the connected controllers
        self.bindings: tuple[BindingStatus, ...] = ()
        self.learning = ArmedLearning()
        self.touched = TouchStatus()

    def register(self, table: CommandTable) -> None:
        """Register the commands about mappings."""
        table.on_later(UseMapping, lambda command, reply: self.use(command.name, reply))
        table.on_later(SaveMapping, lambda command, reply: self.save(command.name, reply))
        table.on_later(ListMapping, lambda command, reply: self.list_bindings(reply))
        table.on_later(Unlearn, lambda command, reply: self.unlearn(command.address, reply))
        table.on_later(UndoMapping, lambda command, reply: self._order(UndoBinding(), reply))

    def tick(self) -> None:
        """Start and watch the process."""
        if self._process.tick(STALL_S):
            self._order(StartControl(str(self._arena.path), self._path, self._wanted_ports))
            if self._layers != UseLayers("", ""):
                self._order(self._layers)
            if self.learning.order.address:
                self._order(self.learning.order)
        elif self.learning.is_overdue:
            address = self.learning.order.address
            self.end_learning(f"no control has moved for {LEARN_S:.0f} s")
            self._log(f"{self.learning.note}: learning of {address} has ended")

    def learn(self, order: LearnControl) -> None:
        """Map the controls that move next to an address; "" ends learning."""
        if order.song and self._fixed:
            raise WrongUse("songs change no mapping now", hint="start without --mapping")
        self.learning.begin(order)
        if self._process.child:  # else `tick` sends it to the next process
            self._order(order)

    def end_learning(self, why: str) -> None:
        """End learning; the screen shows why."""
        self.learn(NOTHING_LEARNT)
        self.learning.end(why)

    def unlearn(self, address: str, reply: Reply) -> None:
        """Remove every binding of an address; answers once that is done."""
        slot(address)
        self._order(UnlearnControl(address), reply)

    def use(self, path: str, reply: Reply) -> None:
        """Load another mapping; answers with its path."""
        self._order(LoadMapping(path), reply)

    def use_layers(self, set_mapping: str, song_mapping: str) -> None:
        """A song begins: lay its mapping and the set's over those of the devices; "": none."""
        if self.learning.order.song:
            self.end_learning("another song plays now")
        layers, self.song_mapping = UseLayers(set_mapping, song_mapping), ""
        if layers != self._layers and not self._fixed:
            self._layers = layers
            if self._process.child:
                self._order(layers)

    def list_bindings(self, reply: Reply) -> None:
        """Ask for every binding of the connected controllers; answers with them."""
        self._order(ListBindings(), reply)

    def save(self, name: str, reply: Reply) -> None:
        """Write the mapping in use; answers with its path."""
        self._order(WriteMapping(name), reply)

    def _order(self, order: AnyOrder, reply: Reply | None = None) -> None:
        """Send an order; the process answers orders of one kind in turn."""
        if self._process.child is None:
            raise PerformError("the MIDI process is being restarted", hint="try again in a second")
        self._process.child.order(order)
        if reply:
            self._waiting.setdefault(type(order).__name__, deque()).append(reply)

    def _answer(self, order: str, answer: Answer) -> None:
        """Answer the command that waits longest for an order of this name."""
        if waiting := self._waiting.get(order):
            waiting.popleft()(answer)

    def handle_report(self, child: Child, report: AnyReport) -> bool:
        """Handle a report of the control process."""
        if child is not self._process.child:
            return False
        match report:
            case MidiPortsChanged(ports, error):
                if error != self.error:
                    self._log(error or "MIDI works again")
                for port in set(ports) - set(self.ports):
                    self._log(f"controller {port!r} is connected")
                self.ports, self.error = ports, error
            case MappingChanged():
                self.mapping, self.other_mappings = report.name, report.others
                if not report.follows:  # else the mapping depends on the connected controllers
                    self._path = report.path
                self.bindings = tuple(BindingStatus(address, control) for address, control in report.bindings)
            case OrderDone(order):
                self._answer(order, Answer(self._path if order == LoadMapping.__name__ else ""))
            case ControlTouched(text, address, turn, port, sends):
                self.touched = TouchStatus(text, address, turn, port, sends, self.touched.number + 1)
            case ControlLearned():
                self._learnt(report)
            case LearnAsked(question):
                self.learning.asked(question)
            case BindingUndone(change):
                self.learning.undone(change)
                self._log(self.learning.note)
                self._answer(UndoBinding.__name__, Answer(change))
            case BindingsListed(rows):
                self._answer(ListBindings.__name__, Answer(bindings=rows))
            case MappingWritten(path):
                self._answer(WriteMapping.__name__, Answer(path))
            case ControlFailed(error, order):
                self._log(error)
                if order == LearnControl.__name__:
                    self.end_learning(error)
                self._answer(order, Answer(error=error, exit_code=2))
        return True

    def _learnt(self, report: ControlLearned) -> None:
        lost, song = "; ".join(report.lost), report.song
        words = [f"{report.control} is mapped to {report.address}", *report.lost]
        if song and self.learning.order.song:
            self.song_mapping = song
            self._layers = UseLayers(self._layers.set, song)  # the process uses it already
        elif song:  # the song ended at this moment
            words.append(f"it is in the mapping {song}, which no song names")
        if self.learning.order.address == report.address:  # else the player has begun to learn another
            self.learning.bound(report.address, lost)
        self._log("; ".join(words))

    def handle_death(self, child: Child) -> bool:
        """Plan a new process; all values stay as they are."""
        if not self._process.handle_death(child):
            return False
        if self.ports:
            self._log("the MIDI process died and starts again; all values stay")
        for replies in self._waiting.values():
            while replies:
                replies.popleft()(Answer(error="the MIDI process died: try again", exit_code=1))
        self.ports = ()
        return True

    def end(self) -> None:
        """Close its lifeline."""
        if self._process.child:
            self._process.child.close()
