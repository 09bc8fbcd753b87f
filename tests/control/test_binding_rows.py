"""The list of bindings tells what each control does, of which layer, and what hides it."""

from __future__ import annotations

from pathlib import Path

import pytest

from perform.control import controller_device, mapping_files
from perform.control.binding import Binding
from perform.control.binding_rows import binding_rows
from perform.control.layers import MappingLayers
from perform.control.mapping import Mapping
from perform.core.messages.control_messages import BindingRow

NANO, TWISTER = "nanoKONTROL2", "Midi Fighter Twister"


def test_rows_tell_device_control_target_mode_takeover_layer_and_what_hides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path))
    folder = tmp_path / "controllers"
    mine = Mapping(NANO, (NANO,), (Binding("cc 17", "nothing"),), extends="nanokontrol2")
    mapping_files.save(mine, folder / "nanokontrol2.toml")
    dawn = (
        Binding("cc 0", "xfade", takeover="pickup"),
        Binding("cc 20", "deck/1/pan", encoding="twos"),
        Binding("cc 21", "deck/2/pan", invert=True),
        Binding("cc 22", "deck/3/gain", range=(0.0, -60.0)),
        Binding("cc 23", "deck/3/gain", range=(0.0, -60.0), invert=True),
    )
    mapping_files.save(Mapping("dawn", (), dawn), folder / "dawn.toml")
    layers, ports = MappingLayers(), [NANO, TWISTER, "Keys"]
    assert layers.read_all({}) == [] and layers.use_set_and_song("", "dawn") == []
    facts = controller_device.load_all()
    devices = {port: found for port in ports if (found := controller_device.of_port(port, ports, facts))}
    rows = binding_rows(layers, devices, ports, ports)
    assert list(dict.fromkeys(row.port for row in rows)) == ports
    of = {(row.port, row.sends, row.layer): row for row in rows}

    def row(sends: str, layer: str, port: str = NANO) -> tuple[str, ...]:
        found = of[port, sends, layer]
        return found.control, found.to, found.mode, found.takeover, found.mapping, found.hidden_by

    assert row("CC0", "device") == ("fader 1", "deck/1/gain", "absolute", "scale", NANO, "song dawn")
    assert row("CC0", "song") == ("fader 1", "xfade", "absolute", "pickup", "dawn", "")
    assert row("CC17", "device") == ("knob 2", "focus/z/1/bias", "absolute", "scale", NANO, f"player {NANO}")
    assert row("CC17", "player") == ("knob 2", "nothing", "", "", NANO, "")
    assert row("CC48", "device") == ("M 1", "deck/1/mute", "toggle", "", NANO, "")
    assert row("CC20", "song") == ("knob 5", "deck/1/pan", "twos", "", "dawn", "")
    assert row("2:CC0", "device", TWISTER)[:3] == ("press 1", "focus/z/0/mute", "toggle")
    assert row("CC7", "generic", "Keys") == ("CC7", "focus/gain", "absolute", "scale", "generic", "")
    assert [of[NANO, f"CC{cc}", "song"].inverted for cc in (0, 20, 21, 22, 23)] == [False] * 2 + [
        True
    ] * 2 + [False]
    plays = [it for it in rows if it.port == NANO and not it.hidden_by and it.to != "nothing"]
    assert len(plays) == len(layers.effective(NANO, ports)), "the rows and the router agree"
    assert isinstance(rows[0], BindingRow)
