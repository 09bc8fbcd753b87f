"""Orders and reports as lines of JSON, and back.

The tag of a line is the name of its class; unknown tags and unknown fields are refused.
"""

from __future__ import annotations

import msgspec

from perform.core import json_bytes
from perform.core.messages.control_messages import ControlOrder, ControlReport
from perform.core.messages.host_messages import (
    AttributeRefused,
    HostFailed,
    HostLoading,
    HostLog,
    HostOrder,
    HostReport,
)
from perform.core.messages.message import Order, Report
from perform.core.messages.mixer_messages import MixerOrder, MixerReport
from perform.core.messages.port_messages import PortOrder, PortReport
from perform.core.messages.recorder_messages import RecorderOrder, RecorderReport
from perform.core.printable import printable

AnyOrder = MixerOrder | RecorderOrder | ControlOrder | HostOrder | PortOrder
AnyReport = MixerReport | RecorderReport | ControlReport | HostReport | PortReport


class BadMessage(ValueError):
    """A line is not an order or report; the text says why, and shows the line."""


def encode(message: Order | Report) -> str:
    """Return a message as one line, newline included."""
    return json_bytes.encode(message).decode() + "\n"


def decode_order(line: str) -> AnyOrder:
    """Read an order from a line. BadMessage: it is not one."""
    try:
        order: AnyOrder = json_bytes.decode(line, AnyOrder)
        return order
    except msgspec.DecodeError as error:
        raise BadMessage(f"not an order ({error}): {line.strip()[:200]}") from error


def decode_report(line: str) -> AnyReport:
    """Read a report from a line. BadMessage: it is not one, perhaps cut short by the death of its child."""
    try:
        report: AnyReport = json_bytes.decode(line, AnyReport)
    except msgspec.DecodeError as error:
        raise BadMessage(f"not a report ({error}): {line.strip()[:200]}") from error
    return _printable(report)


def _printable(report: AnyReport) -> AnyReport:
    """Make the texts of hosts printable: a host may run a third-party module."""
    match report:
        case HostLoading() | HostLog():
            return msgspec.structs.replace(report, text=printable(report.text))
        case HostFailed() | AttributeRefused():
            return msgspec.structs.replace(report, error=printable(report.error))
    return report
