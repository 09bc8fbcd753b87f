"""From an OSC message to a parameter, and the answers to questions about parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from perform.control.osc_packets import OscArgument, OscCall
from perform.control.osc_subscribers import OscClient, OscSubscribers, list_call, value_call
from perform.core.errors import WrongUse
from perform.core.knob_ranges import KnobRanges
from perform.core.params import ADDRESSES, SLOTS, SPEC_AT, Table
from perform.core.spec import MODULE_DEFAULT
from perform.library.toml_values import PLAYER_ONLY

POSITION = "/position/"
LISTED = 200  #: most parameters of one answer to `/list`, each turn
LISTS = 16  #: most answers to `/list` that wait at one time


class OscRouter:
    """[osc] Carries out the messages of all programs. A value in the table is held by no one.

    /deck/1/gain -3           the value in the parameter's unit, or the name of a choice
    /position/deck/1/gain 0.5 the same as the position of a knob, 0..1
    /panic                    an action; with a number it acts if this is above 0
    /get deck/1/gain          answers with the value
    /list deck/1/             answers with all addresses that begin so, their ranges and units
    /subscribe deck/1/ 9001   sends values now and at each change, to this port or the sender's
    /unsubscribe
    """

    def __init__(self, table: Table, knobs: KnobRanges | None = None) -> None:
        """knobs : the range of each parameter's knob; None: the full range."""
        self._table, self._knobs = table, knobs or KnobRanges.full()
        self.subscribers = OscSubscribers(table)
        self._lists: dict[OscClient, Iterator[OscCall]] = {}

    def handle(self, call: OscCall, client: OscClient) -> list[OscCall]:
        """Carry out a message; returns the answers. WrongUse: it cannot be carried out."""
        address, arguments = call
        match address:
            case "/get":
                return [self._value(_text(argument)) for argument in arguments]
            case "/list":
                return self._list(client, _text(arguments[0]) if arguments else "")
            case "/subscribe":
                return [self._subscribe(client, arguments)]
            case "/unsubscribe":
                self.subscribers.remove(_with_port(client, arguments))
                return []
        as_position = address.startswith(POSITION)
        slot = _slot(address.removeprefix(POSITION) if as_position else address[1:])
        if as_position:
            self._set_position(slot, arguments)
        else:
            self._set(slot, arguments)
        self.subscribers.note(client, slot)
        return []

    def turn(self) -> Iterator[tuple[OscClient, list[OscCall]]]:
        """What each program is to be sent now: changes that it subscribed to, and the next part of a list."""
        yield from self.subscribers.turn()
        for client, rest in list(self._lists.items()):
            part = list(itertools.islice(rest, LISTED))
            if part:
                yield client, part
            else:
                del self._lists[client]

    def _set(self, slot: int, arguments: tuple[OscArgument, ...]) -> None:
        spec = SPEC_AT[slot]
        if spec.action:
            if not arguments or _number(slot, arguments[0]) > 0:
                self._table[slot] += 1
            return
        if not arguments:
            raise WrongUse(f"/{ADDRESSES[slot]} needs a value", hint=f"/get {ADDRESSES[slot]} asks for it")
        self._table[slot] = spec.clamp(_number(slot, arguments[0]))

    def _set_position(self, slot: int, arguments: tuple[OscArgument, ...]) -> None:
        spec = SPEC_AT[slot]
        if spec.action or spec.low <= MODULE_DEFAULT:
            raise WrongUse(f"{ADDRESSES[slot]} has no positions", hint=f"write /{ADDRESSES[slot]}")
        if not arguments:
            raise WrongUse(f"{POSITION}{ADDRESSES[slot]} needs a position", hint="0 to 1")
        self._table[slot] = self._knobs.value(slot, _number(slot, arguments[0]))

    def _value(self, address: str) -> OscCall:
        slot = _slot(address.removeprefix("/"))
        return value_call(slot, float(self._table[slot]))

    def _list(self, client: OscClient, prefix: str) -> list[OscCall]:
        if client not in self._lists and len(self._lists) >= LISTS:
            raise WrongUse("too many programs ask for a list", hint="try again in a second")
        slots = [i for i, a in enumerate(ADDRESSES) if a.startswith(prefix.removeprefix("/"))]
        end = OscCall("/list/end", (len(slots),))
        self._lists[client] = itertools.chain((list_call(slot) for slot in slots), (end,))
        return []

    def _subscribe(self, client: OscClient, arguments: tuple[OscArgument, ...]) -> OscCall:
        prefix = _text(arguments[0]) if arguments else ""
        count = self.subscribers.add(_with_port(client, arguments[1:]), prefix.removeprefix("/"))
        if not count:
            raise WrongUse(f"no parameter begins with {prefix[:80]!r}", hint="/list shows all of them")
        return OscCall("/subscribed", (prefix, count))


def _slot(address: str) -> int:
    slot = SLOTS.get(address)
    if slot is None:
        raise WrongUse(f"no parameter is called {address[:80]!r}", hint="/list shows all of them")
    if address == PLAYER_ONLY:
        raise WrongUse(f"only the player opens {address}", hint="press I twice, or map a controller to it")
    return slot


def _number(slot: int, argument: OscArgument) -> float:
    """A finite number; a text is a choice of the parameter."""
    spec, address = SPEC_AT[slot], ADDRESSES[slot]
    if isinstance(argument, str):
        if argument not in spec.choices:
            hint = f"it is one of {', '.join(spec.choices)}" if spec.choices else "it is a number"
            raise WrongUse(f"{address} cannot be {argument[:80]!r}", hint=hint)
        return float(spec.choices.index(argument))
    try:
        value = float(argument)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise WrongUse(f"{address} cannot be {value}", hint="it is a finite number")
    return value


def _text(argument: OscArgument) -> str:
    if not isinstance(argument, str):
        raise WrongUse(f"{argument} is not an address", hint='an address is a text: "deck/1/gain"')
    return argument


def _with_port(client: OscClient, arguments: tuple[OscArgument, ...]) -> OscClient:
    """The program at the port that it names, else at the port that it sends from."""
    if not arguments:
        return client
    port = arguments[0]
    if isinstance(port, str) or not 1 <= port <= 65535 or port != int(port):  # NaN is in no range
        raise WrongUse(f"there is no port {port}", hint="ports are 1 to 65535")
    return client[0], int(port)
