"""Learning binds the device that moved, and for an attribute the range of its knob on the screen."""

from __future__ import annotations

import numpy as np
import pytest

from perform.control.binding import Binding
from perform.control.learning import ActiveMapping
from perform.control.router import ControlId, ControlRouter
from perform.core import params
from perform.core.arena_layout import METER_SLOTS
from perform.core.errors import WrongUse

ADDRESS = "deck/1/attribute/2"


def test_a_binding_learnt_for_an_attribute_has_the_range_of_its_knob() -> None:
    use = ActiveMapping()
    use.learn(ADDRESS, (0.0, 10.0))
    learnt = use.bind("box", ControlId("cc", 16, 1), ["box"])
    assert learnt == Binding("cc 16", ADDRESS, channel=1, port="box", range=(0.0, 10.0))
    use.learn(ADDRESS, (0.0, 1.0))
    learnt = use.bind("box", ControlId("note", 36, 1), ["box"])
    assert learnt is not None
    assert (learnt.effective_mode, learnt.ends) == ("toggle", (0.0, 1.0))
    assert [binding.to for binding in use.mapping.bindings] == [ADDRESS], "only the last control is bound"


def test_a_binding_of_an_attribute_needs_a_range() -> None:
    with pytest.raises(WrongUse, match=r"no default range.*range ="):
        Binding("cc 16", ADDRESS)
    with pytest.raises(WrongUse, match="no default range"):
        ActiveMapping().learn(ADDRESS)
    assert Binding("cc 16", ADDRESS, range=(-2.0, 20.0)).ends == (-2.0, 20.0)
    assert Binding("note 1", "focus/action/1").effective_mode == "trigger"


@pytest.mark.parametrize("names", [("Launch Control", "Launch Control XL"), ("Pad:MIDI", "Pad:MIDI #2")])
def test_devices_are_not_confused_if_one_name_begins_with_the_other(names: tuple[str, str]) -> None:
    use, table = ActiveMapping(), params.defaults()
    router = ControlRouter(table, np.zeros(len(METER_SLOTS)), table.copy())
    for name, address in zip(names, ("deck/1/pan", "deck/2/pan"), strict=True):
        use.learn(address)
        use.bind(name, ControlId("cc", 16, 1), names)
        use.learn("")
    assert [binding.port for binding in use.mapping.bindings] == list(names), "both bindings are kept"
    router.use(use.mapping, names)
    for value in (64, 0, 127, 0):  # the first only tells where the knob stands
        router.handle(names[0], (0xB0, 16, value))
        router.handle(names[1], (0xB0, 16, 127 - value))
    assert (table[params.slot("deck/1/pan")], table[params.slot("deck/2/pan")]) == (-1.0, 1.0)


def test_each_port_has_the_mapping_made_for_it_or_generic() -> None:
    use = ActiveMapping()
    assert use.read_all() == []
    ports = ["nanoKONTROL2", "MIDI Mix", "Keys"]
    use.choose_for(ports[2:])
    assert use.mapping.name == "generic"
    assert {port: mapping.name for port, mapping in use.device_mappings(ports).items()} == {
        "nanoKONTROL2": "nanoKONTROL2",
        "MIDI Mix": "MIDImix",
    }
    use.load("nanokontrol2")
    assert {port: mapping.name for port, mapping in use.device_mappings(ports).items()} == {
        "MIDI Mix": "MIDImix",
        "Keys": "generic",
    }
    use.choose_for(ports)
    assert use.mapping.name == "nanoKONTROL2", "the mapping in use stays while its device is there"
