"""A mapping: the binds of one file, and the ports they respond to."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perform.control.binding import Binding


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"binds": "bind"}):
    """The binds of one file, in order."""

    name: str
    ports: tuple[str, ...] = ()  #: fragments of port names; none: every port
    binds: tuple[Binding, ...] = ()

    def listens(self, bind: Binding, port: str, known: Sequence[str]) -> bool:
        """Whether this bind responds to `port`, one of the `known` ports."""
        return port in chosen(known, (bind.port,) if bind.port else self.ports)


def chosen(names: Sequence[str], fragments: Sequence[str]) -> list[str]:
    """The ports that match a fragment of a name, in upper or lower case; all ports if there are no fragments.

    A fragment that is a whole name matches that device only: "Launch Control" does not match "Launch Control
    XL" while both are known.
    """
    whole = {name.casefold() for name in names}

    def matches(name: str, fragment: str) -> bool:
        if fragment in whole:  # the second form: the device now has several ports
            return name == fragment or name.startswith(f"{fragment}:")
        return fragment in name

    return [n for n in names if not fragments or any(matches(n.casefold(), f.casefold()) for f in fragments)]
