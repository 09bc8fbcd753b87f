"""A mapping: the bindings of one file and the ports that they respond to."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perform.control.binding import Binding
from perform.control.hand import Takeover


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"bindings": "bind"}):
    """The bindings of one file, in the file's order."""

    name: str
    ports: tuple[str, ...] = ()  #: parts of port names; none: every port
    bindings: tuple[Binding, ...] = ()
    takeover: Takeover = "scale"  #: how a knob takes over a parameter that something else has moved

    def responds_to(self, port: str, binding: Binding, known: Sequence[str]) -> bool:
        """Return whether a binding responds to `port`, one of the `known` ports."""
        return port in matching_ports(known, (binding.port,) if binding.port else self.ports)


def matching_ports(names: Sequence[str], fragments: Sequence[str]) -> list[str]:
    """Return the ports whose name contains one of the fragments, in upper or lower case.

    Without fragments, all ports match. A fragment that is the whole name of a port matches that device only:
    "Launch Control" does not match "Launch Control XL" while both are known.
    """
    whole = {name.casefold() for name in names}

    def matches(name: str, fragment: str) -> bool:
        if fragment in whole:  # a device with several ports has names like "Keys:MIDI"
            return name == fragment or name.startswith(f"{fragment}:")
        return fragment in name

    return [n for n in names if not fragments or any(matches(n.casefold(), f.casefold()) for f in fragments)]
