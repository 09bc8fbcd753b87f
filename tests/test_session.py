"""Sets as TOML: what is right is taken, what is wrong is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perform import params, session
from perform.errors import WrongUse
from perform.library import places
from perform.params import SLOTS

GOOD = """
name = "s"
[[songs]]
name = "one"
decks.3 = "bells"
[songs.values]
"deck/3/source" = "walk"
"deck/3/gain" = -6
"xfade" = 0.25
"""


def written(tmp_path: Path, text: str) -> str:
    (tmp_path / "s.toml").write_text(text)
    return str(tmp_path / "s.toml")


def test_a_set_is_read_and_applied(tmp_path: Path) -> None:
    loaded = session.load_set(written(tmp_path, GOOD))
    table = params.defaults()
    session.apply(loaded.songs[0], table)
    assert loaded.songs[0].decks == {"3": "bells"}
    assert dict(params.changed(table)) == {"deck/3/source": 2.0, "deck/3/gain": -6.0, "xfade": 0.25}


def test_every_bundled_set_is_right() -> None:
    names = [path.stem for path in (places.bundled("presets") / "sets").glob("*.toml")]
    assert "demo" in names
    for name in names:
        assert session.load_set(name).songs


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda t: t.replace("name = ", "name == ", 1), "line 2"),
        (lambda t: t.replace("[[songs]]", "colour = 1\n[[songs]]"), "colour"),
        (lambda t: t.replace("decks.3", "deck.3"), "deck"),
        (lambda t: t.replace("decks.3", "decks.9"), "no deck '9'"),
        (lambda t: t.replace("deck/3/gain", "deck/3/gian"), "deck/3/gain"),
        (lambda t: t.replace('"walk"', '"run"'), "hand, loop, walk"),
        (lambda t: t.replace("-6", "99"), "-60..12"),
        (lambda t: t.replace("-6", "nan"), "-60..12"),
        (lambda t: t.replace("-6", "true"), "bool"),
        (lambda t: 'name = "s"\nsongs = []\n', "without songs"),
        (lambda t: "\x00" + t, "TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, break_it, says: str) -> None:  # type: ignore[no-untyped-def]
    path = written(tmp_path, break_it(GOOD))
    with pytest.raises(WrongUse) as caught:
        session.load_set(path)
    line = str(caught.value)
    assert says in line
    assert "s.toml" in line
    assert "\n" not in line


@given(st.data())
def test_a_mangled_set_is_refused_or_right_and_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not text:
            text = bytearray(b" ")
    path = tmp_path_factory.getbasetemp() / "mangled.toml"
    path.write_bytes(bytes(text))
    try:
        loaded = session.load_set(str(path))
    except WrongUse:
        return
    table = params.defaults()
    for song in loaded.songs:
        session.apply(song, table)
    assert all(spec.clamp(table[SLOTS[a]]) == table[SLOTS[a]] for a, spec in params.SPECS.items())


def test_a_set_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="demo"):
        session.load_set("dmeo")
    with pytest.raises(WrongUse, match="no such set"):
        session.load_set(str(tmp_path / "nothing.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(WrongUse):
        session.load_set(str(tmp_path / "folder.toml"))
