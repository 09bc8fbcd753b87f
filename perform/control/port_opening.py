"""Opens a MIDI port by its name, and makes sure that it is open.

rtmidi opens by number, and numbers move when another port comes or goes. On JACK it also says nothing where
the server refuses to connect the port, as a busy server does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol

import rtmidi

ATTEMPTS = 20  #: of opening a port while others come and go
CLIENT = "perform ports"  #: the JACK client that looks at the connections


class PortOpener(Protocol):
    """An `rtmidi.MidiIn` or `rtmidi.MidiOut`."""

    def get_current_api(self) -> int:
        """The MIDI system."""
        ...

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
    """Open the port of this name.

    ValueError: it is not there, or cannot be connected; OSError: no JACK server; and what rtmidi raises.
    The port's number counts only if the list is the same before and after; else another port was opened.
    """
    with _connections(client) as connected_to:
        for _ in range(ATTEMPTS):
            before, others = client.get_ports(), connected_to(port)
            client.open_port(before.index(port), name)
            ours = connected_to(port)
            connected = ours is None or any(one.endswith(f":{name}") for one in ours - (others or set()))
            if connected and client.get_ports() == before:
                return
            client.close_port()
    raise ValueError(f"ports come and go: {port} was not opened")


@contextlib.contextmanager
def _connections(client: PortOpener) -> Iterator[Callable[[str], set[str] | None]]:
    """A function for the ports that a port is connected to; its answer is None where nobody knows."""
    if client.get_current_api() != rtmidi.API_UNIX_JACK:
        yield lambda _: None
        return
    try:
        import jack
    except (ImportError, OSError):  # without the library, what rtmidi says counts
        yield lambda _: None
        return
    try:
        looker = jack.Client(CLIENT, no_start_server=True)
    except jack.JackError as error:
        raise OSError(str(error)) from None

    def connected_to(port: str) -> set[str] | None:
        try:
            return {other.name for other in looker.get_all_connections(port)}
        except jack.JackError:  # the port is gone
            return set()

    try:
        yield connected_to
    finally:
        looker.close()
