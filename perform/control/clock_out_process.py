"""The process that sends MIDI clock to one port. `python -m perform.control.clock_out_process`

It is a separate process, so that nothing else in it delays a tick. Orders and reports:
`core/messages/port_messages.py`.
"""

from __future__ import annotations

import os
import queue
import time
from pathlib import Path

from perform.control.clock_out import ClockOut
from perform.control.mapping import matching_ports
from perform.control.midi_library import rtmidi
from perform.control.midi_ports import NoMidi, midi_system, quiet
from perform.control.port_names import PortNames
from perform.control.port_opening import open_named_port
from perform.core.arena import Arena
from perform.core.lifeline import Lifeline
from perform.core.messages.port_messages import PortFailed, PortOpened, StartClockOut
from perform.core.realtime import STAGE_PRIORITY, request_real_time

POLL_S = 1.0  #: between two looks at the list of ports
NAP_S = 0.004  #: longest sleep: the beat line may move
CLIENT = "perform"  #: inputs of perform ignore this client


class ClockOutProcess:
    """One output, opened when its device is there."""

    def __init__(self, line: Lifeline, start: StartClockOut) -> None:
        self._arena, self._line, self._wanted = Arena.open(Path(start.arena)), line, start.port
        self._names = PortNames()
        self._output: rtmidi.MidiOut | None = None
        self._open_name = self._error = ""
        self._clock = ClockOut(self._arena, self._send)

    def run(self) -> None:
        """[clock out] Run until the stage is gone."""
        poll = 0.0
        while not self._stage_is_gone():
            now = time.monotonic()
            if now >= poll:
                self._find_port()
                poll = time.monotonic() + POLL_S
            due = self._clock.step(time.monotonic())
            time.sleep(min(max(due - time.monotonic(), 0.0), NAP_S))

    def _stage_is_gone(self) -> bool:
        """Whether to end; also the heartbeat."""
        self._arena.set_meter("heartbeat/clock_out", self._arena.meter("heartbeat/clock_out") + 1)
        try:
            return self._line.next(timeout=0) is None
        except queue.Empty:
            return False

    def _find_port(self) -> None:
        """Open the wanted port when it appears; report when it is gone."""
        try:
            if self._output is None:
                with quiet():
                    self._output = rtmidi.MidiOut(midi_system(), name=CLIENT)
            names = self._names.names(self._output.get_ports())
        except (NoMidi, OSError, rtmidi.RtMidiError) as error:
            self._fail(f"MIDI clock: {error}")
            return
        if self._open_name:
            if self._open_name in names:
                return
            self._output.close_port()
            self._open_name = ""
        wanted = matching_ports(list(names.values()), (self._wanted,))
        if not wanted:
            there = f"the outputs are {', '.join(names.values())}" if names else "there are no outputs"
            self._fail(f"MIDI clock: no output has {self._wanted!r} in its name; {there}")
            return
        raw = next(raw for raw, name in names.items() if name == wanted[0])
        try:
            open_named_port(self._output, raw, "clock")
        except (OSError, ValueError, rtmidi.RtMidiError) as error:
            self._fail(f"MIDI clock: {wanted[0]} cannot be opened ({error})")
            return
        self._open_name, self._error = raw, ""
        self._line.report(PortOpened(wanted[0]))

    def _fail(self, error: str) -> None:
        if error != self._error:
            self._error = error
            self._line.report(PortFailed(error))

    def _send(self, message: object) -> None:
        if self._output and self._open_name:
            self._output.send_message(message)


def main() -> None:
    """[main] Run until the stage is gone. It ends with `_exit`: see `perform.control.control_process`."""
    line = Lifeline()
    start = line.next()
    if isinstance(start, StartClockOut):
        request_real_time(STAGE_PRIORITY)
        ClockOutProcess(line, start).run()
    os._exit(0)


if __name__ == "__main__":
    main()
