"""The OSC process: UDP messages in, parameter values out. `python -m perform.control.osc_process`

It is a separate process, so that a flood of messages delays no MIDI and no sound: it works for at most half
of the time, and the system drops what does not fit into the socket's buffer. If it stops, the parameters keep
their values.

Orders and reports: `core/messages/port_messages.py`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import queue
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from perform.control.osc_packets import BadPacket, OscCall, read_packet, write_packets
from perform.control.osc_router import OscRouter
from perform.control.osc_subscribers import OscClient
from perform.core.arena import Arena
from perform.core.errors import WrongUse
from perform.core.lifeline import Lifeline
from perform.core.messages.port_messages import PortFailed, PortOpened, StartOsc

TURN_S = 0.02  #: between two looks at the parameters for subscribers
SHARE = 0.5  #: of a turn that messages may take
RETRY_S = 2.0  #: between two attempts to open the port
BUFFER = 1 << 18  #: bytes of the socket's buffer
ERRORS = 10  #: most errors that are sent in a second


class OscProcess:
    """One UDP port."""

    def __init__(self, line: Lifeline, start: StartOsc) -> None:
        self._arena = arena = Arena.open(Path(start.arena))
        self._line, self._start = line, start
        self._router = OscRouter(arena.table, arena.knobs)
        self._socket = self._open()
        self._errors_left, self._errors_until = ERRORS, 0.0

    def run(self) -> None:
        """[osc] Run until the stage is gone."""
        while self._socket and not self._stage_is_gone():
            self._receive(self._socket, time.monotonic() + TURN_S)
            for client, calls in self._router.turn():
                self._send(self._socket, client, calls)

    def _open(self) -> socket.socket | None:
        """Open the port as soon as it is free; None if the stage is gone first."""
        reported = ""
        while not self._stage_is_gone():
            try:
                family, kind, _, _, address = socket.getaddrinfo(
                    self._start.host, self._start.port, type=socket.SOCK_DGRAM
                )[0]
                made = socket.socket(family, kind)
                with contextlib.suppress(OSError):
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
                made.bind(address)
                host, port, *_ = made.getsockname()
                everyone = "" if ipaddress.ip_address(host).is_loopback else ", open to the network"
                self._line.report(PortOpened(f"{host}:{port}{everyone}"))
                return made
            except OSError as error:
                text = f"OSC cannot use {self._start.host}:{self._start.port}: {error.strerror or error}"
                if text != reported:
                    self._line.report(PortFailed(f"{text}; another program may use it"))
                reported = text
                time.sleep(RETRY_S)
        return None

    def _stage_is_gone(self) -> bool:
        """Whether to end; also the heartbeat."""
        self._arena.set_meter("heartbeat/osc", self._arena.meter("heartbeat/osc") + 1)
        try:
            return self._line.next(timeout=0) is None
        except queue.Empty:
            return False

    def _receive(self, port: socket.socket, until: float) -> None:
        """Carry out messages until a time, or until they have taken their share of it."""
        worked = 0.0
        while (left := until - time.monotonic()) > 0:
            if worked > SHARE * TURN_S:
                time.sleep(left)
                return
            port.settimeout(left)
            try:
                data, (host, number, *_) = port.recvfrom(1 << 16)
            except TimeoutError:
                return
            except OSError:  # Windows reports that an earlier answer found no program
                continue
            began = time.perf_counter()
            self._handle(port, data, (host, number))
            worked += time.perf_counter() - began

    def _handle(self, port: socket.socket, data: bytes, client: OscClient) -> None:
        answers: list[OscCall] = []
        try:
            for call in read_packet(data):
                try:
                    answers += self._router.handle(call, client)
                except WrongUse as error:
                    answers += self._error(str(error))
        except BadPacket as error:
            answers += self._error(str(error))
        self._send(port, client, answers)

    def _error(self, text: str) -> list[OscCall]:
        """The answer that says what is wrong; none if there were too many of them."""
        now = time.monotonic()
        if now > self._errors_until:
            self._errors_left, self._errors_until = ERRORS, now + 1.0
        self._errors_left -= 1
        return [OscCall("/error", (text,))] if self._errors_left >= 0 else []

    @staticmethod
    def _send(port: socket.socket, client: OscClient, calls: Iterable[OscCall]) -> None:
        for packet in write_packets(calls):
            with contextlib.suppress(OSError):  # the program is gone, or the network is full
                port.sendto(packet, client)


def main() -> None:
    """[main] Run until the stage is gone."""
    logging.disable(logging.CRITICAL)  # python-osc would write a line for each bad packet
    line = Lifeline()
    start = line.next()
    if isinstance(start, StartOsc):
        OscProcess(line, start).run()
    os._exit(0)


if __name__ == "__main__":
    main()
