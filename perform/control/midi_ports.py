"""MIDI input ports: which there are, which are open, and whether the MIDI system still lives.

Ports are known by stable names: the numbers that ALSA and others give a client on each connection are
dropped. rtmidi says nothing when a port vanishes or a JACK server dies (it goes on listing the ports), and
its `close_port` crashes on a dead server. So names are polled; on JACK a message of our own goes out and
must come back, and a port is closed only while that works. This module knows no message and no mapping.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import rtmidi

from perform.control.mapping import chosen
from perform.core.errors import PerformError, WrongUse

PATIENCE = 2.0  #: seconds a JACK server may stay silent before it counts as gone
_QUEUE = 1 << 14  #: messages a port holds for the thread that reads them
_CLIENT = "perform"
_ACTIVE_SENSING = [0xFE]  # means nothing but "I am here"; whoever else hears it takes no harm

_BRIDGE = re.compile(r"^(a2j|Midi-Bridge|system):")  # what carries ALSA ports into JACK
_NUMBERS = re.compile(r" \d+$" if sys.platform == "win32" else r" \d+:\d+$| \[\d+\]| \(capture[^)]*\)")
_NOT_OURS_TO_OPEN = re.compile(r"(perform|Midi Through)\b")

Inputs = tuple[tuple[str, rtmidi.MidiIn], ...]  #: (name of the port, its input)

_APIS = {
    "alsa": rtmidi.API_LINUX_ALSA,
    "jack": rtmidi.API_UNIX_JACK,
    "coremidi": rtmidi.API_MACOSX_CORE,
    "windows": rtmidi.API_WINDOWS_MM,
}


class NoMidi(PerformError):
    """There is no MIDI system, or none that answers."""


class MidiServerGone(PerformError):
    """The JACK server died or stands still. rtmidi cannot be used in this process any more."""


def stable_names(raw: Sequence[str]) -> dict[str, str]:
    """Names as the system lists them -> what we call each: short, and the same after reconnecting.

    It is the client's name alone where that client has one port, and ends in ` #2` for the second of two
    devices that share every name. Ports of our own and "Midi Through" are left out.
    """
    whole = {name: _NUMBERS.sub("", _BRIDGE.sub("", name)) for name in raw}
    whole = {name: stable for name, stable in whole.items() if not _NOT_OURS_TO_OPEN.match(stable)}
    clients = Counter(stable.partition(":")[0] for stable in whole.values())
    seen: Counter[str] = Counter()
    names = {}
    for name, stable in whole.items():
        client = stable.partition(":")[0]
        label = client if clients[client] == 1 else stable
        seen[label] += 1
        names[name] = label if seen[label] == 1 else f"{label} #{seen[label]}"
    return names


class MidiPorts:
    """[main] The open input ports of one MIDI system; NoMidi where there is none.

    opened : the open ports; another thread may read messages from them
    listed : names of all ports there are
    """

    def __init__(self, fragments: Sequence[str]) -> None:
        self._fragments = tuple(fragments)
        self._api, self._names = _connect()
        self._inputs: dict[str, rtmidi.MidiIn] = {}  # by the system's own name
        self._pulse: rtmidi.MidiOut | None = None
        self.listed: list[str] = []
        self.opened: Inputs = ()
        self._gone: set[str] = set()
        self._refused: set[str] = set()
        if self._api == rtmidi.API_UNIX_JACK:
            self._start_pulse()

    def _start_pulse(self) -> None:
        """Join an output of our own to the input that lists the names."""
        client = f"{_CLIENT} {os.getpid()}"
        self._pulse = rtmidi.MidiOut(self._api, name=client)
        self._pulse.open_virtual_port("pulse")
        self._names.ignore_types(active_sense=False)
        ours = [i for i, name in enumerate(self._names.get_ports()) if name.startswith(f"{client}:")]
        self._names.open_port(ours[0], "pulse")

    def beat(self) -> None:
        """[main] Ask whether the server lives, twice a second; ServerGone once it stays silent."""
        if not self._answers():
            raise MidiServerGone("the JACK server is gone or stands still: values hold")

    def _answers(self) -> bool:
        """Whether our pulse comes back; it does within two periods of the server."""
        if self._pulse is None:
            return True
        while self._names.get_message():
            pass
        self._pulse.send_message(_ACTIVE_SENSING)
        for _ in range(round(PATIENCE / 0.005)):  # naps, not a clock: a starved machine is not a dead server
            if self._names.get_message():
                return True
            time.sleep(0.005)
        return False

    def poll(self) -> None:
        """[main] Close what vanished, open what is new and wanted.

        Some times a second: a port that left and came back between two polls would stay silent.
        """
        names = stable_names(self._names.get_ports())
        vanished = self._inputs.keys() - names.keys()
        if vanished:
            self.beat()
        for raw in vanished:
            self._inputs.pop(raw).close_port()
        self.listed = list(names.values())
        wanted = set(chosen(self.listed, self._fragments))
        for raw, name in names.items():
            if name in wanted and raw not in self._inputs and (port := self._open(raw)):
                self._inputs[raw] = port
        before = {name for name, _ in self.opened}
        self.opened = tuple((names[raw], port) for raw, port in self._inputs.items())
        now = {name for name, _ in self.opened}
        self._gone = (self._gone | before) - now
        self._refused = wanted - now

    def _open(self, raw: str) -> rtmidi.MidiIn | None:
        """None where it cannot be opened now: it vanished again, or another program holds it."""
        try:
            port = rtmidi.MidiIn(self._api, name=_CLIENT, queue_size_limit=_QUEUE)
            port.open_port(port.get_ports().index(raw), "in")
        except (OSError, ValueError, rtmidi.RtMidiError):
            return None
        return port

    def close(self) -> None:
        """[main] Leave the MIDI system in order; nobody may read from the ports any more.

        A JACK client that just dies costs every other one an xrun.
        """
        if self._answers():
            for client in (*self._inputs.values(), self._pulse, self._names):
                if client is not None:
                    client.delete()

    def error(self) -> str:
        """[main] What a player should know about the ports, one line, or ""."""
        if self._gone:
            return f"{', '.join(sorted(self._gone))} is gone: values hold"
        if self._refused:
            return f"{', '.join(sorted(self._refused))} cannot be opened; another program may hold it"
        if self._fragments and not self.opened:
            there = f"there are {', '.join(self.listed)}" if self.listed else "there is none at all"
            return f"no MIDI port is called {' or '.join(self._fragments)}; {there}"
        return ""


def look() -> tuple[list[str], str]:
    """Names of the input ports there are, and why there are none, or ""; opens nothing."""
    try:
        with quiet():
            _, names = _connect()
            return list(stable_names(names.get_ports()).values()), ""
    except NoMidi as error:
        return [], str(error)


def _candidates() -> list[int]:
    """The MIDI systems to try, best first; PERFORM_MIDI chooses one."""
    forced = os.environ.get("PERFORM_MIDI", "")
    if forced and forced not in _APIS:
        raise WrongUse(f"PERFORM_MIDI is {forced!r}", hint=f"it may be {', '.join(_APIS)}")
    compiled = rtmidi.get_compiled_api()
    return [api for name, api in _APIS.items() if api in compiled and forced in ("", name)]


def _connect() -> tuple[int, rtmidi.MidiIn]:
    """The first MIDI system that answers, and the one input that lists its ports for as long as we live."""
    reasons = []
    for api in _candidates():
        if api == rtmidi.API_LINUX_ALSA and not Path("/dev/snd/seq").exists():
            reasons.append("no ALSA sequencer")  # opening it would only print to the log
            continue
        try:
            return api, rtmidi.MidiIn(api, name=_CLIENT)
        except (OSError, rtmidi.RtMidiError) as error:
            reasons.append(str(error).rpartition("::initialize: ")[2].strip(" ?."))
    raise NoMidi(f"no MIDI system: {', '.join(reasons) or 'none was built into python-rtmidi'}")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """[main] Descriptor 2 to nowhere: C libraries complain there each time they are asked in vain."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
