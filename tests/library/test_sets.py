"""Sets as TOML files: reading, checks, writing."""

from __future__ import annotations

import os
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.control import mapping_files
from perform.core import params
from perform.core.errors import PerformError, WrongUse
from perform.core.params import SLOTS
from perform.core.spec import MODULE_DEFAULT
from perform.library import places, sets, toml_files
from perform.library.sets import Set
from perform.library.song import LoopGesture, ModelName, Scene, Song
from perform.library.song_check import add_text
from perform.library.toml_values import PLAYER_ONLY, apply_song, toml_value
from perform.stage.loops import Loops
from perform.stage.song_values import opening_values

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


FUZZ = int(os.environ.get("PERFORM_FUZZ", "1"))  #: 5 for ten thousand mangled sets, 50 for 10^5


def written(tmp_path: Path, text: str) -> str:
    (tmp_path / "s.toml").write_text(text)
    return str(tmp_path / "s.toml")


def test_a_set_is_read_and_applied(tmp_path: Path) -> None:
    loaded = sets.load_set(written(tmp_path, GOOD))
    table = params.defaults()
    apply_song(loaded.songs[0], table)
    assert loaded.songs[0].decks == {"3": "bells"}
    assert dict(params.changed(table)) == {"deck/3/source": 2.0, "deck/3/gain": -6.0, "xfade": 0.25}


def test_a_set_has_a_tempo_for_songs_that_name_none(tmp_path: Path) -> None:
    text = 'name = "s"\ntempo = 96.0\n[[songs]]\nname = "a"\n[[songs]]\nname = "b"\ntempo = 70.0\n'
    loaded = sets.load_set(written(tmp_path, text))
    table, tempo = params.defaults(), params.slot("tempo")
    assert [opening_values(song, table, loaded.tempo)[tempo] for song in loaded.songs] == [96.0, 70.0]
    assert [opening_values(song, table, None)[tempo] for song in loaded.songs] == [120.0, 70.0]
    sets.save_set(loaded, tmp_path / "s.toml")
    assert sets.load_set(str(tmp_path / "s.toml")) == loaded
    with pytest.raises(WrongUse, match="tempo"):
        sets.load_set(written(tmp_path, text.replace("96.0", "9.0")))


def test_every_bundled_set_is_valid() -> None:
    names = [path.stem for path in (places.bundled("presets") / "sets").glob("*.toml")]
    assert "demo" in names
    for name in names:
        assert sets.load_set(name).songs


@pytest.mark.parametrize(
    ("break_it", "expected"),
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
        (
            lambda t: t.replace('"deck/3/source" = "walk"', '"input/open" = "on"'),
            "only the player opens input/open",
        ),
    ],
)
def test_a_wrong_set_is_refused_in_one_line(tmp_path: Path, break_it, expected: str) -> None:  # type: ignore[no-untyped-def]
    path = written(tmp_path, break_it(GOOD))
    with pytest.raises(WrongUse) as caught:
        sets.load_set(path)
    line = str(caught.value)
    assert expected in line
    assert "s.toml" in line
    assert "\n" not in line


@given(st.data())
def test_a_mangled_set_is_refused_or_valid_and_never_crashes(
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
        loaded = sets.load_set(str(path))
    except WrongUse:
        return
    table = params.defaults()
    for song in loaded.songs:
        apply_song(song, table)
    assert all(spec.clamp(table[SLOTS[a]]) == table[SLOTS[a]] for a, spec in params.SPECS.items())


def test_a_missing_set_is_refused_with_similar_names(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="demo"):
        sets.load_set("dmeo")
    with pytest.raises(WrongUse, match="no such set"):
        sets.load_set(str(tmp_path / "nothing.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(WrongUse):
        sets.load_set(str(tmp_path / "folder.toml"))


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
slots = st.sampled_from(
    [i for i, spec in enumerate(params.SPEC_AT) if not spec.action and i != SLOTS[PLAYER_ONLY]]
)


@st.composite
def values(draw: st.DrawFn) -> dict[str, float | str]:
    chosen = draw(st.lists(slots, max_size=5, unique=True))
    return {
        params.ADDRESSES[i]: toml_value(i, params.SPEC_AT[i].value(draw(st.floats(0, 1)))) for i in chosen
    }


@st.composite
def loops(draw: st.DrawFn) -> LoopGesture:
    times = sorted(draw(st.lists(st.floats(0, 5), min_size=1, max_size=4)))
    address = draw(st.sampled_from([address for address in params.ADDRESSES if params.can_loop(address)]))
    return LoopGesture(address, 5.0, [(at, draw(st.floats(-1e6, 1e6))) for at in times])


songs = st.builds(
    Song,
    name=names,
    notes=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=30),
    tempo=st.none() | st.floats(20, 300),
    switch=st.sampled_from(["tail", "crossfade", "cut"]),
    fade=st.floats(0, 60),
    decks=st.dictionaries(
        st.sampled_from("12345678"), names | st.builds(ModelName, name=names, sha256=st.just("ab" * 32))
    ),
    values=values(),
    scenes=st.dictionaries(
        st.sampled_from("12345678"), st.builds(Scene, name=names, values=values(), glide=st.floats(0, 600))
    ),
    exclude=st.lists(st.sampled_from(params.ADDRESSES), max_size=3),
    loops=st.lists(loops(), max_size=2),
)
made_sets = st.builds(Set, name=names, mapping=names, songs=st.lists(songs, min_size=1, max_size=4))


@settings(max_examples=60)
@given(st.lists(made_sets, min_size=1, max_size=3))
def test_a_written_set_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, written: list[Set]) -> None:
    path = tmp_path_factory.mktemp("sets") / "a.toml"
    for one in written:  # the second time over the existing file
        sets.save_set(one, path)
        assert sets.read_set(path) == one


def test_comments_stay_when_a_set_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "tour.toml"
    path.write_text(
        "# my tour\nname = 'tour'\n\n# the quiet one\n[[songs]]\nname = 'one' # first\n"
        "values.'deck/1/gain' = -3 # soft\n\n# the loud one\n[[songs]]\nname = 'two'\n"
    )
    made = sets.read_set(path)
    one, two = made.songs
    louder = msgspec.structs.replace(one, values={"deck/1/gain": -1.0, "xfade": 0.25})
    sets.save_set(msgspec.structs.replace(made, songs=[two, louder]), path)
    text = path.read_text()
    for comment in ("# my tour", "# first"):
        assert comment in text
    assert [song.name for song in sets.read_set(path).songs] == ["two", "one"]
    assert sets.read_set(path).songs[1].values == {"deck/1/gain": -1.0, "xfade": 0.25}


def test_an_unchanged_loop_keeps_its_layout(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    text = (
        'name = \'a\'\n[[songs]]\nname = \'b\'\nnotes = """\nslow\n"""\n'
        "[[songs.loops]]\naddress = 'xfade'\nseconds = 1 # slow\npoints = [\n  [0, 0.5],\n  [0.5, 1],\n]\n"
        "\n[[songs]]\nname = 'c'\nloops = [{address = 'xfade', seconds = 1, points = [[0, 1]]}]\n"
    )
    path.write_text(text)
    made = sets.read_set(path)
    sets.save_set(made, path)
    assert path.read_text().startswith(text[: text.index("loops = [")])
    assert sets.read_set(path) == made
    other = LoopGesture("xfade", 1.0, [(0.0, 0.25), (0.5, 1e-7)])
    songs = [msgspec.structs.replace(song, loops=[other]) for song in made.songs]
    sets.save_set(msgspec.structs.replace(made, songs=songs), path)
    assert sets.read_set(path).songs == songs
    assert "# slow" in path.read_text()


def test_notes_that_look_like_a_loop_stay_notes(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('name = "a"\n[[songs]]\nname = "b"\nnotes = """\npoints = [[0, 9]]\n"""\n')
    made = sets.read_set(path)
    sets.save_set(made, path)
    assert sets.read_set(path) == made
    assert made.songs[0].notes == "points = [[0, 9]]\n"


def test_a_set_that_could_not_be_read_again_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.toml"
    sets.save_set(Set("a", songs=[Song("b")]), path)
    there = path.read_text()
    monkeypatch.setattr(toml_files, "LIMIT", 1000)
    with pytest.raises(PerformError, match=r"too large to be read again .* remove some loops"):
        sets.save_set(Set("a", songs=[Song("b" * 1000)]), path)
    assert path.read_text() == there
    path.write_text("name = [")
    with pytest.raises(WrongUse, match="no longer a set"):
        sets.save_set(Set("a", songs=[Song("b")]), path)
    assert path.read_text() == "name = ["
    sets.save_set(Set("a", songs=[Song("b")]), tmp_path / "b.toml", like=path)
    path.write_text("name = " + "[" * 900)
    with pytest.raises(WrongUse, match="invalid TOML"):
        sets.read_set(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("values.panic = 1", "panic is an action"),
        ("scenes.9.name = 'x'", "no scene '9'"),
        ("scenes.1.values.'deck/1/gian' = 1", "deck/1/gain"),
        ("exclude = ['deck/9/gain']", "no parameter"),
        ("loops = [{address = 'xfade', seconds = 1.0, points = [[2.0, 0.5]]}]", "not in order"),
        ("loops = [{address = 'xfade', seconds = 1.0, points = []}]", "points"),
        ("switch = 'jump'", "switch"),
        ("tempo = 0", "tempo"),
        ("decks.1 = {name = 'bells', sha = '12'}", "sha"),
    ],
)
def test_a_song_that_has_no_meaning_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f"name = 'a'\n[[songs]]\nname = 'b'\n{text}\n")
    with pytest.raises(WrongUse, match=expected) as error:
        sets.read_set(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_thousands_of_mangled_sets_are_refused_in_one_line_or_read(tmp_path: Path) -> None:
    good = (places.bundled("presets") / "sets" / "demo.toml").read_bytes()
    chance = random.Random(7)
    path = tmp_path / "mangled.toml"
    refused = 0
    for _ in range(2_000 * FUZZ):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randint(1, 40)]
                case 2:
                    data[at:at] = data[at // 2 : at // 2 + chance.randint(1, 40)]
                case _:
                    data[at:at] = chance.choice([b"nan", b"1e999", b"[[", b"'''", b"\0", b"= {", b"-0x7f"])
        path.write_bytes(data)
        try:
            sets.read_set(path)
        except WrongUse as error:
            refused += 1
            assert "\n" not in str(error) and str(path) in str(error)
    assert refused > 600 * FUZZ


def test_texts_of_attributes(tmp_path: Path) -> None:
    text = GOOD.replace(
        "[songs.values]",
        """[songs.words]
"deck/3/attribute/5" = ["sine", "noise"]
[songs.values]
"deck/3/attribute/1" = -250.5
"deck/3/attribute/2" = "own"
"deck/3/attribute/5" = "noise\"""",
    )
    song = sets.load_set(written(tmp_path, text)).songs[0]
    table = params.defaults()
    apply_song(song, table)
    assert table[params.attribute_slots(3)][:5].tolist() == [
        -250.5,
        MODULE_DEFAULT,
        MODULE_DEFAULT,
        MODULE_DEFAULT,
        1.0,
    ]
    assert toml_value(SLOTS["deck/3/attribute/2"], MODULE_DEFAULT) == "own"
    assert (song.deck_texts(3), song.deck_texts(1)) == ({"5": ["sine", "noise"]}, {})
    more = add_text(song, "deck/3/attribute/5", "saw")
    assert more.deck_texts(3) == {"5": ["sine", "noise", "saw"]}
    for address, word, expected in (
        ("deck/3/attribute/5", "own", "cannot have the words"),
        ("deck/3/gain", "loud", "cannot have the words"),
        ("deck/3/attribute/99", "saw", "no parameter"),
        ("deck/3/attribute/5", "two\nlines", "cannot be a word of"),
        ("deck/3/attribute/5", " ", "cannot be a word of"),
    ):
        with pytest.raises(WrongUse, match=expected):
            add_text(song, address, word)
    with pytest.raises(WrongUse, match="one of the words"):
        sets.load_set(written(tmp_path, text.replace('= "noise"', '= "loud"')))


def test_a_byte_order_mark_is_no_fault_and_half_a_character_is(tmp_path: Path) -> None:
    """Editors on Windows write one; a file that was cut or converted wrongly has the other."""
    path = tmp_path / "a.toml"
    text = '# mine\nname = "café"\n[[songs]]\nname = "x"\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    made = sets.read_set(path)
    assert made.name == "café"
    sets.save_set(msgspec.structs.replace(made, margin="safe"), path)
    assert path.read_text().startswith("# mine") and sets.read_set(path).margin == "safe"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(WrongUse, match="not UTF-8"):
        sets.read_set(path)
    with pytest.raises(WrongUse, match="no longer a set"):
        sets.save_set(made, path)
    with pytest.raises(PerformError, match="cannot be written"):
        sets.save_set(msgspec.structs.replace(made, name="\ud800"), tmp_path / "b.toml")
    mapping = tmp_path / "m.toml"
    mapping.write_bytes(b"\xef\xbb\xbf" + b'name = "mine"\n')
    assert mapping_files.load(mapping).name == "mine"
    mapping_files.save(mapping_files.load(mapping), mapping)


@pytest.mark.parametrize("name", ["set", "mapping"])
def test_no_more_of_a_huge_file_is_read_than_the_limit(tmp_path: Path, name: str) -> None:
    """A zip from the internet may hold one of gigabytes."""
    resource = pytest.importorskip("resource", reason="Windows measures no process so")
    path = tmp_path / "huge.toml"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WrongUse, match=f"too large for a {name}"):
        sets.read_set(path) if name == "set" else mapping_files.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kB"


@pytest.mark.parametrize(
    "address", ["panic", "take/record", "song/go", "deck/1/action/1", "scene/recall", PLAYER_ONLY, "focus"]
)
def test_a_loop_in_a_file_may_not_do_what_no_hand_may(tmp_path: Path, address: str) -> None:
    loops = Loops(params.defaults(), lambda now: 1.7 * now + 0.3)
    with pytest.raises(WrongUse):
        loops.toggle(address, 0.0)
    loop = f'[[songs.loops]]\naddress = "{address}"\nseconds = 1.0\npoints = [[0.0, 0.0], [0.5, 1.0]]\n'
    with pytest.raises(WrongUse, match="remove the loop"):
        sets.load_set(written(tmp_path, GOOD + loop))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_loop_in_a_file_has_finite_values(tmp_path: Path, value: str) -> None:
    loop = f'[[songs.loops]]\naddress = "xfade"\nseconds = 1.0\npoints = [[0.0, {value}]]\n'
    with pytest.raises(WrongUse, match="NaN or infinite"):
        sets.load_set(written(tmp_path, GOOD + loop))


@pytest.mark.parametrize("text", ["", " ", "\x1b[2J", "x" * 1001])
def test_a_word_in_a_file_may_not_be_what_nobody_may_type(tmp_path: Path, text: str) -> None:
    song = Song("a", values={}, texts={"deck/1/attribute/1": [text]})
    sets.save_set(Set("s", songs=[song]), tmp_path / "w.toml")
    with pytest.raises(WrongUse, match="cannot be a word"):
        sets.read_set(tmp_path / "w.toml")


def test_a_model_in_place_of_a_set_is_recognised() -> None:
    with pytest.raises(WrongUse, match=r"called 'bells'.*it is a model: in the instrument `o` loads it"):
        sets.find_set("bells")


@pytest.mark.parametrize("ending", ["ts", "safetensors"])
def test_a_models_file_in_place_of_a_set_is_recognised(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"mine.{ending}"
    path.write_bytes(b"\x80")
    with pytest.raises(WrongUse, match=r"a model, not a set.*press `o`"):
        sets.find_set(str(path))
