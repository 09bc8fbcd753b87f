"""MIDI input ports: listing and opening them, and noticing that a port or the MIDI server is gone.

rtmidi reports neither a vanished port nor a dead JACK server: it keeps listing the ports.
Its `close_port` crashes on a dead server. So this module polls the list of ports. On JACK it also sends
itself a message, the pulse, and closes a port only while the pulse comes back. Each port is opened and read
in a separate process (`perform.control.port_reader_process`), so no port waits for another.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from perform.control.mapping import matching_ports
from perform.control.midi_library import reason, rtmidi
from perform.control.midi_outputs import MidiOutputs
from perform.control.port_names import PortNames
from perform.control.port_opening import leave, open_named_port
from perform.control.port_reader import PortReader
from perform.core.errors import PerformError, WrongUse

PULSE_TIMEOUT_S = 2.0  #: without a pulse for this long, the JACK server counts as gone
RETRY_OPEN_S = 2.0  #: time between two attempts to open a port
_CLIENT = "perform"
_ACTIVE_SENSING = [0xFE]  # the pulse: other receivers ignore this message


Inputs = tuple[tuple[str, PortReader], ...]  #: (name of the port, its reader)

_APIS = {
    "alsa": rtmidi.API_LINUX_ALSA,
    "jack": rtmidi.API_UNIX_JACK,
    "coremidi": rtmidi.API_MACOSX_CORE,
    "windows": rtmidi.API_WINDOWS_MM,
}


class NoMidi(PerformError):
    """There is no MIDI system, or none answers."""


class MidiServerGone(PerformError):
    """The JACK server died or hangs, so this process can no longer use rtmidi."""


class MidiPorts:
    """[main] The open input ports of one MIDI system; NoMidi if there is none.

    opened : the open ports; the [control] thread reads their messages
    listed : the names of all ports
    arrived : set when a message has come
    outputs : the open output ports
    """

    def __init__(self, fragments: Sequence[str], arrived: threading.Event) -> None:
        self._fragments = tuple(fragments)
        self.arrived = arrived
        self._api, self._names = _connect()
        self._stable = PortNames()
        self._readers: dict[str, PortReader] = {}  # by the system's name of the port
        self._failed: dict[str, float] = {}  # the system's name -> when to try again
        self._pulse: rtmidi.MidiOut | None = None
        self.listed: list[str] = []
        self.opened: Inputs = ()
        self._gone: set[str] = set()
        self._refused: set[str] = set()
        if self._api == rtmidi.API_UNIX_JACK:
            self._start_pulse()
        self.outputs = MidiOutputs(self._api, _CLIENT, self._pulse)

    def _start_pulse(self) -> None:
        """Connect an output of this process to the input that lists the ports."""
        client = f"{_CLIENT} {os.getpid()}"
        self._pulse = rtmidi.MidiOut(self._api, name=client)
        self._pulse.open_virtual_port("pulse")
        self._names.ignore_types(active_sense=False)
        ours = [name for name in self._names.get_ports() if name.startswith(f"{client}:")]
        open_named_port(self._names, ours[0], "pulse")

    def beat(self) -> None:
        """[main] Send the pulse, twice a second; MidiServerGone if it does not come back."""
        if not self._pulse_returns():
            raise MidiServerGone("the JACK server is gone or hangs; parameters keep their values")

    def _pulse_returns(self) -> bool:
        """Return whether the pulse comes back; a working server returns it within two periods."""
        if self._pulse is None:
            return True
        while self._names.get_message():
            pass
        self._pulse.send_message(_ACTIVE_SENSING)
        for _ in range(round(PULSE_TIMEOUT_S / 0.005)):  # count pauses, not time: this machine may be busy
            if self._names.get_message():
                return True
            time.sleep(0.005)
        return False

    def poll(self) -> None:
        """[main] Close vanished ports, and open new ones whose name matches; call it several times a second.

        A port that leaves and comes back between two polls under the same system name stays silent.
        """
        names = self._stable.names(self._names.get_ports())
        vanished = self._readers.keys() - names.keys()
        if vanished:
            self.beat()
        for raw in vanished:
            self._readers.pop(raw).close_port()
            self._failed.pop(raw, None)
        self.listed = list(names.values())
        wanted = set(matching_ports(self.listed, self._fragments))
        self._open_new({raw for raw, name in names.items() if name in wanted})
        before = {name for name, _ in self.opened}
        self.opened = tuple((names[raw], reader) for raw, reader in self._readers.items() if reader.is_open)
        now = {name for name, _ in self.opened}
        self._gone = (self._gone | before) - now
        self._refused = {names[raw] for raw in self._failed if names[raw] in wanted - now}

    def _open_new(self, wanted: set[str]) -> None:
        """Begin to open ports; one that failed again only after a while."""
        now = time.monotonic()
        for raw, reader in list(self._readers.items()):
            if reader.is_gone:  # another program has opened the port, or the process died
                self._failed[raw] = now + (0.0 if reader.is_open else RETRY_OPEN_S)
                del self._readers[raw]
            elif reader.is_open:
                self._failed.pop(raw, None)
        for raw in wanted - self._readers.keys():
            if now >= self._failed.get(raw, 0.0):
                self._readers[raw] = PortReader(self._api, raw, self.arrived)

    @property
    def is_opening(self) -> bool:
        """[main] Whether a port is being opened, so that `poll` should be called soon."""
        return any(not reader.is_open for reader in self._readers.values())

    def close(self) -> None:
        """[main] Leave the MIDI system, after the last read from the ports.

        A JACK client that ends without this causes an xrun in every other client.
        """
        if self._pulse_returns():
            self.outputs.close()
            for reader in self._readers.values():
                reader.close_port()
            leave([client for client in (self._pulse, self._names) if client is not None])
            for reader in self._readers.values():
                reader.delete()

    def error(self) -> str:
        """[main] Return a line for the player about missing ports, or ""."""
        if self._gone:
            return f"{', '.join(sorted(self._gone))} is unplugged; its parameters keep their values"
        if self._refused:
            return f"{', '.join(sorted(self._refused))} cannot be opened; another program may use it"
        if self._fragments and not self.opened:
            there = f"the ports are {', '.join(self.listed)}" if self.listed else "there are no ports"
            return f"no MIDI port has {' or '.join(self._fragments)} in its name; {there}"
        return ""


def midi_system() -> int:
    """Return rtmidi's number of the MIDI system in use. NoMidi: there is none."""
    api, probe = _connect()
    probe.delete()
    return api


def list_ports() -> tuple[list[str], str]:
    """Return the names of the input ports, and an error or ""; opens no port."""
    try:
        with quiet():
            _, names = _connect()
            return list(PortNames().names(names.get_ports()).values()), ""
    except NoMidi as error:
        return [], str(error)


def _candidates() -> list[int]:
    """Return the MIDI systems to try, best first; PERFORM_MIDI chooses one."""
    forced = os.environ.get("PERFORM_MIDI", "")
    if forced and forced not in _APIS:
        raise WrongUse(f"PERFORM_MIDI is set to {forced!r}", hint=f"set it to one of {', '.join(_APIS)}")
    compiled = rtmidi.get_compiled_api()
    return [api for name, api in _APIS.items() if api in compiled and forced in ("", name)]


def _connect() -> tuple[int, rtmidi.MidiIn]:
    """Return the first MIDI system that answers, and an input that lists its ports."""
    reasons = []
    for api in _candidates():
        if api == rtmidi.API_LINUX_ALSA and not Path("/dev/snd/seq").exists():
            reasons.append("no ALSA sequencer")  # opening it would print to the log
            continue
        try:
            return api, rtmidi.MidiIn(api, name=_CLIENT)
        except (OSError, rtmidi.RtMidiError) as error:
            reasons.append(str(error).rpartition("::initialize: ")[2].strip(" ?."))
    raise NoMidi(f"no MIDI system: {', '.join(reasons) or reason()}")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """[main] Silence descriptor 2, where C libraries print a message at each failed attempt."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
