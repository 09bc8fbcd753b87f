"""Learning binds the device that moved, in the player's mapping of that device."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perform.control import mapping_files
from perform.control.binding import NOTHING, Binding
from perform.control.control_names import ControlId, cc_pair
from perform.control.layers import MappingLayers
from perform.control.learning import ControlLearning
from perform.control.mapping import Mapping
from perform.control.router import ControlRouter
from perform.core import params
from perform.core.arena_layout import METER_SLOTS
from perform.core.errors import WrongUse
from perform.core.messages.control_messages import BindingOptions

ADDRESS = "deck/1/attribute/2"
NANO, MIX = "nanoKONTROL2", "MIDI Mix"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path))
    return tmp_path / "controllers"


def learning() -> tuple[MappingLayers, ControlLearning]:
    layers = MappingLayers()
    assert layers.read_all({}) == []
    return layers, ControlLearning(layers)


def bound(layers: MappingLayers, port: str, known: list[str], control: str) -> list[tuple[str, str]]:
    """Address and layer of each binding of a control that plays."""
    for layer in reversed(layers.of(port, known)):
        if found := [(it.to, layer.kind) for it in layer.bindings if it.control == control]:
            return [] if found[0][0] == NOTHING else found
    return []


def test_a_binding_learnt_for_an_attribute_has_the_range_of_its_knob(home: Path) -> None:
    layers, use = learning()
    use.learn(ADDRESS, (0.0, 10.0))
    learnt = use.bind("box", ControlId("cc", 16, 1), ["box"])
    assert learnt and learnt.binding == Binding("cc 16", ADDRESS, channel=1, port="box", range=(0.0, 10.0))
    use.learn(ADDRESS, (0.0, 1.0))
    learnt = use.bind("box", ControlId("note", 36, 1), ["box"])
    assert learnt is not None
    assert (learnt.binding.effective_mode, learnt.binding.ends) == ("toggle", (0.0, 1.0))
    mapping = layers.own("box", ["box"]).mapping
    assert [binding.to for binding in mapping.bindings] == [ADDRESS], "only the last control is bound"


def test_a_binding_of_an_attribute_needs_a_range(home: Path) -> None:
    with pytest.raises(WrongUse, match=r"no default range.*range ="):
        Binding("cc 16", ADDRESS)
    with pytest.raises(WrongUse, match="no default range"):
        learning()[1].learn(ADDRESS)
    assert Binding("cc 16", ADDRESS, range=(-2.0, 20.0)).ends == (-2.0, 20.0)
    assert Binding("note 1", "focus/action/1").effective_mode == "trigger"


@pytest.mark.parametrize("names", [("Launch Control", "Launch Control XL"), ("Pad", "Pad #2")])
def test_devices_are_not_confused_if_one_name_begins_with_the_other(
    home: Path, names: tuple[str, str]
) -> None:
    (layers, use), table = learning(), params.defaults()
    router = ControlRouter(table, np.zeros(len(METER_SLOTS)), table.copy())
    for name, address in zip(names, ("deck/1/pan", "deck/2/pan"), strict=True):
        use.learn(address)
        use.bind(name, ControlId("cc", 16, 1), names)
        use.learn("")
    router.use(layers.routes(names))
    for value in (64, 0, 127, 0):  # the first only tells where the knob stands
        router.handle(names[0], (0xB0, 16, value))
        router.handle(names[1], (0xB0, 16, 127 - value))
    assert (table[params.slot("deck/1/pan")], table[params.slot("deck/2/pan")]) == (-1.0, 1.0)


def test_each_port_has_the_mapping_made_for_it_or_generic(home: Path) -> None:
    layers, _ = learning()
    ports = [NANO, MIX, "Keys", f"{NANO} #2"]
    own = lambda: [layers.own(port, ports).mapping.name for port in ports]  # noqa: E731
    assert own() == [NANO, "MIDImix", "generic", NANO]
    assert layers.primary(()).mapping.name == "generic"
    mine = Mapping("mine", ("nano",), (Binding("cc 16", "xfade"),))
    mapping_files.save(mine, home / "mine.toml")
    layers.read_all({})
    assert own() == ["mine", "MIDImix", "generic", "mine"], "the player's comes before the bundled one"
    assert bound(layers, NANO, ports, "cc 0") == [], "without `extends` it is all that is bound"
    layers.choose("nanokontrol2")
    assert own() == [NANO, "MIDImix", "generic", NANO], "the chosen one comes before both"


def test_learning_writes_only_the_new_binding_to_the_mapping_of_that_device(home: Path) -> None:
    layers, use = learning()
    ports = [NANO, MIX, "Keys: a/b"]
    for port, control in ((NANO, 16), (MIX, 62), ("Keys: a/b", 1)):
        use.learn("xfade")
        assert use.bind(port, ControlId("cc", control, 1), ports)
        assert use.bind(port, ControlId("cc", control, 1), ports) is None, "it is bound already"
        use.learn("")
    use.learn("deck/1/wet")
    assert use.bind(NANO, ControlId("cc", 18, 1), ports)
    use.save()
    files = {path.stem: mapping_files.load(path) for path in home.iterdir()}
    assert {stem: (it.name, it.extends, len(it.bindings)) for stem, it in files.items()} == {
        "nanokontrol2": (NANO, "nanokontrol2", 2),
        "midimix": ("MIDImix", "midimix", 1),
        "Keys- a-b": ("Keys: a/b", "generic", 1),
    }
    again, _ = learning()
    for it in (layers, again):
        assert bound(it, NANO, ports, "cc 16") == [("xfade", "player")]
        assert bound(it, NANO, ports, "cc 17") == [("focus/z/1/bias", "device")]
        assert bound(it, "Keys: a/b", ports, "bend") == [("focus/z/1/bias", "generic")]
        assert bound(it, "Other", [*ports, "Other"], "cc 1") == [("focus/z/0/bias", "generic")]


def test_a_removed_binding_stays_removed_and_its_neighbours_stay(home: Path) -> None:
    layers, use = learning()
    use.unlearn("focus/z/0/bias", [NANO, "Keys"])
    use.save()
    again, _ = learning()
    for it in (layers, again):
        assert bound(it, NANO, [NANO, "Keys"], "cc 16") == []
        assert bound(it, "Keys", [NANO, "Keys"], "cc 1") == []
        assert bound(it, NANO, [NANO, "Keys"], "cc 17") == [("focus/z/1/bias", "device")]
    with pytest.raises(WrongUse, match="no control is mapped"):
        use.unlearn("focus/z/0/bias", [NANO, "Keys"])


def test_a_control_learnt_for_the_song_moves_only_in_that_song(home: Path) -> None:
    layers, use = learning()
    ports = [NANO, MIX]
    use.learn("xfade", song="tour dawn")
    assert use.bind(NANO, ControlId("cc", 16, 1), ports)
    use.save()
    assert (use.song_mapping, [path.stem for path in home.iterdir()]) == ("tour dawn", ["tour dawn"])
    assert bound(layers, NANO, ports, "cc 16") == [("xfade", "song")]
    assert layers.use_set_and_song("", "") == []
    assert bound(layers, NANO, ports, "cc 16") == [("focus/z/0/bias", "device")]
    assert layers.use_set_and_song("", "tour dawn") == []
    assert bound(layers, NANO, ports, "cc 16") == [("xfade", "song")]
    use.learn("master/gain", song="another name")
    assert use.bind(MIX, ControlId("cc", 19, 1), ports)
    assert use.song_mapping == "tour dawn", "the song has a mapping"
    use.learn("deck/1/pan")
    assert use.bind(MIX, ControlId("cc", 20, 1), ports)
    assert bound(layers, MIX, ports, "cc 20") == [("deck/1/pan", "player")]


def test_a_song_hides_single_controls_whatever_song_came_before(home: Path) -> None:
    layers, use = learning()
    for name, to in (("dawn", "deck/1/pan"), ("dusk", "deck/2/pan")):
        mapping_files.save(Mapping(name, (), (Binding("cc 16", to),)), home / f"{name}.toml")
    mapping_files.save(Mapping("tour", (NANO,), (Binding("cc 17", "xfade"),)), home / "tour.toml")
    ports = [NANO, "Keys"]
    for song, first in (("dawn", "deck/1/pan"), ("", ""), ("dusk", "deck/2/pan"), ("dawn", "deck/1/pan")):
        assert layers.use_set_and_song("tour", song) == []
        own = [("focus/z/0/bias", "device")] if not song else [(first, "song")]
        assert bound(layers, NANO, ports, "cc 16") == own
        assert bound(layers, "Keys", ports, "cc 16") == (own if song else [("focus/z/0/bias", "generic")])
        assert bound(layers, NANO, ports, "cc 17") == [("xfade", "set")]
        assert bound(layers, NANO, ports, "cc 18") == [("focus/z/2/bias", "device")]
    use.learn("master/gain")
    assert use.bind(NANO, ControlId("cc", 16, 1), ports), "learnt where it would be hidden: in the song"
    use.save()
    assert bound(layers, NANO, ports, "cc 16") == [("master/gain", "song")]
    assert layers.use_set_and_song("generic", "nowhere")
    assert bound(layers, NANO, ports, "cc 16") == [("focus/z/0/bias", "device")], "generic stays beneath"


def test_two_pads_learn_two_values_of_one_parameter(home: Path) -> None:
    layers, use = learning()
    for note, value in ((36, 3.0), (37, 4.0), (38, 3.0)):
        use.learn("scene/recall", options=BindingOptions(value=value))
        assert use.bind("Pads", ControlId("note", note, 1), ["Pads"])
        use.learn("")
    kept = [(it.control, it.value) for it in layers.own("Pads", ["Pads"]).mapping.bindings]
    assert kept == [("note 37", 4.0), ("note 38", 3.0)], "only the pad of the same scene is replaced"
    use.learn("deck/1/source", options=BindingOptions(value="walk"))
    assert use.bind("Pads", ControlId("bend", 0, 1), ["Pads"]) is None, "bend cannot be pressed"
    with pytest.raises(WrongUse, match="has no value 'wlak'"):
        use.learn("deck/1/source", options=BindingOptions(value="wlak"))
    with pytest.raises(WrongUse):
        use.learn("deck/1/pan", options=BindingOptions(curve="steep"))


def test_every_kind_of_control_can_be_learnt_with_options(home: Path) -> None:
    layers, use = learning()
    options = BindingOptions(range=(-2.0, 2.0), curve="s", takeover="pickup", deadzone=0.1)
    for source, encoding in (
        (ControlId("cc", cc_pair(12, 44), 1), "absolute"),
        (ControlId("nrpn", 130, 1), "absolute"),
        (ControlId("cc", 16, 2), "twos"),
        (ControlId("note", 36, 1), "absolute"),
        (ControlId("pressure", 0, 1), "absolute"),
    ):
        use.learn("focus/z/0/bias", options=options)
        learnt = use.bind("Box", source, ["Box"], encoding)  # type: ignore[arg-type]
        assert learnt and (learnt.binding.encoding, learnt.binding.range) == (encoding, (-2.0, 2.0))
        assert learnt.binding.takeover == (None if encoding == "twos" or source.kind == "note" else "pickup")
        use.learn("")
    for address, control in (
        ("song/jump", "program"),
        ("song/go", "program 4"),
        ("deck/1/mute", "program 4"),
    ):
        use.learn(address)
        learnt = use.bind("Box", ControlId("program", 4, 1), ["Box"])
        assert learnt and learnt.binding.control == control
        use.learn("")
    use.save()
    assert layers.own("Box", ["Box"]).mapping == mapping_files.load(home / "Box.toml")


def test_steps_are_for_encoders_and_takeover_is_for_knobs(home: Path) -> None:
    _, use = learning()
    use.learn("deck/1/pan", options=BindingOptions(steps=64, accel=4.0, step=0.1, takeover="pickup"))
    turned = use.bind("Box", ControlId("cc", 17, 1), ["Box"], "twos")
    assert turned and (turned.binding.steps, turned.binding.accel) == (64, 4.0)
    slid = use.bind("Box", ControlId("cc", 18, 1), ["Box"])
    assert slid and (slid.binding.steps, slid.binding.step, slid.binding.takeover) == (None, 0.1, "pickup")
    with pytest.raises(WrongUse, match="0 steps"):
        use.learn("deck/1/pan", options=BindingOptions(steps=0))


def test_learning_a_key_says_what_all_keys_did_with_it(home: Path) -> None:
    _, use = learning()
    ports = ["Keystation"]
    use.learn("deck/1/mute")
    learnt = use.bind("Keystation", ControlId("note", 36, 1), ports)
    assert learnt and learnt.lost == ("Keystation 1:note36 no longer moves focus/voices",)
    use.learn("deck/2/mute")
    other = use.bind("Keystation", ControlId("note", 36, 1), ports)
    assert other and "focus/voices" not in "".join(other.lost), "it did not any more"


def test_learning_says_what_no_longer_moves_and_undo_brings_it_back(home: Path) -> None:
    layers, use = learning()
    ports = [NANO]
    before = layers.effective(NANO, ports)
    use.learn("song/go")
    learnt = use.bind(NANO, ControlId("cc", 16, 1), ports)
    assert learnt and learnt.lost == ("nanoKONTROL2 CC16 no longer moves focus/z/0/bias",)
    assert bound(layers, NANO, ports, "cc 41") == [("song/go", "device")], "the factory button stays"
    use.learn("song/go")
    moved = use.bind(NANO, ControlId("cc", 17, 1), ports)
    assert moved and moved.lost == (
        "nanoKONTROL2 CC17 no longer moves focus/z/1/bias",
        "nanoKONTROL2 1:CC16 no longer moves song/go",
    )
    use.unlearn("focus/z/2/bias", ports)
    assert use.undo() == "no control moves focus/z/2/bias"
    assert bound(layers, NANO, ports, "cc 18") == [("focus/z/2/bias", "device")]
    assert use.undo() == "nanoKONTROL2 1:CC17 moves song/go"
    assert bound(layers, NANO, ports, "cc 16") == [("song/go", "player")]
    assert use.undo() == "nanoKONTROL2 1:CC16 moves song/go"
    assert sorted(map(repr, layers.effective(NANO, ports))) == sorted(map(repr, before))
    use.save()
    again, _ = learning()
    assert sorted(map(repr, again.effective(NANO, ports))) == sorted(map(repr, before))
    with pytest.raises(WrongUse, match="to undo"):
        use.undo()


def test_two_factory_controls_are_learnt_into_one_file(home: Path) -> None:
    layers, use = learning()
    for control, address in ((16, "xfade"), (17, "deck/1/pan")):
        use.learn(address)
        assert use.bind(NANO, ControlId("cc", control, 1), [NANO])
        use.learn("")
    use.save()
    assert [path.stem for path in home.iterdir()] == ["nanokontrol2"]
    again, _ = learning()
    for it in (layers, again):
        assert bound(it, NANO, [NANO], "cc 16") == [("xfade", "player")]
        assert bound(it, NANO, [NANO], "cc 17") == [("deck/1/pan", "player")]


def test_a_14_bit_control_says_what_its_two_ccs_no_longer_move(home: Path) -> None:
    layers, use = learning()
    ports = ["Box"]
    for cc, address in ((1, "xfade"), (33, "deck/1/pan")):
        use.learn(address)
        assert use.bind("Box", ControlId("cc", cc, 1), ports)
        use.learn("")
    use.learn("xfade")
    learnt = use.bind("Box", ControlId("cc", cc_pair(1, 33), 1), ports)
    assert learnt and set(learnt.lost) == {
        "Box 1:CC1 no longer moves xfade",
        "Box 1:CC33 no longer moves deck/1/pan",
    }
    assert [it.control for it in layers.own("Box", ports).mapping.bindings] == ["cc 1/33"]


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "..", "a/b", "C:\\evil", "x\ny", ""])
def test_a_control_learnt_for_a_song_is_written_to_the_players_folder_whatever_name_the_song_gives(
    home: Path, name: str
) -> None:
    layers, use = learning()
    layers.use_set_and_song("", name)
    use.learn("xfade", song=name or "song")
    assert use.bind(NANO, ControlId("cc", 16, 1), [NANO])
    use.save()
    written = list(home.parent.rglob("*.toml"))
    assert [path.parent for path in written] == [home]
    assert not any(Path("/tmp").glob("evil*"))
    assert layers.use_set_and_song("", use.song_mapping) == []
