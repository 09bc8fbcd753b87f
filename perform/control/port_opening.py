"""Opens a MIDI port by its name: rtmidi opens by number, and numbers move when another port comes or goes.

And leaves the MIDI system without pulling anything from under a callback.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

ATTEMPTS = 20  #: of opening a port while others come and go
_CALLBACK_S = 0.05  # a callback that has begun ends within this time, also on a busy machine


class PortOpener(Protocol):
    """An `rtmidi.MidiIn` or `rtmidi.MidiOut`."""

    def get_ports(self) -> list[str]:
        """The names of the ports that it can open, in the order of their numbers."""
        ...

    def open_port(self, port: int, name: str) -> object:
        """Open a port by its number."""
        ...

    def close_port(self) -> object:
        """Close the open port, if there is one."""
        ...

    def delete(self) -> None:
        """Leave the MIDI system, and free what the callback reads."""
        ...


def open_named_port(client: PortOpener, port: str, name: str) -> None:
    """Open the port of this name. ValueError: it is not there; also what rtmidi raises.

    The port's number counts only if the list up to it is the same before and after; else another port was
    opened. Ports that come and go behind it do not matter: those of our other readers do, where several
    devices are plugged in at once.
    """
    for _ in range(ATTEMPTS):
        before = client.get_ports()
        at = before.index(port)
        client.open_port(at, name)
        if client.get_ports()[: at + 1] == before[: at + 1]:
            return
        client.close_port()
    raise ValueError(f"ports come and go: {port} was not opened")


def leave(clients: Sequence[PortOpener]) -> None:
    """Close the ports of these clients, then leave the MIDI system.

    rtmidi frees a client's buffer before it leaves JACK, so a callback that began before its port was closed
    would read freed memory. After the port is closed, a callback returns at once.
    """
    for client in clients:
        client.close_port()
    if clients:
        time.sleep(_CALLBACK_S)
    for client in clients:
        client.delete()
