"""Lamps: the bytes that each device needs, from its maker's tables, and when they are sent."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from perform.control import controller_device
from perform.control.binding import Binding
from perform.control.control_names import ControlId
from perform.control.lamps import MOST, PortLamps
from perform.core import params
from perform.core.arena_layout import METER_SLOTS, Meters
from perform.core.knob_ranges import KnobRanges
from perform.core.params import Table

PORT = "port"
DEVICES = {path.stem: controller_device.load(path) for path in controller_device.bundled().glob("*.toml")}


class Lit:
    """One device with bindings by control name; `sent` is what reached it, in hexadecimal."""

    def __init__(self, stem: str, *bindings: tuple[str, str, dict[str, object]]) -> None:
        device = DEVICES[stem]
        self.table: Table = params.defaults()
        self.meters: Meters = np.zeros(len(METER_SLOTS))
        self.sent: list[str] = []
        self.placed: list[tuple[ControlId, float]] = []
        bound = [
            Binding(
                str(device.controls[name].binding["control"]),
                to,
                channel=device.controls[name].channel,
                **more,  # type: ignore[arg-type]
            )
            for name, to, more in bindings
        ]
        self.lamps = PortLamps(
            PORT, device, bound, KnobRanges.full(), lambda data: self.sent.append(data.hex(" "))
        )

    def tick(self, moved: dict[object, float] | None = None, ticks: int = 40) -> list[str]:
        """What is sent within some ticks."""
        self.sent.clear()
        for _ in range(ticks):
            self.lamps.tick(
                self.table,
                self.meters,
                moved or {},  # type: ignore[arg-type]
                lambda port, control, at: self.placed.append((control, at)),
            )
        return self.sent


#: device, control, off, on: Novation's, Akai's, DJ TechTools' and Behringer's own tables
BUTTONS = [
    ("launch-control-xl", "FOCUS 1", "98 29 0c", "98 29 3c"),
    ("launch-control-xl", "FOCUS 8", "98 3c 0c", "98 3c 3c"),
    ("launch-control-xl", "CONTROL 5", "98 59 0c", "98 59 0f"),
    ("launch-control-xl", "RECORD ARM", "98 6c 0c", "98 6c 3e"),
    ("apc-mini", "pad 1", "90 00 00", "90 00 01"),
    ("apc-mini", "pad 64", "90 3f 00", "90 3f 01"),
    ("apc-mini", "scene button 8", "90 59 00", "90 59 01"),
    ("apc-mini-mk2", "pad 10", "96 09 00", "96 09 15"),
    ("apc-mini-mk2", "track button 1", "90 64 00", "90 64 01"),
    ("midi-fighter-twister", "press 64", "b1 3f 00", "b1 3f 32"),
    ("x-touch-mini", "upper button 1", "9a 00 00", "9a 00 01"),
    ("x-touch-mini", "lower button 8", "9a 0f 00", "9a 0f 01"),
    ("launchpad-mini-mk3", "pad 64", "90 58 00", "90 58 15"),
    ("launchpad-mini-mk3", "right button 1", "b0 59 00", "b0 59 0d"),
    ("launchpad-x", "top button 1", "b0 5b 00", "b0 5b 2d"),
    ("midimix", "MUTE 2", "90 04 00", "90 04 7f"),
    ("midimix", "REC ARM 8", "90 18 00", "90 18 7f"),
    ("nanokontrol2", "S 1", "b0 20 00", "b0 20 7f"),
    ("nanokontrol2", "REC", "b0 2d 00", "b0 2d 7f"),
]


@pytest.mark.parametrize(("stem", "control", "off", "on"), BUTTONS)
def test_a_button_lights_as_its_maker_says(stem: str, control: str, off: str, on: str) -> None:
    lit = Lit(stem, (control, "deck/1/mute", {"mode": "toggle"}))
    assert off in lit.tick()
    params.set_value(lit.table, "deck/1/mute", 1.0)
    assert lit.tick() == [on]
    params.set_value(lit.table, "deck/1/mute", 0.0)
    assert lit.tick() == [off]
    assert lit.tick() == [], "only what changed is sent"


@pytest.mark.parametrize(
    ("stem", "control", "sent"),
    [
        ("midi-fighter-twister", "knob 1", {0.0: "b0 00 00", 0.5: "b0 00 40", 1.0: "b0 00 7f"}),
        ("x-touch-mini", "knob 8", {0.0: "ba 10 01", 0.5: "ba 10 07", 1.0: "ba 10 0d"}),
        (
            "launch-control-xl",
            "middle knob 2",
            {0.0: "98 1e 0c", 0.3: "98 1e 1c", 0.6: "98 1e 2c", 1.0: "98 1e 3c"},
        ),
    ],
)
def test_a_ring_shows_the_place_in_the_range(stem: str, control: str, sent: dict[float, str]) -> None:
    lit = Lit(stem, (control, "xfade", {}))
    lit.table[params.slot("xfade")] = 0.9
    lit.tick()
    for value, message in sent.items():
        lit.table[params.slot("xfade")] = value
        assert lit.tick() == [message]
    lit.table[params.slot("xfade")] = 7.0
    assert lit.tick() == [], "beyond the end, the ring stays at the end"


def test_a_ring_that_follows_says_where_its_knob_goes_on() -> None:
    lit = Lit("midi-fighter-twister", ("knob 1", "xfade", {}))
    lit.tick()
    lit.placed.clear()
    lit.table[params.slot("xfade")] = 1.0
    lit.tick()
    assert lit.placed == [(ControlId("cc", 0, 1), 1.0)]


def test_a_motor_fader_is_moved_by_pitch_bend() -> None:
    fader = controller_device.Lamp(send="bend", channel=3, steps=(0, 127), follows=True)
    facts = controller_device.DeviceControl("fader 3", {"control": "bend"}, fader)
    device = msgspec.structs.replace(DEVICES["16n"], controls={"fader 3": facts})
    lit = Lit("16n")
    sent: list[str] = []
    lit.lamps = PortLamps(
        PORT, device, [Binding("bend", "xfade")], KnobRanges.full(), lambda data: sent.append(data.hex(" "))
    )
    lit.tick()
    params.set_value(lit.table, "xfade", 1.0)
    lit.tick()
    assert sent == ["e2 00 40", "e2 00 7f"]
    assert lit.placed[-1] == (ControlId("bend", 0, 1), 1.0)


@pytest.mark.parametrize(
    ("to", "more", "meter", "value"),
    [
        ("take/record", {}, "take/on", 1.0),
        ("scene/recall", {"value": 3}, "scene", 3.0),
        ("song/jump", {"value": 2}, "song", 2.0),
        ("song/arm", {"value": 4}, "song/armed", 4.0),
    ],
)
def test_a_pad_of_an_action_shows_what_is_on(
    to: str, more: dict[str, object], meter: str, value: float
) -> None:
    lit = Lit("apc-mini", ("pad 1", to, more))
    assert "90 00 00" in lit.tick()
    lit.meters[METER_SLOTS[meter]] = value
    assert lit.tick() == ["90 00 01"]
    lit.meters[METER_SLOTS[meter]] = 0.0
    assert lit.tick() == ["90 00 00"]


def test_a_pad_of_a_value_lights_while_the_value_is_set() -> None:
    lit = Lit("apc-mini", ("pad 1", "focus", {"value": 2}), ("pad 2", "deck/1/source", {"value": "walk"}))
    lit.tick()
    params.set_value(lit.table, "deck/1/source", 2.0)
    assert lit.tick() == ["90 01 01"]
    params.set_value(lit.table, "focus", 2.0)
    assert "90 00 01" in lit.tick(), "with another focus, all are sent"
    assert len(lit.sent) == 80


def test_eight_are_sent_at_a_time_and_none_to_a_control_that_moves() -> None:
    lit = Lit("apc-mini", ("pad 1", "deck/1/mute", {"mode": "toggle"}))
    assert len(lit.tick(ticks=1)) == MOST
    assert len(lit.tick()) == 80 - MOST, "all lamps, once"
    moved: dict[object, float] = {(PORT, "note", 0): 1.0}
    params.set_value(lit.table, "deck/1/mute", 1.0)
    assert lit.tick(moved) == []
    assert lit.tick() == ["90 00 01"], "after it has rested"


def test_a_lamp_that_the_mapping_keeps_out_of_it_is_never_sent() -> None:
    lit = Lit("apc-mini", ("pad 1", "deck/1/mute", {"mode": "toggle", "lamp": False}))
    params.set_value(lit.table, "deck/1/mute", 1.0)
    assert not [message for message in lit.tick() if message.startswith("90 00")]


@pytest.mark.parametrize(
    ("stem", "announcement"),
    [("launch-control-xl", "f0 00 20 29 02 11 77 02 f7"), ("midi-fighter-twister", "b3 01 7f")],
)
def test_a_device_that_shows_other_lamps_gets_all_of_them(stem: str, announcement: str) -> None:
    lit = Lit(stem)
    every = len(lit.tick())
    assert every > 30 and lit.tick() == []
    lit.lamps.hear(bytes.fromhex("b0 07 40"))
    assert lit.tick() == []
    lit.lamps.hear(bytes.fromhex(announcement))
    assert len(lit.tick()) == every
