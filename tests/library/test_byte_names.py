"""Files and folders whose names are bytes that are not UTF-8, as old ZIPs and network drives leave them."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from rig import playing, until

from perform.cli import main
from perform.library import places, sets
from perform.library.deck_file_names import deck_file_name, find_deck_file
from perform.library.model_library import find_model, models
from perform.library.sets import Set
from perform.library.song import Song
from perform.library.sound_files import SoundFile
from perform.recorder import take_index
from perform.recorder.new_files import new_sound_file
from perform.recorder.take_export import export
from perform.stage.commands import KeepSong, Load, Save, StartRecording, StopRecording, UseFile
from perform.train import preparation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")

CAFE = os.fsdecode(b"caf\xe9")  #: Latin-1


def run(*args: object) -> Result:
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


@pytest.fixture
def sounds() -> Path:
    """A sound in such a folder below `sounds`, its name likewise."""
    path = places.user("sounds") / CAFE / f"{CAFE}.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(os.fsencode(path), 0.1 * np.ones(4800), 48000)
    return path


@pytest.fixture
def model(tiny_models: Path) -> Path:
    path = tiny_models / f"{CAFE}.safetensors"
    shutil.copy(tiny_models / "bells.safetensors", path)
    return path


def test_a_set_names_such_a_sound_and_such_a_model_as_text(sounds: Path, model: Path, tmp_path: Path) -> None:
    name = deck_file_name(sounds)
    assert name == "caf�e9/caf�e9.wav"
    path = tmp_path / CAFE / "tour.toml"
    sets.save_set(Set("tour", songs=[Song("a", decks={"1": "caf�e9"}, files={"1": name})]), path)
    song = sets.read_set(path).songs[0]
    assert find_deck_file(song.files["1"]) == sounds
    assert find_model(str(song.decks["1"])) == model == find_model(CAFE) == models()["caf�e9"]
    assert places.existing(str(model)) == places.existing(f"{model.parent}/caf�e9.safetensors") == model


def test_sounds_are_read_and_written(sounds: Path, tmp_path: Path) -> None:
    with SoundFile(sounds) as sound:
        assert sound.frames == sum(map(len, sound.blocks())) == 4800
    for suffix in (".wav", ".flac"):
        out = tmp_path / f"{CAFE}{suffix}"
        with new_sound_file(out, 48000) as write:
            write(np.zeros((100, 2), np.float32))
        with SoundFile(out) as sound:
            assert sound.frames == 100


def test_a_corpus_is_prepared(sounds: Path, tmp_path: Path) -> None:
    survey = preparation.prepare([sounds.parent], tmp_path / CAFE, 48000, 1)
    assert list(survey.files) == ["caf�e9.wav"] and not survey.skipped()
    assert preparation.corpus.read_index(tmp_path / CAFE)[0]["name"] == "caf�e9"
    assert preparation.prepare([sounds.parent], tmp_path / CAFE, 48000, 1).files == survey.files


def test_verbs_print_such_names(sounds: Path, model: Path, tmp_path: Path) -> None:
    assert "caf�e9" in run("models", "list").stdout
    for verb in (("models", "info", CAFE), ("models", "info", model), ("models", "list", "--json")):
        assert run(*verb).exit_code == 0
    out = tmp_path / CAFE
    done = run("transfer", sounds.parent, "-o", out, "--model", CAFE)
    assert done.exit_code == 0, done.output
    assert done.stdout_bytes == os.fsencode(out) + b"\n", "a pipe gets the exact bytes"
    assert (out / f"{CAFE}.wav").exists()
    done = run("models", "import", model)
    assert done.exit_code == 0, done.output
    for missing in (f"{CAFE}.toml", f"/{CAFE}/x.toml", CAFE):
        done = run("play", missing, "--headless")
        assert done.exit_code == 2 and "caf�e9" in done.output
    assert run("export", CAFE, "-o", tmp_path / CAFE / "no" / "x.onnx").exit_code == 0


def test_a_take_in_such_a_folder_is_exported(tmp_path: Path) -> None:
    folder = tmp_path / CAFE
    folder.mkdir()
    with new_sound_file(folder / f"{CAFE}.wav", 48000) as write:
        write(np.zeros((4800, 2), np.float32))
    take = take_index.find(str(folder / f"{CAFE}.wav"), [folder])
    assert take == take_index.find("caf�e9", [folder]) == take_index.find(CAFE, [folder])
    export(take, out := folder / "take.zip")
    assert zipfile.ZipFile(out).namelist() == ["caf�e9.wav"]
    assert "caf�e9" in run("takes", "verify", folder / f"{CAFE}.wav").stdout


def test_a_stage_plays_records_and_ends_in_such_a_folder(
    sounds: Path, model: Path, tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = tmp_path / CAFE / "takes"
    monkeypatch.setenv("PERFORM_TAKES", str(takes))
    evil = '"\\u001b]0;owned\\u0007\\u009b2J"'
    (tmp_path / "evil.toml").write_text(
        f"name = {evil}\n[[songs]]\nname = {evil}\ndecks.2 = {evil}\nfiles.1 = {evil}\n"
    )
    with playing(runtime, "--device", "null", set_name=str(tmp_path / "evil.toml")) as stage:
        ask = stage.client.ask
        until(lambda: "owned" in stage.log(), 20, "the missing model in the log")
        assert all(line.isprintable() for line in stage.log().splitlines())
        assert all(line.isprintable() for line in stage.client.status().log)
        take = ask(StartRecording()).value
        assert Path(take).parent == takes
        ask(Load(1, "caf�e9"))
        until(lambda: stage.client.status().decks[0].path == str(model), 30, "the model")
        ask(UseFile(1, f"{CAFE}/{CAFE}.wav"))
        assert stage.client.status().decks[0].file == "caf�e9/caf�e9.wav"
        ask(KeepSong())
        saved = ask(Save(str(tmp_path / CAFE / "set.toml"))).value
        assert ask(StopRecording()).value == take
        assert stage.client.status().last_take == take
        assert run("stop").stdout_bytes == os.fsencode(take) + b"\n"
        assert stage.process.wait(20) == 0
    song = sets.read_set(Path(saved)).songs[0]
    assert song.files == {"1": "caf�e9/caf�e9.wav"} and song.models[1].name == "caf�e9"
    assert take_index.read(Path(take), []).state == "whole"
