"""A set uses the files of its folder and of perform's folders, and others only if the player allows them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from tiny import tiny_model

from perform.cli import main
from perform.core.paths import to_text
from perform.library import allowed_files, places, sets, toml_files
from perform.library.allowed_files import FilesOutside
from perform.library.sets import Set
from perform.library.song import ModelName, Song
from perform.stage.commands import Answer
from perform.stage.saving import SetSaver
from perform.stage.setlist import SetList

WAYS = ("model", "model with a hash", "file", "matrix", "word", "mapping", "mapping of a song")


def naming(way: str, name: str) -> Set:
    """A set that names a file in one of the ways that there are."""
    songs = {
        "model": Song("a", decks={"1": name}),
        "model with a hash": Song("a", decks={"1": ModelName(name, "ab")}),
        "file": Song("a", files={"2": name}),
        "matrix": Song("a", matrices={"3": name}),
        "word": Song("a", texts={"deck/1/attribute/1": ["0 0.5", name]}),
        "mapping": Song("a"),
        "mapping of a song": Song("a", mapping=name),
    }
    return Set("s", mapping=name if way == "mapping" else "", songs=[Song("first"), songs[way]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a set from the internet; `tmp_path` holds a file that is none of its business."""
    (tmp_path / "private.toml").write_text("not yours")
    made = tmp_path / "downloads" / "tour"
    made.mkdir(parents=True)
    return made


def opened(made: Set, folder: Path) -> Set:
    path = folder / "tour.toml"
    path.write_text(toml_files.rewritten("", msgspec.to_builtins(made)))
    return sets.load_set(str(path))


@pytest.mark.parametrize("way", WAYS)
def test_a_file_elsewhere_is_refused_in_one_line_however_it_is_named(
    way: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private.toml"
    (folder / "link.toml").symlink_to(private)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(folder)
    spelled = [str(private), f"{folder}/../../private.toml", "~/private.toml", "../../private.toml"]
    for name in (*spelled, f"{folder}/link.toml", "link.toml"):
        with pytest.raises(FilesOutside) as refused:
            opened(naming(way, name), folder)
        line = str(refused.value)
        assert refused.value.files == (private,)
        assert line.startswith(str(folder / "tour.toml")) and "\n" not in line
        assert str(private) in line and "--allow-files" in line


@pytest.mark.parametrize("way", WAYS)
def test_files_beside_the_set_in_the_library_and_missing_ones_are_not(
    way: str, folder: Path, tmp_path: Path
) -> None:
    (folder / "more").mkdir()
    (places.user("sounds")).mkdir(parents=True)
    places.takes().mkdir(parents=True)
    inside = [folder / "more" / "a.toml", places.user("sounds") / "a.toml", places.takes() / "a.toml"]
    for path in inside:
        path.write_text("")
    link = places.user("sounds") / "of the player.toml"
    link.symlink_to(tmp_path / "private.toml")
    sound = [link.name] if way in ("file", "matrix", "word") else []
    for name in (*map(str, inside), str(link), *sound, "/nowhere/x.toml", "bells"):
        assert opened(naming(way, name), folder).songs
    if way in ("file", "matrix", "word"):
        with pytest.raises(FilesOutside):
            opened(naming(way, "../../private.toml"), folder)  # as a name in `sounds`


def test_what_is_allowed_once_stays_allowed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "caf\udce9.wav"
    other.write_text("")
    made = naming("file", to_text(other))
    with pytest.raises(FilesOutside):
        opened(made, folder)
    sets.allow_files(str(folder / "tour.toml"))
    assert opened(made, folder) == made
    with pytest.raises(FilesOutside):
        opened(naming("file", str(tmp_path / "private.toml")), folder)
    allowed_files.allow([tmp_path / "private.toml"])
    assert opened(naming("file", str(tmp_path / "private.toml")), folder)
    assert opened(made, folder) == made


def test_in_the_home_folder_only_files_beside_the_set_belong_to_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    (folder / "more").mkdir()
    for name in ("beside.wav", "more/key.wav"):
        (folder / name).write_text("")
    assert opened(naming("file", str(folder / "beside.wav")), folder)
    with pytest.raises(FilesOutside):
        opened(naming("file", str(folder / "more" / "key.wav")), folder)


def test_a_file_that_the_player_chose_is_allowed_once_the_set_is_saved(folder: Path, tmp_path: Path) -> None:
    made = naming("file", str(tmp_path / "private.toml"))  # as if chosen by hand
    saver, answers = SetSaver(), list[Answer]()
    saver.save(SetList(made, None), str(folder / "mine.toml"), answers.append)
    saver.end(10)
    assert answers == [Answer(str(folder / "mine.toml"))]
    assert sets.load_set(str(folder / "mine.toml")).songs == made.songs


def test_verbs_refuse_such_a_set_until_it_is_allowed(folder: Path, tmp_path: Path) -> None:
    tiny_model(tmp_path / "far.safetensors")
    with pytest.raises(FilesOutside):
        opened(naming("model", str(tmp_path / "far.safetensors")), folder)
    path, out = str(folder / "tour.toml"), str(folder / "out.wav")
    rendering = ["render", path, "-o", out, "--seconds", "0.1"]
    for verb in (["play", path, "--headless", "--device", "null", "--seconds", "0.1"], [path], rendering):
        said = CliRunner().invoke(main, verb)
        assert said.exit_code == 2, said.output
        assert "uses files outside of its folder" in said.output and said.output.count("\n") == 1
    assert CliRunner().invoke(main, [*rendering, "--allow-files"]).exit_code == 0
    assert Path(out).exists()
    assert CliRunner().invoke(main, [*rendering[:3], str(folder / "2.wav"), *rendering[4:]]).exit_code == 0
