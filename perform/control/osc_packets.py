"""OSC packets to calls, and calls to packets, by python-osc. Malformed packets are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

LARGEST = 1400  #: bytes of a packet that is sent: it fits into one frame of a network
DEEPEST = 8  #: bundles in bundles
_BUNDLE, _HEAD = b"#bundle\0", 16  #: how a bundle begins, and the bytes before its first element

OscArgument = float | int | str | bool


class BadPacket(ValueError):
    """The bytes are not OSC; the text says why."""


class OscCall(NamedTuple):
    """One OSC message: an address and its arguments, those that are numbers, texts, true or false."""

    address: str
    arguments: tuple[OscArgument, ...] = ()


def read_packet(data: bytes) -> list[OscCall]:
    """Read a message, or all messages of a bundle, in order. BadPacket: the bytes are not OSC.

    The time of a bundle is ignored: all of it happens now.
    """
    try:
        return [_call(OscMessage(part)) for part in _messages(data, 0)]
    except BadPacket:
        raise
    except Exception as error:  # whatever python-osc does with hostile bytes
        raise BadPacket(f"not OSC: {error}") from error


def write_packets(calls: Iterable[OscCall]) -> Iterator[bytes]:
    """Write calls as few packets of at most LARGEST bytes: one message, or a bundle."""
    waiting: list[OscMessage] = []
    size = _HEAD
    for call in calls:
        message = _message(call)
        if waiting and size + message.size + 4 > LARGEST:
            yield _packet(waiting)
            waiting, size = [], _HEAD
        waiting.append(message)
        size += message.size + 4
    if waiting:
        yield _packet(waiting)


def _messages(data: bytes, depth: int) -> Iterator[bytes]:
    """The bytes of each message in a packet. python-osc would read a bundle with a negative size for ever."""
    if not data.startswith(_BUNDLE):
        yield data
        return
    if depth == DEEPEST:
        raise BadPacket("too many bundles in bundles")
    at = _HEAD
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big", signed=True)
        if size <= 0 or at + 4 + size > len(data):
            raise BadPacket("a bundle with an impossible size in it")
        yield from _messages(data[at + 4 : at + 4 + size], depth + 1)
        at += 4 + size


def _call(message: OscMessage) -> OscCall:
    known = (part for part in message.params if isinstance(part, (float, int, str)))
    return OscCall(str(message.address), tuple(known))


def _message(call: OscCall) -> OscMessage:
    builder = OscMessageBuilder(call.address)
    for argument in call.arguments:
        builder.add_arg(argument)
    return builder.build()


def _packet(messages: list[OscMessage]) -> bytes:
    if len(messages) == 1:
        return messages[0].dgram
    builder = OscBundleBuilder(IMMEDIATELY)
    for message in messages:
        builder.add_content(message)
    return builder.build().dgram
