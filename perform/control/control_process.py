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
import threading
import time
from pathlib import Path

from perform.control import controller_device
from perform.control.binding import Binding
from perform.control.binding_rows import binding_rows
from perform.control.controller_device import ControllerDevice
from perform.control.finger_rows import FingerRows
from perform.control.lamps import ControlLamps, PortLamps
from perform.control.layers import MappingLayers
from perform.control.learn_classifier import LearnClassifier
from perform.control.learning import ControlLearning, LearntControl
from perform.control.midi_ports import Inputs, MidiPorts, MidiServerGone, NoMidi, quiet
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
    LearnAsked,
    LearnControl,
    ListBindings,
    LoadMapping,
    MappingChanged,
    MappingWritten,
    MidiPortsChanged,
    StartControl,
    UndoBinding,
    UnlearnControl,
    UseLayers,
    WriteMapping,
)
from perform.core.messages.message_lines import AnyOrder
from perform.core.paths import to_text
from perform.core.realtime import CONTROL_PRIORITY, INTERPRETER_PRIORITY, request_real_time

WAIT_S = 0.008  #: [control] looks at the table at least this often: focus, panic, taps of the tempo
HALF_S = 0.002  #: the same while half of a 14-bit value waits for the other half
TICK_S = 0.05  #: [main] checks everything this often
CLOSE_S = 2.0  #: leaving the MIDI system may take this long
TOUCH_S = 0.1  #: least time between two reports of a touched control
POLL_S = 0.25  #: time between two looks at the list of ports
BEAT_S = 0.5  #: time between two checks of the MIDI server
RETRY_S = 2.0  #: time between two attempts to reach a MIDI system
_SYSTEM = 0xF0  #: status bytes from here on are no channel messages
REST_S = 0.25  #: nobody plays if there was no message for this long
LONGEST_WAIT_S = 3.0  #: the lamps of a device light at last after this long
_BURST = 256  #: most messages read from one port before the next port is read


class ControlProcess:
    """The ports, their layers of mappings and the two threads."""

    def __init__(self, line: Lifeline, start: StartControl) -> None:
        self._arena = arena = Arena.open(Path(start.arena))
        self._line = line
        self._router = ControlRouter(arena.table, arena.meters, arena.hardware, knobs=arena.knobs)
        self._layers = MappingLayers()
        self._learning = ControlLearning(self._layers)
        self._tempo, self._fingers = TempoWatch(arena), FingerRows(arena)
        self._classifier, self._asked = LearnClassifier(), ""
        self._fragments: list[str] = list(start.ports)
        self._ports: MidiPorts | None = None
        self._open_inputs: Inputs = ()  # read by [control]
        self._arrived = threading.Event()  # a message has come
        # with the unplugged ports, so that a device with a similar name does not get their bindings
        self._known_ports: list[str] = []
        self._reported_touch: TouchedControl | None = None
        self._reported_knobs = 0.0  # count of the changes of knob ranges
        self._reported_ports: tuple[list[str], str] | None = None
        self._due = dict.fromkeys((TOUCH_S, POLL_S, BEAT_S, RETRY_S), 0.0)
        self._lamps = ControlLamps(arena.table, arena.meters, self._router.place)
        self._devices: dict[str, ControllerDevice] = {}  # by port
        self._played_at = 0.0
        self._outputs_wanted_at = 0.0
        self._reader = threading.Thread(target=self._read_ports, name="control", daemon=True)
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
                order = self._line.next(timeout=TICK_S)
            except queue.Empty:
                continue
            if order is None:
                break
            try:
                self._handle(order)
            except (PerformError, OSError, RuntimeError) as error:
                self._line.report(ControlFailed(str(error)))
        self._open_inputs = ()
        if self._ports is not None:
            self._lamps.use({})
            self._ports.outputs.say_goodbye(self._devices)
        time.sleep(10 * HALF_S)  # until [control] has finished its last read, and the goodbyes are sent
        if self._ports is not None:
            # close() never returns if the JACK server dies at this moment
            faulthandler.dump_traceback_later(CLOSE_S, exit=True)
            self._ports.close()

    def _read_ports(self) -> None:
        """[control] Take the messages of all open ports as they come, and set the parameters."""
        request_real_time(CONTROL_PRIORITY)
        while True:
            self._arrived.wait(HALF_S if self._router.is_waiting else WAIT_S)
            self._arrived.clear()  # before reading: what comes from now on wakes the next wait
            now = time.monotonic()
            for name, port in self._open_inputs:
                for _ in range(_BURST):
                    message = port.get_message()
                    if message is None:
                        break
                    if message[0][0] < _SYSTEM:
                        self._played_at = now
                    if not self._tempo.receive(name, message[0], message[1], now):
                        self._router.handle(name, message[0])
                        self._lamps.hear(name, message[0])
                else:
                    self._arrived.set()  # the other ports first, then the rest
            self._router.tick()
            self._lamps.tick(now, self._router.moved_at)
            self._tempo.tick(now)

    def _handle(self, order: AnyOrder) -> None:
        match order:
            case LearnControl(address, over, options, song):
                self._learning.learn(address, over, options, song)
                self._router.moved.clear()  # ignore controls that moved before
                self._classifier = LearnClassifier()
                self._router.learning = bool(address)
                self._ask("")
            case UndoBinding():
                self._line.report(BindingUndone(self._learning.undo()))
                self._update_routes()
                self._save_mappings()
            case UnlearnControl(address):
                self._learning.unlearn(address, self._known_ports)
                self._update_routes()
                self._save_mappings()
            case LoadMapping(path):
                self._layers.choose(path)
                self._use_new_mapping()
            case UseLayers(set_mapping, song_mapping):
                for error in self._layers.use_set_and_song(set_mapping, song_mapping):
                    self._line.report(ControlFailed(error))
                self._use_new_mapping()
            case ListBindings():
                rows = binding_rows(self._layers, self._devices, self._open_names, self._known_ports)
                self._line.report(BindingsListed(tuple(rows)))
            case WriteMapping(name, path):
                written = self._learning.save_as(name, path, self._open_names)
                self._line.report(MappingWritten(to_text(written)))
                self._use_new_mapping()
            case _:
                raise WrongUse(f"not an order for the control process: {order}")

    def _check_all(self) -> None:
        """Check the reader and the ports, learn, and report the control that was touched last."""
        self._arena.set_meter("heartbeat/control", self._arena.meter("heartbeat/control") + 1)
        if not self._reader.is_alive():
            raise MidiServerGone("the MIDI thread stopped; parameters keep their values")
        if self._ports is None and self._is_due(RETRY_S):
            self._connect()
        if self._ports is not None and (self._is_due(POLL_S) or self._ports.is_opening):
            self._ports.poll()
            self._update_ports(self._ports.opened, self._ports.error())
            self._poll_outputs()
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

    def _is_due(self, period: float) -> bool:
        now = time.monotonic()
        if now < self._due[period]:
            return False
        self._due[period] = now + period
        return True

    def _connect(self) -> None:
        try:
            if self._reported_ports is None:
                self._ports = MidiPorts(self._fragments, self._arrived)
            else:
                with quiet():  # the first attempt has printed the libraries' messages to the log
                    self._ports = MidiPorts(self._fragments, self._arrived)
        except (NoMidi, WrongUse) as error:
            self._update_ports((), str(error))

    def _update_ports(self, inputs: Inputs, error: str) -> None:
        """Report the open ports if they changed; route new ports before their first message is read."""
        names = [name for name, _ in inputs]
        changed = inputs != self._open_inputs  # also if a port left and came back with the same name
        if self._reported_ports == (names, error) and not changed:
            return
        if changed:
            self._read_mappings()
            self._known_ports += [name for name in names if name not in self._known_ports]
            devices = controller_device.load_all()
            found = {port: controller_device.of_port(port, self._known_ports, devices) for port in names}
            self._devices = {port: device for port, device in found.items() if device}
            self._update_routes()
            gone = [name for name, port in self._open_inputs if (name, port) not in inputs]
            self._open_inputs = inputs
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
        outputs = self._ports.outputs.opened if self._ports else {}
        self._lamps.use(
            {
                port: PortLamps(
                    port,
                    self._devices[port],
                    self._layers.effective(port, self._known_ports),
                    self._arena.knobs,
                    output.send_message,
                )
                for port, (_, output) in outputs.items()
                if port in self._devices  # else it is unplugged, and its output not closed yet
            }
        )

    def _poll_outputs(self) -> None:
        """Open the outputs of devices with lamps while nobody plays, or after a while."""
        assert self._ports is not None
        now = time.monotonic()
        wanted = {
            port: device
            for port in self._open_names
            if (device := self._devices.get(port)) and (device.has_lamps or device.hello)
        }
        if wanted.keys() <= self._ports.outputs.opened.keys():
            self._outputs_wanted_at = now
        rests = now - self._played_at > REST_S or now - self._outputs_wanted_at > LONGEST_WAIT_S
        if self._ports.outputs.poll(wanted, may_open=rests):
            self._update_lamps()

    @property
    def _open_names(self) -> list[str]:
        return [name for name, _ in self._open_inputs]

    def _report_mapping(self) -> None:
        layers, ports = self._layers, self._open_names
        self._reported_knobs = self._arena.knobs.changes
        primary = layers.primary(ports)
        bindings = [
            (address, binding.label((port,)))
            for port in ports
            for binding in layers.effective(port, self._known_ports)
            for address in self._addresses(binding)
        ]
        if not ports:  # what it binds as soon as its device is connected
            bindings = [
                (address, it.label(primary.mapping.ports))
                for it in layers.flat(primary).bindings
                for address in self._addresses(it)
            ]
        self._line.report(
            MappingChanged(
                name=primary.mapping.name,
                path=to_text((layers.chosen or primary).path),
                bindings=tuple(bindings),
                changed=bool(self._learning.unsaved),
                follows=layers.chosen is None,
                others=len({layers.own(port, self._known_ports).path for port in ports} - {primary.path}),
            )
        )

    def _addresses(self, binding: Binding) -> list[str]:
        """The address of a binding; where it counts audible latents, those of all decks as they are now."""
        if not binding.audible:
            return [binding.to]
        slots = [self._arena.knobs.audible_slot(address) for address in binding.addresses]
        return [params.ADDRESSES[slot] for slot in slots if slot >= 0]

    def _learn(self) -> None:
        """Watch what moved; bind the controls that are understood."""
        while self._router.moved:
            port, data, at = self._router.moved.popleft()
            self._classifier.watch(port, data, at)
        if not self._learning.address:
            return
        learnt: list[LearntControl] = []
        for moved in self._classifier.found(time.monotonic()):
            port, source, encoding, invert = moved
            bound = self._learning.bind(port, source, self._known_ports, encoding, invert=invert)
            learnt += [bound] if bound else []
        self._ask(self._classifier.question)
        if learnt:
            self._update_routes()  # before the slow disk
            for binding, lost in learnt:
                song = self._learning.song_mapping
                self._line.report(ControlLearned(binding.to, binding.label(()), lost, song))
            self._save_mappings()

    def _ask(self, question: str) -> None:
        if question != self._asked:
            self._asked = question
            self._line.report(LearnAsked(question))

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
