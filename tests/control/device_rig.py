"""A virtual controller in another process: it is any device, sends its bytes and hears its lamps."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

_SCRIPT = """
import os, sys, time, rtmidi
api, ports = rtmidi.API_UNIX_JACK, {}
print("ready", flush=True)
for line in sys.stdin:
    verb, _, rest = line.rstrip("\\n").partition(" ")
    said = ""
    if verb == "plug":
        out, into = rtmidi.MidiOut(api, name="a2j"), rtmidi.MidiIn(api, name="a2j")
        into.ignore_types(sysex=False)
        name, _, number = rest.rpartition(" ")
        out.open_virtual_port(f"{name} [{number}] (capture): MIDI 1")
        into.open_virtual_port(f"{name} [{number}] (playback): MIDI 1")
        ports[number] = out, into
    if verb == "unplug":
        for port in ports.pop(rest):
            port.delete()
    if verb == "send":
        number, *messages = rest.split()
        for message in messages:
            ports[number][0].send_message(list(bytes.fromhex(message)))
    if verb == "heard":
        while message := ports[rest][1].get_message():
            said += bytes(message[0]).hex() + " "
    print(said, flush=True)
os._exit(0)
"""


class VirtualDevices:
    """Virtual controllers, by a number, in one other process."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )
        self._read()
        self._heard: dict[int, list[bytes]] = {}

    def _read(self) -> str:
        assert self._process.stdout
        answer = self._process.stdout.readline()
        assert answer, "the process of the virtual devices has ended"
        return answer

    def _do(self, line: str) -> str:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._read()

    def plug(self, name: str, number: int = 20) -> None:
        """Connect a device of this name; the number is that of its socket."""
        self._heard[number] = []
        self._do(f"plug {name} {number}")

    def unplug(self, number: int = 20) -> None:
        del self._heard[number]
        self._do(f"unplug {number}")

    def unplug_all(self) -> None:
        for number in list(self._heard):
            self.unplug(number)

    def send(self, *messages: bytes, number: int = 20) -> None:
        self._do(f"send {number} " + " ".join(message.hex() for message in messages))

    def heard(self, number: int = 20) -> list[bytes]:
        """All messages that the device has received since it was plugged in."""
        self._heard[number] += [bytes.fromhex(text) for text in self._do(f"heard {number}").split()]
        return self._heard[number]

    def hears(self, true: Callable[[list[bytes]], bool], number: int = 20, seconds: float = 15.0) -> None:
        """Wait until what it has received is as it should be."""
        end = time.monotonic() + seconds
        while not true(self.heard(number)):
            assert time.monotonic() < end, f"heard {[message.hex(' ') for message in self.heard(number)]}"
            time.sleep(0.005)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
