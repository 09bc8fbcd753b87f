"""The report to the stage about the mappings in use."""

from __future__ import annotations

from collections.abc import Sequence

from perform.control.binding import Binding
from perform.control.layers import MappingLayers
from perform.core import params
from perform.core.knob_ranges import KnobRanges
from perform.core.messages.control_messages import MappingChanged
from perform.core.paths import to_text


def mapping_report(
    layers: MappingLayers, ports: Sequence[str], known: Sequence[str], knobs: KnobRanges, *, changed: bool
) -> MappingChanged:
    """Return the report of the mappings in use.

    ports   : the connected ones
    known   : all ports seen so far, with these
    changed : a learnt binding is not on disk yet
    """
    primary = layers.primary(ports)
    bindings = [
        (address, binding.label((port,)))
        for port in ports
        for binding in layers.effective(port, known)
        for address in _addresses(binding, knobs)
    ]
    if not ports:  # what it binds as soon as its device is connected
        bindings = [
            (address, it.label(primary.mapping.ports))
            for it in layers.flat(primary).bindings
            for address in _addresses(it, knobs)
        ]
    return MappingChanged(
        name=primary.mapping.name,
        path=to_text((layers.chosen or primary).path),
        bindings=tuple(bindings),
        changed=changed,
        follows=layers.chosen is None,
        others=len({layers.own(port, known).path for port in ports} - {primary.path}),
    )


def _addresses(binding: Binding, knobs: KnobRanges) -> list[str]:
    """The address of a binding; if it counts audible latents, their addresses on all decks now."""
    if not binding.audible:
        return [binding.to]
    slots = [knobs.audible_slot(address) for address in binding.addresses]
    return [params.ADDRESSES[slot] for slot in slots if slot >= 0]
