"""Opens a MIDI port by its name: rtmidi opens by number, and numbers move when another port comes or goes."""

from __future__ import annotations

from typing import Protocol

ATTEMPTS = 20  #: of opening a port while others come and go


class PortOpener(Protocol):
    """An `rtmidi.MidiIn` or `rtmidi.MidiOut`."""

    def get_ports(self) -> list[str]:
        """The names of the ports that it can open, in the order of their numbers."""
        ...

    def open_port(self, port: int, name: str) -> object:
        """Open a port by its number."""
        ...

    def close_port(self) -> object:
        """Close the open port."""
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
