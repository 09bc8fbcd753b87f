"""The picture of a controller: every control at its place, as the mappings that are bundled bind it."""

from __future__ import annotations

import re

import msgspec
import pytest
from hands import playing
from test_wide_layouts import PORT, binding, equipped

from perform.control import controller_device
from perform.control.binding_rows import binding_rows
from perform.control.layers import MappingLayers
from perform.core import params
from perform.library import places
from perform.stage.status import TouchStatus

BUNDLED = places.bundled  # before a fixture hides the bundled mappings
DEVICES = ("nanoKONTROL2", "Launch Control XL", "Midi Fighter Twister", "X-TOUCH MINI", "APC MINI")


@pytest.fixture
def bundled(monkeypatch):  # type: ignore[no-untyped-def]
    """The mappings that come with perform, which the screen's tests do not see."""
    monkeypatch.setattr(places, "bundled", BUNDLED)


def side(text: str, width: int) -> list[str]:
    """The lines of the controller's box, without its edges."""
    cells = 32 if width < 190 else 36
    lines = [line[width - cells + 1 :] for line in text.split("\n")]
    first = next(at for at, line in enumerate(lines) if "CONTROLLER" in line)
    last = next(at for at, line in enumerate(lines) if at > first and line.startswith("╰"))
    assert all(line[0] == line[-1] == "│" for line in lines[first + 1 : last]), lines[first : last + 1]
    return [line[1:-1] for line in lines[first + 1 : last]]


def rows_of(device: str):  # type: ignore[no-untyped-def]
    mappings, facts = MappingLayers(), controller_device.load_all()
    assert mappings.read_all({}) == []
    found = controller_device.of_port(device, [device], facts)
    assert found, device
    return tuple(binding_rows(mappings, {device: found}, [device], [device]))


@pytest.mark.parametrize("width", [160, 200])
@pytest.mark.parametrize("device", DEVICES)
async def test_each_control_stands_below_its_number(tmp_path, clock, bundled, device, width):
    stage = equipped(tmp_path)
    stage.bindings = rows_of(device)
    stage.words = msgspec.structs.replace(
        stage.words, midi=(device,), touched=TouchStatus("", "", port=device)
    )
    for slot in range(len(params.ADDRESSES)):
        stage.arena.hardware[slot] = stage.arena.table[slot]
    async with playing(stage, clock, (width, 60)) as hands:
        await hands.until(lambda: f"CONTROLLER {device[:5]}" in hands.text())
        drawn = side(hands.text(), width)
        heads, name, seen = [drawn[0].index(f"{n}") for n in range(1, 9)], "", {}
        assert heads == list(range(heads[0], heads[0] + 24, 3))
        for line in drawn[1:]:
            name = line[: heads[0]].strip().rstrip("…") or name
            seen.setdefault(name, []).append("".join(line[at] for at in heads))
        for row in stage.bindings:
            if row.hidden_by or not (match := re.fullmatch(r"(\D*?) (\d+)", row.control)):
                continue
            lines = next(lines for name, lines in seen.items() if name and match[1].startswith(name))
            place = (int(match[2]) - 1) % 8
            assert any(line[place] != " " for line in lines), (row.control, seen)
        if device == "nanoKONTROL2":
            assert seen["M"] == ["□■□□□□ □"], "M 7 is not bound"
            assert [seen[name][0] for name in ("S", "R")] == ["□□□□□□  "] * 2


async def test_buttons_and_knobs_of_one_name_are_both_there(tmp_path, clock):
    stage = equipped(tmp_path)
    stage.bindings = (
        *(binding(f"strip {n}", f"deck/{n}/pan") for n in (1, 2)),
        *(binding(f"strip {n}", f"deck/{n}/mute", "toggle", "") for n in (3, 4)),
    )
    for n in (1, 2):
        stage.arena.hardware[params.slot(f"deck/{n}/pan")] = 0.0
    async with playing(stage, clock, (200, 60)) as hands:
        await hands.until(lambda: "strip" in hands.text())
        lines = [line for line in side(hands.text(), 200) if "strip" in line]
        assert [line.split("strip")[1].split() for line in lines] == [["▅", "▅"], ["□", "□"]]


async def test_an_inverted_knob_points_the_other_way(tmp_path, clock):
    stage = equipped(tmp_path)
    rows = [binding(f"knob {n}", "deck/1/pan", takeover="pickup") for n in (1, 2)]
    stage.bindings = (rows[0], msgspec.structs.replace(rows[1], inverted=True))
    stage.words = msgspec.structs.replace(stage.words, touched=TouchStatus("", "", port=PORT))
    stage.arena.hardware[params.slot("deck/1/pan")] = -1.0
    async with playing(stage, clock, (200, 60)) as hands:
        await hands.until(lambda: "knob" in hands.text())
        lines = side(hands.text(), 200)
        assert next(line for line in lines if "knob" in line).split() == ["knob", "▁▹", "█◃"]
        assert any("▹ knob 1 waits: turn right" in line for line in lines)
