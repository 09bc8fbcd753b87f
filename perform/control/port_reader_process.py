"""A process that reads one MIDI port and writes its messages to a pipe.

    python -m perform.control.port_reader_process API PORT

Opening a port takes 0.1 to 1.4 s in which python-rtmidi holds the interpreter, so each port is opened in a
separate process: no other controller waits. The MIDI system's thread runs `receive` here, which takes some
20 us; this interpreter does nothing else. [main] writes what it received to standard output:

    each record : float64 seconds since the last message, uint16 length, the bytes; length 0: the port is open

A byte on standard input asks it to leave the MIDI system; the end of standard input, to end at once. It exits
with 1 if the port cannot be opened.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import queue
import struct
import sys
import threading
from collections.abc import Sequence

from perform.control.midi_library import rtmidi
from perform.control.port_opening import leave, open_named_port
from perform.core.realtime import CONTROL_PRIORITY, request_real_time

HEADER = struct.Struct("<dH")  #: seconds since the last message, length of the message
LONGEST = 1024  #: longer SysEx is left out
END_SYSEX_S = 0.5  #: JACK: a SysEx that has not ended by then is ended
DEAF = 6  #: JACK: ends of a SysEx that do not come back until the input counts as deaf
_MOST = 1 << 14  #: most messages that wait for the pipe
_CLOSE_S = 2.0  #: leaving the MIDI system may take this long
_SYSEX, _END_OF_SYSEX = 0xF0, 0xF7


class PortInput:
    """The open port and the messages that wait for the pipe."""

    def __init__(self, api: int) -> None:
        self.waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._since = 0.0  # seconds since the last message that was passed on
        self._first = True
        self._unanswered = 0  # ends of a SysEx that have not come back
        self._api, self._name = api, f"perform reader {os.getpid()}"
        self._input = rtmidi.MidiIn(api, self._name)
        jack = api == rtmidi.API_UNIX_JACK
        self._ender = rtmidi.MidiOut(api, f"perform ender {os.getpid()}") if jack else None
        self._input.ignore_types(sysex=False, timing=False, active_sense=False)
        self._input.set_callback(self.receive)

    def open(self, port: str) -> None:
        """[main] Open the port; ValueError, OSError or rtmidi.RtMidiError if that fails."""
        open_named_port(self._input, port, "in")
        if self._ender is not None:
            ours = [name for name in self._ender.get_ports() if name.startswith(f"{self._name}:")]
            open_named_port(self._ender, ours[0], "sysex")

    def receive(self, message: tuple[list[int], float], _: object) -> None:
        """[thread of the MIDI system] Queue a message; it never waits."""
        if self._first and self._api != rtmidi.API_UNIX_JACK:
            request_real_time(CONTROL_PRIORITY)
        self._first, self._unanswered = False, 0
        data, seconds = message
        self._since += seconds
        for one in messages_of(data) if data[0] == _SYSEX else (data,):
            if one[0] != _END_OF_SYSEX and len(one) <= LONGEST and self.waiting.qsize() <= _MOST:
                self.waiting.put(HEADER.pack(self._since, len(one)) + bytes(one))
                self._since = 0.0

    def end_sysex(self) -> None:
        """[main] JACK's inputs are deaf from the start of a SysEx to its end, so end it for a lost one."""
        if self._ender is not None:
            self._unanswered += 1
            self._ender.send_message([_END_OF_SYSEX])

    @property
    def is_deaf(self) -> bool:
        """[main] Whether not even the messages to itself come: JACK has removed this client."""
        return self._unanswered > DEAF

    def leave(self) -> None:
        """[main] Leave the MIDI system: a JACK client that does not causes an xrun in all others."""
        faulthandler.dump_traceback_later(_CLOSE_S, exit=True)  # the server may die at this moment
        leave([client for client in (self._ender, self._input) if client is not None])


def messages_of(data: Sequence[int]) -> list[list[int]]:
    """Return the messages of an input that began with a SysEx: what came after one that never ended, too."""
    messages: list[list[int]] = []
    for byte in data:
        if byte >= 0x80 and byte != _END_OF_SYSEX:
            messages.append([byte])
        elif messages and (byte < 0x80 or messages[-1][0] == _SYSEX):
            messages[-1].append(byte)
    return [one for one in messages if one[0] != _SYSEX or one[-1] == _END_OF_SYSEX]


def main() -> None:
    """Read the port until standard input ends."""
    gc.disable()  # a collection would hold up the MIDI system's thread
    sys.setswitchinterval(0.0001)
    request_real_time(CONTROL_PRIORITY)
    port = PortInput(int(sys.argv[1]))
    try:
        port.open(sys.argv[2])
    except (ValueError, OSError, IndexError, rtmidi.RtMidiError):
        os._exit(1)
    port.waiting.put(HEADER.pack(0.0, 0))
    asked: list[bytes] = []

    def watch() -> None:
        asked.append(os.read(0, 1))
        port.waiting.put(None)

    threading.Thread(target=watch, daemon=True).start()
    while not asked:
        _write(port)
    if asked[0]:
        port.leave()
    os._exit(0)


def _write(port: PortInput) -> None:
    """Write what waits, or end an unfinished SysEx if nothing came for a while."""
    try:
        record = port.waiting.get(timeout=END_SYSEX_S)
    except queue.Empty:
        if port.is_deaf:
            os._exit(1)  # the control process opens the port anew
        port.end_sysex()
        return
    records = [record]
    while not port.waiting.empty():
        records.append(port.waiting.get())
    left = memoryview(b"".join(it for it in records if it))
    while left:
        try:
            left = left[os.write(1, left) :]
        except OSError:
            os._exit(0)  # the control process is gone


if __name__ == "__main__":
    main()
