"""The programs that subscribe to parameters by OSC, and the last values that each was sent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from perform.control.osc_packets import OscCall
from perform.core import params
from perform.core.params import ADDRESSES, Table

OscClient = tuple[str, int]  #: host and port of a program

MOST = 16  #: subscribers; one more replaces the one that subscribed first
A_TURN = 200  #: most values that one subscriber gets in one turn


class OscSubscribers:
    """[osc] Compares the table with what each subscriber was sent, so there is no queue that could grow."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._wanted: dict[OscClient, npt.NDArray[np.bool_]] = {}
        self._sent: dict[OscClient, Table] = {}

    def add(self, client: OscClient, prefix: str) -> int:
        """Send a program all parameters whose address begins so, now and at each change; returns how many."""
        wanted = np.array([address.startswith(prefix) for address in ADDRESSES])
        if client not in self._wanted and len(self._wanted) == MOST:
            self.remove(next(iter(self._wanted)))
        self._wanted[client] = self._wanted.get(client, np.zeros(len(ADDRESSES), np.bool_)) | wanted
        sent = self._sent.setdefault(client, np.full(len(ADDRESSES), np.nan))
        sent[wanted] = np.nan
        return int(wanted.sum())

    def remove(self, client: OscClient) -> None:
        """Send a program nothing more."""
        self._wanted.pop(client, None)
        self._sent.pop(client, None)

    def note(self, client: OscClient, slot: int) -> None:
        """A program has set this parameter itself, so it need not be told."""
        if client in self._sent:
            self._sent[client][slot] = self._table[slot]

    def turn(self) -> Iterator[tuple[OscClient, list[OscCall]]]:
        """The changes that each subscriber has not seen, at most A_TURN; the rest next time."""
        if not self._wanted:
            return
        table = self._table.copy()
        for client, wanted in self._wanted.items():
            sent = self._sent[client]
            slots = np.flatnonzero(wanted & (table != sent))[:A_TURN]
            sent[slots] = table[slots]
            if len(slots):
                yield client, [value_call(int(slot), float(table[slot])) for slot in slots]


def value_call(slot: int, value: float) -> OscCall:
    """`/deck/1/gain -3.0`: a parameter's value in its unit."""
    return OscCall(f"/{ADDRESSES[slot]}", (value,))


def list_call(slot: int) -> OscCall:
    """`/list "deck/1/gain" -60.0 12.0 0.0 "dB" ""`: a parameter's range, default, unit and choices."""
    spec = params.SPEC_AT[slot]
    low, high = (0.0, 0.0) if spec.action else (spec.low, spec.high)
    kind = "action" if spec.action else spec.unit
    return OscCall("/list", (ADDRESSES[slot], low, high, spec.default, kind, "|".join(spec.choices)))
