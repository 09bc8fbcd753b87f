"""What each control of a port moves: the bindings of its layers, a later layer over those before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from perform.control.binding import NOTHING, Binding
from perform.control.control_names import ControlId, Kind, ccs_of_pair
from perform.control.control_route import ControlRoute
from perform.control.hand import Takeover
from perform.core.knob_ranges import KnobRanges


class RoutedLayer(NamedTuple):
    """Bindings of one mapping for one port."""

    bindings: Sequence[Binding]
    takeover: Takeover
    one_channel: bool = False  #: only one channel of the port plays at a time


RoutedPorts = Mapping[str, Sequence[RoutedLayer]]  #: the layers of each port; a later one hides controls

Routes = dict[ControlId, list[ControlRoute]]  #: an empty list: the control moves nothing


def routes_of(layers: Sequence[RoutedLayer], knobs: KnobRanges) -> Routes:
    """Return the routes of a port's layers; a later layer hides the controls that it binds."""
    routes: Routes = {}
    for layer in layers:
        own: Routes = {}
        for binding in layer.bindings:
            route = None
            if binding.to != NOTHING:
                route = ControlRoute(binding, layer.takeover, knobs, one_channel=layer.one_channel)
            for control in _controls(binding):
                own.setdefault(control, []).extend([route] if route else [])
        for control in [it for it in routes if _is_hidden(it, own)]:
            del routes[control]
        routes |= own
    return routes


def _controls(binding: Binding) -> Iterator[ControlId]:
    """The controls that a binding stands for: on each channel, and for "keys" each note."""
    keys = binding.kind == "keys"
    kind: Kind = "note" if keys else binding.kind
    numbers = range(128) if keys else (binding.number,)
    for channel in (binding.channel,) if binding.channel else range(1, 17):
        for number in numbers:
            yield ControlId(kind, number, channel)


def _is_hidden(control: ControlId, later: Routes) -> bool:
    """Whether a later layer binds one of the two CCs of a 14-bit control."""
    ccs = ccs_of_pair(control.number) if control.kind == "cc" else None
    return ccs is not None and any(ControlId("cc", cc, control.channel) in later for cc in ccs)
