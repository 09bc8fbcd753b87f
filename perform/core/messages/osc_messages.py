"""Messages between the stage and the OSC process (`perform.control.osc_process`)."""

from __future__ import annotations

from perform.core.messages.message import Order, Report


class StartOsc(Order, frozen=True):
    """The first and only order: receive OSC on a UDP port; port 0 takes a free one."""

    arena: str
    host: str
    port: int


class OscListening(Report, frozen=True):
    """The port is open. address: "127.0.0.1:9000"."""

    address: str


class OscFailed(Report, frozen=True):
    """The port cannot be opened; the process tries again."""

    error: str


OscOrder = StartOsc
OscReport = OscListening | OscFailed
