"""MIDI output ports of the devices that have lamps, each paired with the input port of the same device."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

from perform.control.controller_device import ControllerDevice
from perform.control.mapping import matching_ports
from perform.control.midi_library import rtmidi
from perform.control.port_names import PortNames
from perform.control.port_opening import leave, open_named_port

#: seconds between tries to open a refused output; each try delays messages by up to 100 ms
RETRY_S = (1.0, 2.0, 5.0, 10.0)
_TWIN = re.compile(r" #\d+$")


class MidiOutputs:
    """[main] The open outputs, by the name of the input port of the same device.

    api    : the MIDI system
    client : the name of this program in that system
    lister : an output of this program that can list the ports; None: made when it is needed
    """

    def __init__(self, api: int, client: str, lister: rtmidi.MidiOut | None) -> None:
        self._api, self._client = api, client
        self._names = PortNames()
        self._lister, self._own_lister = lister, lister is None
        self.opened: dict[str, tuple[str, rtmidi.MidiOut]] = {}  #: port -> the system's name, the output
        self._refused: dict[str, tuple[int, float]] = {}  # the system's name -> tries, time of the next one

    def poll(self, wanted: Mapping[str, ControllerDevice], may_open: bool) -> bool:
        """Close vanished outputs and open new ones; return whether there are others now.

        Opening a port takes up to 100 ms, in which no message is read.

        wanted   : input port -> its device, which has lamps or needs a hello
        may_open : no control is being moved, so a pause of 100 ms is not heard
        """
        if not wanted and not self.opened:
            return False
        if self._lister is None:
            if not may_open:
                return False
            self._lister = rtmidi.MidiOut(self._api, name=self._client)
        names, now = self._names.names(self._lister.get_ports()), time.monotonic()
        self._refused = {raw: refused for raw, refused in self._refused.items() if raw in names}
        gone = [port for port, (raw, _) in self.opened.items() if raw not in names or port not in wanted]
        leave([self.opened.pop(port)[1] for port in gone])
        new = False
        for port in [port for port in wanted if port not in self.opened] if may_open else ():
            taken = {raw for raw, _ in self.opened.values()}
            free = {raw: name for raw, name in names.items() if raw not in taken}
            raw = paired(port, wanted[port].outputs, free)
            tries, at = self._refused.get(raw, (0, 0.0))
            if not raw or now < at:
                continue
            if output := self._open(raw, wanted[port].hello):
                self.opened[port] = raw, output
                new = True
            else:
                self._refused[raw] = tries + 1, now + RETRY_S[min(tries, len(RETRY_S) - 1)]
        return bool(gone) or new

    def _open(self, raw: str, hello: Sequence[bytes]) -> rtmidi.MidiOut | None:
        """Open a port and send a device's hello; None if it has vanished or another program has opened it."""
        try:
            output = rtmidi.MidiOut(self._api, name=self._client)
            open_named_port(output, raw, "out")
            for message in hello:
                output.send_message(message)
        except (OSError, ValueError, rtmidi.RtMidiError):
            return None
        return output

    def say_goodbye(self, devices: Mapping[str, ControllerDevice]) -> None:
        """Send what each device needs at the end."""
        for port, (_, output) in self.opened.items():
            for message in devices[port].goodbye if port in devices else ():
                output.send_message(message)

    def close(self) -> None:
        """Leave the MIDI system."""
        lister = [self._lister] if self._own_lister and self._lister is not None else []
        leave([*(output for _, output in self.opened.values()), *lister])


def paired(port: str, outputs: tuple[str, ...], names: Mapping[str, str]) -> str:
    """Return the system's name of the output of the device whose input is `port`; "" for none.

    outputs : parts of the names of the device's outputs
    names   : the system's name of each free output -> its name
    """
    fitting = set(matching_ports(list(names.values()), outputs, twins=True)) if outputs else set()
    same = [
        (name != port, raw)  # an output of the very same name comes first
        for raw, name in names.items()
        if name in fitting and _twin(name) == _twin(port)
    ]
    return min(same, default=(True, ""))[1]


def _twin(name: str) -> str:
    """` #2` for the second of two equal devices, else ""."""
    found = _TWIN.search(name)
    return found.group() if found else ""
