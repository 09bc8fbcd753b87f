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
    device: str = ""  #: name of the device whose controls the file names; its ports if `ports` is left out
    extends: str = ""  #: name of the mapping whose controls work where this one binds none; "": none

    def responds_to(self, port: str, binding: Binding, known: Sequence[str]) -> bool:
        """Return whether a binding responds to `port`, one of the `known` ports."""
        if binding.port:
            return port in matching_ports(known, (binding.port,))
        return port in matching_ports(known, self.ports, twins=True)


def matching_ports(names: Sequence[str], fragments: Sequence[str], *, twins: bool = False) -> list[str]:
    """Return the ports whose name contains one of the fragments, in upper or lower case.

    Without fragments, all ports match. A fragment that is the whole name of a port matches that device only:
    "Launch Control" does not match "Launch Control XL" while both are known.

    twins : a whole name also matches the other devices of that name, "Launch Control #2"
    """
    return [name for name in names if not fragments or matching_length(name, fragments, names, twins=twins)]


def matching_length(name: str, fragments: Sequence[str], known: Sequence[str], *, twins: bool) -> int:
    """Return the length of the longest fragment that matches a port, see `matching_ports`; 0 for none."""
    whole = {other.casefold() for other in known}
    name = name.casefold()

    def matches(fragment: str) -> bool:
        if fragment in whole:  # a device with several ports has names like "Keys:MIDI"
            alike = (f"{fragment}:", f"{fragment} #") if twins else (f"{fragment}:",)
            return name == fragment or name.startswith(alike)
        return fragment in name

    return max((len(fragment) for fragment in fragments if matches(fragment.casefold())), default=0)
