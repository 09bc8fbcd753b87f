"""The player's config file: read, changed with its comments kept, refused in one line; the verbs use it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rig import perform

from perform.cli import main, playing, use_config
from perform.core.errors import WrongUse
from perform.library import places, player_config
from perform.library.player_config import PlayerConfig
from perform.stage.options import StageOptions

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path() -> Path:
    player_config.path().parent.mkdir(parents=True)
    return player_config.path()


def test_without_a_file_the_defaults_hold() -> None:
    assert player_config.read() == PlayerConfig()
    usual = StageOptions()
    for name, value in PlayerConfig().stage_options().items():
        assert getattr(usual, name) == value, name


def test_a_change_keeps_comments_and_the_rest(path: Path) -> None:
    path.write_text("# mine\n[sound]\nrate = 44100  # the interface\n")
    player_config.change("sound.device", ("Scarlett 2i2",))
    player_config.change("midi.ports", ("nano", "X TOUCH"))
    player_config.change("recording.stems", ("true",))
    player_config.change("sound.rate", ("48000",))
    text = path.read_text()
    assert text.startswith("# mine\n[sound]\n")
    assert "# the interface" in text
    found = player_config.read()
    assert (found.sound.device, found.sound.rate) == ("Scarlett 2i2", 48000)
    assert (found.midi.ports, found.recording.stems) == (("nano", "X TOUCH"), True)
    player_config.change("sound.rate", ())
    assert player_config.read().sound.rate is None


@pytest.mark.parametrize(
    ("key", "words", "says"),
    [
        ("sound.colour", ("1",), "no key 'sound.colour'; its keys are sound.device"),
        ("sound.rate", ("fast",), "sound.rate cannot be 'fast'; give a whole number"),
        ("sound.margin", ("wide",), "sound.margin cannot be 'wide'; give one of tight, normal, safe"),
        ("recording.stems", ("maybe",), "recording.stems cannot be 'maybe'; give true or false"),
        ("recording.retro", ("long",), "recording.retro cannot be 'long'; give a number"),
        ("sound.device", ("Scarlett", "2i2"), "takes one value; put it in quotes: 'Scarlett 2i2'"),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(
    path: Path, key: str, words: tuple[str, ...], says: str
) -> None:
    path.write_text("[sound]\nrate = 44100\n")
    with pytest.raises(WrongUse) as refused:
        player_config.change(key, words)
    assert says in str(refused.value)
    assert path.read_text() == "[sound]\nrate = 44100\n"


@pytest.mark.parametrize("text", ["[sound]\nrate = 'x'", "x = 1", "[sound", "\xff"])
def test_a_broken_file_is_named_by_every_verb_and_not_overwritten(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    for words in (["config"], ["config", "sound.rate", "48000"], ["takes"]):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 2
        assert str(path) in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert path.read_bytes() == text.encode("latin-1")


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERFORM_HOME", str(tmp_path_factory.getbasetemp()))
        player_config.path().write_bytes(data)
        try:
            player_config.read()
        except WrongUse as refused:
            assert "\n" not in str(refused)


def test_the_verb_shows_what_is_in_force_and_from_where(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFORM_TAKES", "/tmp/from-the-shell")
    done = CliRunner().invoke(main, ["config", "sound.device", "null"])
    assert done.output.split() == ["sound.device", "null", "from", "the", "file"]
    lines = CliRunner().invoke(main, ["config"]).output.splitlines()
    assert lines[0] == str(path)
    assert "recording.takes  /tmp/from-the-shell  from PERFORM_TAKES" in lines
    shown = json.loads(CliRunner().invoke(main, ["config", "--json"]).output)
    assert list(shown["values"]) == list(player_config.keys())


def test_options_come_from_the_file_and_one_that_is_given_wins() -> None:
    for key, *words in (("sound.device", "null"), ("midi.ports", "a", "b c"), ("recording.stems", "true")):
        player_config.change(key, tuple(words))
    ctx = click.Context(main, **main.context_settings)  # click keeps the help option of the first context
    use_config(ctx)
    chosen = playing.play.make_context("play", [], parent=ctx).params
    assert (chosen["device"], chosen["ports"], chosen["stems"]) == ("null", ("a", "b c"), True)
    given = playing.play.make_context("play", ["--no-stems", "--midi", "x"], parent=ctx).params
    assert (given["device"], given["ports"], given["stems"]) == ("null", ("x",), False)


def test_takes_go_to_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player_config.change("recording.takes", (str(tmp_path / "kept"),))
    player_config.change("sound.device", ("null",))
    monkeypatch.delenv("PERFORM_TAKES")
    done = perform("play", "demo", "--headless", "--seconds", "1", "--record")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == tmp_path / "kept"


def test_a_folder_in_its_place_is_an_error(path: Path) -> None:
    path.mkdir()
    with pytest.raises(WrongUse, match="cannot be read"):
        player_config.change("sound.rate", ("48000",))


def test_the_page_in_the_docs_has_every_key() -> None:
    page = (ROOT / "docs" / "config.md").read_text()
    assert re.findall(r"^\| `([a-z.0-9]+)` ", page, re.MULTILINE) == list(player_config.keys())


def test_the_folder_of_takes_may_begin_with_home(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERFORM_TAKES")
    monkeypatch.setenv("HOME", "/home/someone")
    path.write_text('[recording]\ntakes = "~/sets"\n')
    player_config.export_takes_folder(player_config.read())
    assert places.takes() == Path("/home/someone/sets")
