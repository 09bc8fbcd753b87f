"""Mapping files: reading, saving, error messages, and the bundled mappings."""

from __future__ import annotations

import os
import string
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perform.control import controller_device, mapping_files
from perform.control.binding import Binding
from perform.control.hand import Takeover
from perform.control.mapping import Mapping
from perform.core import params
from perform.core.errors import PerformError, WrongUse
from tests.control.test_control_names import CONTROLS

FUZZ = int(os.environ.get("PERFORM_FUZZ", "1"))

BUNDLED = sorted(mapping_files.bundled().glob("*.toml"))
OLDEST = [path for path in BUNDLED if path.stem in ("generic", "midimix", "nanokontrol2")]
ADDRESSES = [
    *params.ADDRESSES,
    *(f"focus/{a.removeprefix('deck/1/')}" for a in params.ADDRESSES if a.startswith("deck/1/")),
]
WORDS = st.text(string.printable + "äø♪", max_size=12)


@st.composite
def bindings(draw: st.DrawFn) -> Binding:
    """Any valid binding."""
    control = draw(CONTROLS)
    to = draw(st.sampled_from(ADDRESSES))
    spec = params.SPECS[to.replace("focus/", "deck/1/", 1) if to.startswith("focus/") else to]
    fields: dict[str, object] = {}
    if not spec.action:
        value = st.floats(spec.low, spec.high)
        fields = {
            "range": draw(st.none() | st.tuples(value, value)),
            "curve": draw(st.sampled_from([None, "lin", "exp", "s"])),
            "invert": draw(st.booleans()),
            "mode": draw(st.sampled_from([None, "absolute", "momentary", "toggle"])),
        }
        more: dict[str, st.SearchStrategy[object]] = {
            "encoding": st.sampled_from(["twos", "sign", "offset", "offset16", "incdec"]),
            "steps": st.integers(1, 200),
            "accel": st.floats(1, 10),
            "deadzone": st.floats(0, 0.9),
            "step": st.floats(0.01, 2),
            "curve": st.lists(st.floats(0, 1), max_size=4).map(lambda it: (0.0, *sorted(it), 1.0)),
        }
        for name in draw(st.lists(st.sampled_from(sorted(more)), max_size=3)):
            fields[name] = draw(more[name])
    try:
        return Binding(
            control,
            to,
            channel=draw(st.none() | st.integers(1, 16)),
            port=draw(WORDS),
            **fields,  # type: ignore[arg-type]
        )
    except WrongUse:
        assume(False)
        raise


mappings = st.builds(
    Mapping,
    WORDS,
    st.lists(WORDS, max_size=3).map(tuple),
    st.lists(bindings(), max_size=6).map(tuple),
    takeover=st.sampled_from(get_args(Takeover)),
    extends=WORDS,
)


@settings(max_examples=15 * FUZZ)
@given(old=st.none() | mappings, new=mappings)
def test_a_saved_mapping_loads_unchanged(
    tmp_path_factory: pytest.TempPathFactory, old: Mapping | None, new: Mapping
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.toml"
    path.unlink(missing_ok=True)
    if old is not None:
        mapping_files.save(old, path)
    mapping_files.save(new, path)
    assert mapping_files.load(path) == new


def test_the_name_of_a_port_may_have_braces(tmp_path: Path) -> None:
    one = Mapping(
        "pads", (), (Binding("cc 1", "xfade", port="Pads {1..8}"), Binding("cc 2", "tempo", port="{}"))
    )
    mapping_files.save(one, tmp_path / "pads.toml")
    assert mapping_files.load(tmp_path / "pads.toml") == one


@settings(max_examples=200)
@given(data=st.data())
def test_a_damaged_mapping_raises_only_wrong_use(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = bytearray(data.draw(st.sampled_from(OLDEST)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        new = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"[", b"]]", b"=", b'"', b"nan", b"1e999", b"\n"])
        )
        text[at : at + data.draw(st.integers(0, 40))] = new
    path = tmp_path_factory.getbasetemp() / "mangled.toml"
    path.write_bytes(text)
    try:
        mapping_files.load(path)
    except WrongUse as error:
        assert "\n" not in str(error) and str(path) in str(error)


@settings(max_examples=200)
@given(text=st.text() | st.binary())
def test_a_file_that_is_no_mapping_raises_wrong_use(
    tmp_path_factory: pytest.TempPathFactory, text: str | bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    with pytest.raises(WrongUse):
        mapping_files.load(path)


BIND = '[[bind]]\ncontrol = "cc 16"\nto = "deck/1/pan"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\nx = ", "at line 2, its end"),
        ("x = ?\n", "at line 1, column 5"),
        ("[" * 5000, ""),
        ('name = "a"\nprts = []', "unknown key 'prts'; the keys are name, ports, bind"),
        ('name = "a"\n' + BIND + "chanel = 1", ":2: unknown key 'chanel'; the keys are control, to, channel"),
        (BIND, "missing required field name"),
        ('name = "a"\nbind = 3', "bind must be a list"),
        ('name = "a"\n[[bind]]\ncontrol = "cc 16"', "missing required field to"),
        (
            'name = "a"\n' + BIND.replace("pan", "pam"),
            "no parameter is called 'deck/1/pam'; did you mean deck/1/pan",
        ),
        ('name = "a"\n' + BIND.replace("deck/1/pan", "focus/zz"), "'focus/zz'"),
        ('name = "a"\n' + BIND.replace("16", "120"), "channel mode"),
        ('name = "a"\n' + BIND.replace("cc 16", "note 128"), "0 to 127"),
        ('name = "a"\n' + BIND.replace("cc 16", "CC 16"), 'write "cc 16"'),
        ('name = "a"\n' + BIND + "channel = 0", "there is no MIDI channel 0"),
        ('name = "a"\n' + BIND + "channel = 17", "use 1 to 16"),
        ('name = "a"\n' + BIND + "range = [-2, 2]", "use values from -1 to 1"),
        ('name = "a"\n' + BIND + "range = [nan, 1]", "goes beyond the range of deck/1/pan"),
        ('name = "a"\n' + BIND + 'curve = "exp"', "needs a range without zero"),
        ('name = "a"\n' + BIND + 'curve = "log"', "Invalid enum value 'log'"),
        ('name = "a"\n' + BIND + 'mode = "trigger"', "deck/1/pan is not an action"),
        ('name = "a"\n' + BIND.replace("deck/1/pan", "panic") + 'mode = "toggle"', "can only be triggered"),
        (
            'name = "a"\n' + BIND.replace("deck/1/pan", "panic") + "range = [0, 1]",
            "panic is an action; leave out range",
        ),
        ('name = "a"\n' + BIND.replace("cc 16", "bend") + 'mode = "toggle"', "pitch bend cannot toggle"),
    ],
)
def test_errors_name_the_file_the_line_and_what_to_try(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text)
    with pytest.raises(WrongUse) as caught:
        mapping_files.load(path)
    assert says in str(caught.value) and str(path) in str(caught.value)


def test_saving_keeps_comments_and_order(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    mapping_files.save(Mapping("x"), path, like=None)
    text = (mapping_files.bundled() / "nanokontrol2.toml").read_text()
    path.write_text(text)
    was = mapping_files.load(path)
    mapping_files.save(was, path)
    assert path.read_text() == text
    more = Binding("note 5", "deck/2/mute", channel=3, port="MIDI Mix")
    mapping_files.save(msgspec.structs.replace(was, bindings=(*was.bindings[1:], more)), path)
    now = path.read_text()
    assert now.startswith("# Korg nanoKONTROL2") and "# S: solo." in now
    assert mapping_files.load(path).bindings == (*was.bindings[1:], more)


def test_many_saves_add_no_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text((mapping_files.bundled() / "generic.toml").read_text())
    for note in range(10):
        was = mapping_files.load(path)
        mapping_files.save(
            msgspec.structs.replace(was, bindings=(*was.bindings, Binding(f"note {note}", "deck/1/mute"))),
            path,
        )
    text = path.read_text()
    assert "\n\n\n" not in text
    assert text.count("\n\n") <= len(mapping_files.load(path).bindings) + 5


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.toml"
    mapping_files.save(Mapping("old"), path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(PerformError, match="No space left"):
        mapping_files.save(Mapping("new"), path)
    assert mapping_files.load(path).name == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]
    path.write_text("half typed [")
    with pytest.raises(WrongUse):
        mapping_files.save(Mapping("new"), path)
    assert path.read_text() == "half typed ["


def test_the_players_mapping_is_found_before_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path))
    assert mapping_files.find("NanoKontrol2") == mapping_files.bundled() / "nanokontrol2.toml"
    own = tmp_path / "controllers" / "nanokontrol2.toml"
    mapping_files.save(Mapping("mine"), own)
    assert mapping_files.find("nanokontrol2") == own == mapping_files.find(str(own))
    with pytest.raises(WrongUse, match="there are 16n, apc-mini, "):
        mapping_files.find("korg")


@pytest.mark.parametrize("path", BUNDLED, ids=lambda p: p.stem)
def test_a_bundled_mapping_binds_each_control_once(path: Path) -> None:
    shipped = mapping_files.load(path)
    sources = [(binding.control, binding.channel, binding.port) for binding in shipped.bindings]
    assert len(set(sources)) == len(sources), "a control is bound twice"
    for binding in shipped.bindings:
        if binding.to.endswith("/bias"):
            assert binding.audible and binding.range in (None, (0.0, 3.0))
        assert path.stem != "generic" or binding.kind != "program", "any keyboard would change songs"


def test_each_device_has_a_bundled_mapping() -> None:
    devices = {path.stem for path in controller_device.bundled().glob("*.toml")}
    assert {path.stem for path in BUNDLED} == devices - {"keyboard"} | {"generic", "transfer"}
