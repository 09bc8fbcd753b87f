"""Remembers the connections of our ports on a JACK server; a new mixer makes them again.

PortAudio connects a new stream to the first playback and capture ports. What the player has connected or
disconnected since, in a patchbay, would be lost with each mixer process.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from types import ModuleType
from typing import Any

from perform.core.messages.mixer_messages import Connections


class JackConnections:
    """[main] The connections of this process's PortAudio client.

    remembered : those of the last mixer; None: leave the ones that PortAudio made
    """

    def __init__(self, sd: ModuleType, remembered: Connections | None) -> None:
        self.known = remembered  #: those that a next mixer should make
        self._client: Any = None
        self._ours = ""
        self._waiting: set[tuple[str, str]] = set()  # their other port does not exist
        try:
            import jack
        except (ImportError, OSError):  # without the library, the connections are PortAudio's
            return
        self._error: type[Exception] = jack.JackError
        try:
            library, name = ctypes.CDLL(sd._libname), ctypes.c_char_p()
            library.PaJack_GetClientName(ctypes.byref(name))
            self._ours = (name.value or b"").decode()
            self._client = jack.Client("perform connections", no_start_server=True)
        except (OSError, AttributeError, UnicodeDecodeError, jack.JackError):  # or without its server
            self._client = None

    def restore(self) -> None:
        """Make the remembered connections, as far as their ports exist, and no others."""
        if self._client is None or self.known is None:
            return
        present = self._present()
        for ours, other in {*self.known} - present:
            self._change(self._client.connect, ours, other)
        for ours, other in present - {*self.known}:
            self._change(self._client.disconnect, ours, other)

    def poll(self) -> bool:
        """Look at the connections; whether `known` has changed.

        A connection whose other port has vanished stays known, and is made when the port comes back.
        """
        if self._client is None:
            return False
        try:
            present = self._present()
            gone = {*(self.known or ())} - present
            waiting = {(ours, other) for ours, other in gone if not self._exists(other)}
            back = {(ours, other) for ours, other in self._waiting if self._exists(other)} - present
        except self._error:  # the server is gone
            return False
        for ours, other in back:
            self._change(self._client.connect, ours, other)
        self._waiting = waiting
        known = tuple(sorted(present | waiting | back))
        changed, self.known = known != self.known, known
        return changed

    def _present(self) -> set[tuple[str, str]]:
        ports = self._client.get_ports(f"^{re.escape(self._ours)}:", is_audio=True)
        return {
            (port.shortname, other.name) for port in ports for other in self._client.get_all_connections(port)
        }

    def _exists(self, port: str) -> bool:
        return bool(self._client.get_ports(f"^{re.escape(port)}$"))

    def _change(self, change: Any, ours: str, other: str) -> None:
        """Connect or disconnect two ports, from output to input."""
        with contextlib.suppress(self._error):
            port = self._client.get_port_by_name(f"{self._ours}:{ours}")
            change(*((port, other) if port.is_output else (other, port)))
