"""The control process: turns MIDI bytes into parameter values. `python -m perform.control.control_process`

Two threads. [control] reads what rtmidi queued for each open port and stores values; rtmidi's own threads
run no Python, so this interpreter can hold up no audio server. [main] handles the stage's orders, opens
and closes ports, learns, writes files and reports. If either stops, parameters keep their values.

Orders and reports: `core/messages.py`.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import sys
import threading
import time
from pathlib import Path

from perform.control.binding import Binding
from perform.control.learning import ActiveMapping
from perform.control.midi_ports import Inputs, MidiPorts, MidiServerGone, NoMidi, quiet
from perform.control.router import ControlRouter, TouchedControl
from perform.core import params
from perform.core.arena import Arena
from perform.core.errors import PerformError, WrongUse
from perform.core.lifeline import Lifeline
from perform.core.messages import (
    AnyOrder,
    ControlFailed,
    ControlLearned,
    ControlTouched,
    LearnControl,
    LoadMapping,
    MappingChanged,
    MappingWritten,
    MidiPortsChanged,
    StartControl,
    UnlearnControl,
    WriteMapping,
)

NAP_BUSY, NAP_IDLE = 0.001, 0.003  #: seconds [control] sleeps: within a second of a message, otherwise
TICK = 0.05  #: seconds between two looks of [main]
CLOSE_S = 2.0  #: seconds that leaving the MIDI system may take
TOUCHES, POLLS, BEATS, RETRIES = 0.1, 0.25, 0.5, 2.0  #: seconds between two of each
_BURST = 256  #: messages of one port before the next has its turn


class ControlProcess:
    """Everything the process knows."""

    def __init__(self, line: Lifeline, start: StartControl) -> None:
        self._arena = arena = Arena.open(Path(start.arena))
        self._line = line
        self._router = ControlRouter(arena.table, arena.meters)
        self._mapping = ActiveMapping()
        self._follow = not start.mapping  # the mapping follows the controllers that are connected
        self._wanted: list[str] = list(start.ports)
        self._ports: MidiPorts | None = None
        self._inputs: Inputs = ()  # what [control] reads
        self._known: list[str] = []  # ports that are or were there: what is unplugged is no other's to play
        self._touched: TouchedControl | None = None
        self._shown: tuple[list[str], str] | None = None
        self._due = dict.fromkeys((TOUCHES, POLLS, BEATS, RETRIES), 0.0)
        self._reader = threading.Thread(target=self._read, name="control", daemon=True)
        try:
            if start.mapping:
                self._mapping.use(start.mapping)
        except PerformError as error:
            self._follow = True
            self._line.report(ControlFailed(str(error)))
        if self._follow:
            self._choose_mapping_for([])
        self._take_mapping()

    def run(self) -> None:
        """[main] Until the stage is gone; it then leaves the MIDI system. Raises ServerGone."""
        self._reader.start()
        while True:
            self._look()
            try:
                order = self._line.next(timeout=TICK)
            except queue.Empty:
                continue
            if order is None:
                break
            try:
                self._handle(order)
            except (PerformError, OSError, RuntimeError) as error:
                self._line.report(ControlFailed(str(error)))
        self._inputs = ()
        time.sleep(10 * NAP_IDLE)  # [control] has seen that
        if self._ports is not None:
            # a JACK server that dies just now would let this hang for ever
            faulthandler.dump_traceback_later(CLOSE_S, exit=True)
            self._ports.close()

    def _read(self) -> None:
        """[control] Whatever arrived, into the table."""
        heard = 0.0
        while True:
            now = time.monotonic()
            for name, port in self._inputs:
                for _ in range(_BURST):
                    message = port.get_message()
                    if message is None:
                        break
                    self._router.handle(name, message[0])
                    heard = now
            time.sleep(NAP_BUSY if now - heard < 1.0 else NAP_IDLE)

    def _handle(self, order: AnyOrder) -> None:
        match order:
            case LearnControl(address, span):
                self._mapping.learn(address, span)
                while not self._router.moved.empty():  # what moved before does not count
                    self._router.moved.get()
                self._router.learning = bool(address)
            case UnlearnControl(address):
                self._mapping.unlearn(address)
                self._route()
                self._keep()
            case LoadMapping(path):
                self._mapping.use(path)
                self._follow = False
                self._take_mapping()
            case WriteMapping(name, path):
                self._mapping.save(name, path)
                self._follow = False
                self._line.report(MappingWritten(str(self._mapping.path)))
                self._take_mapping()
            case _:
                raise WrongUse(f"not an order for the control process: {order}")

    def _look(self) -> None:
        """Check the reader and the ports, learn, and report the control that was touched last."""
        self._arena.set_meter("beat/control", self._arena.meter("beat/control") + 1)
        if not self._reader.is_alive():
            raise MidiServerGone("the MIDI reader stopped: values hold")
        if self._ports is None and self._is_time(RETRIES):
            self._connect()
        if self._ports is not None and self._is_time(POLLS):
            self._ports.poll()
            self._show_ports(self._ports.opened, self._ports.error())
        if self._ports is not None and self._is_time(BEATS):
            self._ports.beat()
        self._learn()
        if self._router.touch is not self._touched and self._is_time(TOUCHES):
            self._touched = touch = self._router.touch
            if touch:
                address = params.ADDRESSES[touch.slot] if touch.slot >= 0 else ""
                self._line.report(ControlTouched(touch.text(), address))

    def _is_time(self, period: float) -> bool:
        now = time.monotonic()
        if now < self._due[period]:
            return False
        self._due[period] = now + period
        return True

    def _connect(self) -> None:
        try:
            if self._shown is None:
                self._ports = MidiPorts(self._wanted)
            else:
                with quiet():  # the log has the libraries' complaints from the first time
                    self._ports = MidiPorts(self._wanted)
        except (NoMidi, WrongUse) as error:
            self._show_ports((), str(error))

    def _show_ports(self, inputs: Inputs, error: str) -> None:
        """Routes first, then the messages that wait in the inputs, then the stage."""
        names = [name for name, _ in inputs]
        other = inputs != self._inputs  # of the same names, where one left and came back between two looks
        if self._shown == (names, error) and not other:
            return
        if other:
            if inputs and self._follow:
                self._choose_mapping_for(names)
            self._known += [name for name in names if name not in self._known]
            self._route()
            self._inputs = inputs
        self._shown = names, error
        self._line.report(MidiPortsChanged(tuple(names), error))
        if other:
            self._show_mapping()

    def _choose_mapping_for(self, ports: list[str]) -> None:
        for error in self._mapping.choose_for(ports):
            self._line.report(ControlFailed(error))

    def _take_mapping(self) -> None:
        self._route()
        self._show_mapping()

    def _route(self) -> None:
        self._router.use(self._mapping.now, self._known)

    def _show_mapping(self) -> None:
        mapping = self._mapping.now
        self._line.report(
            MappingChanged(
                name=mapping.name,
                path=str(self._mapping.path),
                binds=tuple((bind.to, bind.label(mapping.ports)) for bind in mapping.binds),
                changed=self._mapping.changed,
                follows=self._follow,
            )
        )

    def _learn(self) -> None:
        learnt: list[Binding] = []
        while not self._router.moved.empty():
            port, source = self._router.moved.get()
            if self._mapping.address and (bind := self._mapping.moved(port, source, self._known)):
                learnt.append(bind)
        if learnt:
            self._route()  # before the disk takes its time
            for bind in learnt:
                self._line.report(ControlLearned(bind.to, bind.label(())))
            self._keep()

    def _keep(self) -> None:
        """Onto the disk at once; where that fails it plays all the same."""
        self._follow = False
        try:
            self._mapping.keep()
        except PerformError as error:
            self._line.report(ControlFailed(str(error)))
        self._show_mapping()


def main() -> None:
    """Until the stage is gone; exit code 1 where the process must be replaced.

    It leaves by `_exit`: rtmidi's destructors crash after a JACK server died, and the system closes the
    ports anyway.
    """
    sys.setswitchinterval(0.0005)  # [control] goes before whatever [main] is at
    line = Lifeline()
    start = line.next()
    code = 0
    if isinstance(start, StartControl):
        try:
            ControlProcess(line, start).run()
        except MidiServerGone as error:
            line.report(MidiPortsChanged((), str(error)))
            code = 1
        except PerformError as error:
            line.report(ControlFailed(str(error)))
            code = 1
    os._exit(code)


if __name__ == "__main__":
    main()
