"""The control process: MIDI messages in, parameter values out. `python -m perform.control.control_process`

Each port is opened and read by a separate process, `perform.control.port_reader_process`, so no controller
waits while another is plugged in. Here [control] takes their messages and sets parameters. [main] handles the
stage's orders, watches the ports, learns, writes mapping files and reports to the stage. If the process
stops, the parameters keep their values.

Orders and reports: `core/messages/control_messages.py`.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import sys
import time
from pathlib import Path

from perform.control import controller_device
from perform.control.binding_rows import binding_rows
from perform.control.controller_device import ControllerDevice
from perform.control.device_lamps import DeviceLamps
from perform.control.finger_rows import FingerRows
from perform.control.lamps import ControlLamps
from perform.control.layers import MappingLayers
from perform.control.learn_session import LearnSession
from perform.control.learning import ControlLearning
from perform.control.mapping_report import mapping_report
from perform.control.midi_ports import Inputs, MidiPorts, MidiServerGone, NoMidi, quiet
from perform.control.reading_thread import ReadingThread
from perform.control.router import ControlRouter, TouchedControl
from perform.control.tempo_watch import TempoWatch
from perform.core import params
from perform.core.arena import Arena
from perform.core.errors import PerformError, WrongUse
from perform.core.lifeline import Lifeline
from perform.core.messages.control_messages import (
    BindingsListed,
    BindingUndone,
    ControlFailed,
    ControlLearned,
    ControlTouched,
    LearnControl,
    ListBindings,
    LoadMapping,
    MappingWritten,
    MidiPortsChanged,
    OrderDone,
    StartControl,
    UndoBinding,
    UnlearnControl,
    UseLayers,
    WriteMapping,
)
from perform.core.messages.message_lines import AnyOrder
from perform.core.paths import to_text
from perform.core.realtime import INTERPRETER_PRIORITY, request_real_time

TICK_S = 0.05  #: [main] checks everything this often; without a port every POLL_S
LAST_READ_S = 0.02  #: [control] finishes its last read within this time
CLOSE_S = 2.0  #: leaving the MIDI system may take this long
TOUCH_S = 0.1  #: least time between two reports of a touched control
POLL_S = 0.25  #: time between two looks at the list of ports
BEAT_S = 0.5  #: time between two checks of the MIDI server
RETRY_S = 2.0  #: time between two attempts to reach a MIDI system


class ControlProcess:
    """The ports, their layers of mappings and the two threads."""

    def __init__(self, line: Lifeline, start: StartControl) -> None:
        self._arena = arena = Arena.open(Path(start.arena))
        self._line = line
        self._router = ControlRouter(arena.table, arena.meters, arena.hardware, knobs=arena.knobs)
        self._layers = MappingLayers()
        self._learning = ControlLearning(self._layers)
        self._session = LearnSession(self._router, self._learning, line.report)
        self._fingers = FingerRows(arena)
        self._fragments: list[str] = list(start.ports)
        self._ports: MidiPorts | None = None
        # with the unplugged ports, so that a device with a similar name does not get their bindings
        self._known_ports: list[str] = []
        self._reported_touch: TouchedControl | None = None
        self._reported_knobs = 0.0  # count of the changes of knob ranges
        self._reported_ports: tuple[list[str], str] | None = None
        self._due = dict.fromkeys((TOUCH_S, POLL_S, BEAT_S, RETRY_S), 0.0)
        self._lamps = ControlLamps(arena.table, arena.meters, self._router.place)
        self._reader = ReadingThread(self._router, self._lamps, TempoWatch(arena))
        self._device_lamps = DeviceLamps(
            self._lamps, arena.knobs, lambda port: self._layers.effective(port, self._known_ports)
        )
        self._devices: dict[str, ControllerDevice] = {}  # by port
        try:
            if start.mapping:
                self._layers.choose(start.mapping)
        except PerformError as error:
            self._line.report(ControlFailed(str(error)))
        self._read_mappings()
        self._use_new_mapping()

    def run(self) -> None:
        """[main] Run until the stage is gone, then leave the MIDI system. Raises MidiServerGone."""
        request_real_time(INTERPRETER_PRIORITY)
        self._reader.start()
        while True:
            self._check_all()
            try:
                order = self._line.next(timeout=TICK_S if self._uses_ports else POLL_S)
            except queue.Empty:
                continue
            if order is None:
                break
            try:
                self._handle(order)
            except (PerformError, OSError, RuntimeError) as error:
                self._line.report(ControlFailed(str(error), type(order).__name__))
        self._reader.inputs = ()
        if self._ports is not None:
            self._lamps.use({})
            self._ports.outputs.say_goodbye(self._devices)
        time.sleep(LAST_READ_S)  # until [control] has finished its last read, and the goodbyes are sent
        if self._ports is not None:
            # close() never returns if the JACK server dies at this moment
            faulthandler.dump_traceback_later(CLOSE_S, exit=True)
            self._ports.close()

    def _handle(self, order: AnyOrder) -> None:
        match order:
            case LearnControl():
                self._session.begin(order)
            case UndoBinding():
                change = self._learning.undo()
                self._update_routes()
                self._save_mappings()
                self._line.report(BindingUndone(change))
            case UnlearnControl(address):
                self._learning.unlearn(address, self._known_ports)
                self._update_routes()
                self._save_mappings()
                self._report_done(order)
            case LoadMapping(path):
                self._layers.choose(path)
                self._use_new_mapping()
                self._report_done(order)
            case UseLayers(set_mapping, song_mapping):
                for error in self._layers.use_set_and_song(set_mapping, song_mapping):
                    self._line.report(ControlFailed(error))
                self._use_new_mapping()
            case ListBindings():
                rows = binding_rows(self._layers, self._devices, self._open_names, self._known_ports)
                self._line.report(BindingsListed(tuple(rows)))
            case WriteMapping(name, path):
                written = self._learning.save_as(name, path, self._open_names)
                self._use_new_mapping()
                self._line.report(MappingWritten(to_text(written)))
            case _:
                raise WrongUse(f"not an order for the control process: {order}")

    def _report_done(self, order: AnyOrder) -> None:
        self._line.report(OrderDone(type(order).__name__))

    def _check_all(self) -> None:
        """Check the reader and the ports, learn, and report the control that was touched last."""
        self._arena.set_meter("heartbeat/control", self._arena.meter("heartbeat/control") + 1)
        if not self._reader.is_alive:
            raise MidiServerGone("the MIDI thread stopped; parameters keep their values")
        if self._ports is None and self._is_due(RETRY_S):
            self._connect()
        if self._ports is not None and (self._is_due(POLL_S) or self._ports.is_opening):
            self._ports.poll()
            self._update_ports(self._ports.opened, self._ports.error())
            self._device_lamps.poll(self._ports.outputs, self._devices, self._reader.played_at)
        if self._ports is not None and self._is_due(BEAT_S):
            self._ports.beat()
        self._learn()
        self._router.song_has_fingers = self._fingers.any()
        if self._arena.knobs.changes != self._reported_knobs:
            self._update_lamps()
            self._report_mapping()
        if self._router.touch is not self._reported_touch and self._is_due(TOUCH_S):
            self._reported_touch = touch = self._router.touch
            if touch:
                address = params.ADDRESSES[touch.slot] if touch.slot >= 0 else ""
                self._line.report(ControlTouched(touch.text(), address, touch.turn, touch.port, touch.sends))

    @property
    def _uses_ports(self) -> bool:
        return bool(self._reader.inputs) or (self._ports is not None and self._ports.is_opening)

    def _is_due(self, period: float) -> bool:
        now = time.monotonic()
        if now < self._due[period]:
            return False
        self._due[period] = now + period
        return True

    def _connect(self) -> None:
        try:
            if self._reported_ports is None:
                self._ports = MidiPorts(self._fragments, self._reader.arrived)
            else:
                with quiet():  # the first attempt has printed the libraries' messages to the log
                    self._ports = MidiPorts(self._fragments, self._reader.arrived)
        except (NoMidi, WrongUse) as error:
            self._update_ports((), str(error))

    def _update_ports(self, inputs: Inputs, error: str) -> None:
        """Report the open ports if they changed; route new ports before their first message is read."""
        names = [name for name, _ in inputs]
        changed = inputs != self._reader.inputs  # also if a port left and came back with the same name
        if self._reported_ports == (names, error) and not changed:
            return
        if changed:
            self._read_mappings()
            self._known_ports += [name for name in names if name not in self._known_ports]
            devices = controller_device.load_all()
            found = {port: controller_device.of_port(port, self._known_ports, devices) for port in names}
            self._devices = {port: device for port, device in found.items() if device}
            self._update_routes()
            gone = [name for name, port in self._reader.inputs if (name, port) not in inputs]
            for name, port in inputs:
                if (name, port) not in self._reader.inputs:
                    self._router.connect(name)
            self._reader.inputs = inputs
            for name in gone:
                self._router.disconnect(name)
        self._reported_ports = names, error
        self._line.report(MidiPortsChanged(tuple(names), error))
        if changed:
            self._report_mapping()

    def _read_mappings(self) -> None:
        for error in self._layers.read_all(self._learning.unsaved):
            self._line.report(ControlFailed(error))

    def _use_new_mapping(self) -> None:
        self._update_routes()
        self._report_mapping()

    def _update_routes(self) -> None:
        self._router.use(self._layers.routes(self._known_ports))
        self._update_lamps()

    def _update_lamps(self) -> None:
        """Show the bindings in use on all lamps."""
        self._device_lamps.use(self._ports.outputs if self._ports else None, self._devices)

    @property
    def _open_names(self) -> list[str]:
        return [name for name, _ in self._reader.inputs]

    def _report_mapping(self) -> None:
        self._reported_knobs = self._arena.knobs.changes
        changed = bool(self._learning.unsaved)
        names, known = self._open_names, self._known_ports
        self._line.report(mapping_report(self._layers, names, known, self._arena.knobs, changed=changed))

    def _learn(self) -> None:
        """Use and save what was learnt."""
        learnt = self._session.bound(self._known_ports)
        if learnt:
            self._update_routes()  # before the slow disk
            for binding, lost in learnt:
                song = self._learning.song_mapping
                self._line.report(ControlLearned(binding.to, binding.label(()), lost, song))
            self._save_mappings()

    def _save_mappings(self) -> None:
        """Write the mappings that changed to disk. They stay in use if that fails."""
        try:
            self._learning.save()
        except PerformError as error:
            self._line.report(ControlFailed(str(error)))
        self._report_mapping()


def main() -> None:
    """Run until the stage is gone; exit code 1 asks the stage to start a new process.

    It ends with `_exit`, because rtmidi's destructors crash after the JACK server died. The operating system
    closes the ports.
    """
    sys.setswitchinterval(0.0005)  # so that [main] never holds [control] up for long
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
