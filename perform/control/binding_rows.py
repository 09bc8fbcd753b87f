"""What each control of the connected devices does, by which layer, and what hides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perform.control.binding import NOTHING, Binding
from perform.control.controller_device import ControllerDevice
from perform.control.layers import MappingLayers, PortLayer
from perform.core.messages.control_messages import BindingRow


def binding_rows(
    layers: MappingLayers, devices: Mapping[str, ControllerDevice], ports: Sequence[str], known: Sequence[str]
) -> list[BindingRow]:
    """List every binding of some ports, hidden ones too: port after port, the lowest layer first.

    devices : by port
    known   : all ports seen so far, with these
    """
    rows = []
    for port in ports:
        stack = layers.of(port, known)
        for at, layer in enumerate(stack):
            rows += [
                _row(port, devices.get(port), layer, binding, _hides(stack[at + 1 :], binding))
                for binding in layer.bindings
            ]
    return rows


def _row(
    port: str, device: ControllerDevice | None, layer: PortLayer, binding: Binding, hidden_by: str
) -> BindingRow:
    sends = binding.label(()).removeprefix(binding.port).lstrip()
    names = [control.name for control in device.controls_of(binding)] if device else []
    moves = binding.to != NOTHING
    knob = moves and binding.is_continuous and binding.encoding == "absolute"
    return BindingRow(
        port=port,
        control=", ".join(names) or sends,
        sends=sends,
        to=binding.to,
        mode=(binding.encoding if moves and binding.encoding != "absolute" else "")
        or (binding.effective_mode if moves else ""),
        takeover=(binding.takeover or layer.file.mapping.takeover) if knob else "",
        layer=layer.kind,
        mapping=layer.file.mapping.name,
        hidden_by=hidden_by,
        audible=binding.audible,
        inverted=moves and binding.ends[0] > binding.ends[1],
    )


def _hides(above: Sequence[PortLayer], binding: Binding) -> str:
    """The first later layer that binds the control, as "player my box"; "" if none does."""
    for layer in above:
        for other in layer.bindings:
            if other.control == binding.control and other.channel in (None, binding.channel):
                return f"{layer.kind} {layer.file.mapping.name}"
    return ""
