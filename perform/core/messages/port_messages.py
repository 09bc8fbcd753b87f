"""Messages between the stage and the processes that each have one port: OSC in, MIDI clock out."""

from __future__ import annotations

from perform.core.messages.message import Order, Report


class StartOsc(Order, frozen=True):
    """Receive OSC on a UDP port (`perform.control.osc_process`); port 0 takes a free one."""

    arena: str
    host: str
    port: int


class StartClockOut(Order, frozen=True):
    """Send MIDI clock to the port whose name contains this text (`perform.control.clock_out_process`)."""

    arena: str
    port: str


class PortOpened(Report, frozen=True):
    """The port is open. name: "127.0.0.1:9000", or the name of the MIDI port."""

    name: str


class PortFailed(Report, frozen=True):
    """The port cannot be opened; the process tries again."""

    error: str


PortOrder = StartOsc | StartClockOut
PortReport = PortOpened | PortFailed
