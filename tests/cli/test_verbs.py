"""The verbs in scripts: results on stdout, errors as one line on stderr, exit codes."""

from __future__ import annotations

import contextlib
import json
import wave
from pathlib import Path

import numpy as np
import pytest
from rig import perform
from tiny import tiny_model

import perform as package
from perform.cli.playing import named_models, show_take
from perform.recorder.wav_writer import WavWriter


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    (tmp_path / "text.safetensors").write_text("this is no model")
    for name, body in {
        "broken.toml": 'name = = "x"',
        "unknown.toml": 'name = "x"\ncolour = 1\n[[songs]]\nname = "a"\n',
        "address.toml": 'name = "x"\n[[songs]]\nname = "a"\n[songs.values]\n"deck/1/gian" = 1\n',
        "model.toml": f'name = "x"\n[[songs]]\nname = "a"\ndecks.1 = "{tmp_path}/text.safetensors"\n',
        "missing.toml": 'name = "x"\n[[songs]]\nname = "a"\ndecks.1 = "beels"\n',
    }.items():
        (tmp_path / name).write_text(body)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nothing.toml", ["no such set", "nothing.toml"]),
        ("broken.toml", ["invalid TOML", "line 1", "broken.toml"]),
        ("unknown.toml", ["colour", "unknown.toml", "songs"]),
        ("address.toml", ["deck/1/gian", "deck/1/gain", "address.toml"]),
        ("model.toml", ["not a perform model", "text.safetensors", "perform models list"]),
        ("missing.toml", ["beels", "bells"]),
        ("text.safetensors", ["text.safetensors"]),
    ],
)
def test_an_error_is_one_line_that_names_the_cause_and_exit_code_2(
    bad: Path, name: str, says: list[str]
) -> None:
    done = perform("render", str(bad / name), "-o", str(bad / "out.wav"), "--seconds", "1")
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert all(word in lines[0] for word in says), lines[0]
    assert not (bad / "out.wav").exists()


@pytest.mark.parametrize("verb", [["demoo"], ["play", "demoo", "--headless"]])
def test_an_unknown_set_is_wrong_use_and_the_error_lists_the_sets(verb: list[str]) -> None:
    done = perform(*verb)
    assert done.returncode == 2
    assert "demo" in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["render"],
        ["play", "--sconds", "3"],
        ["render", "demo", "-o", "x", "--rate", "7"],
        ["play", "--seconds", "1"],
    ],
)
def test_wrong_options_exit_with_code_2(args: list[str]) -> None:
    assert perform(*args).returncode == 2


def test_every_verb_has_help() -> None:
    assert perform("--version").stdout.strip().endswith(package.__version__)
    for words in (
        [],
        ["play"],
        ["render"],
        ["transfer"],
        ["matrix"],
        ["takes"],
        ["devices"],
        ["models", "list"],
        ["attach"],
        ["stop"],
        ["train"],
    ):
        done = perform(*words, "--help")
        assert done.returncode == 0
        assert "Usage" in done.stdout


@pytest.mark.usefixtures("tiny_models")
def test_two_renders_with_one_seed_are_equal_and_never_overwrite(shared_cache: None, tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    for path, seed in zip(paths, ("1", "1", "2"), strict=True):
        done = perform("render", "demo", "-o", str(path), "--seconds", "2", "--seed", seed)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(path)
    one, two, other = (path.read_bytes() for path in paths)
    assert one == two != other
    with wave.open(str(paths[0])) as take:
        assert take.getnframes() == 96000
        sound = np.frombuffer(take.readframes(96000), np.uint8)
    assert sound.any()
    again = perform("render", "demo", "-o", str(paths[0]), "--seconds", "1")
    assert again.returncode == 2
    assert paths[0].read_bytes() == one


def test_devices_succeeds_without_audio_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody-runs-this")
    done = perform("devices", "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert {"audio", "inputs", "use", "why", "midi", "midi_error"} == set(report)
    assert report["use"] is not None or "no audio device" in report["why"]
    plain = perform("devices")
    assert plain.returncode == 0
    assert "silent clock" in plain.stdout or "will be used" in plain.stdout


def test_models_list_shows_readable_models_and_names_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_model(tmp_path / "home" / "models" / "mine.safetensors")
    (tmp_path / "home" / "models" / "junk.safetensors").write_text("junk")
    done = perform("models", "list", "--json")
    assert done.returncode == 0
    names = {row["name"]: row for row in json.loads(done.stdout)}
    assert names["mine"]["latents"] == 4
    assert "junk" not in names
    assert "junk" in done.stderr
    assert "mine" in perform("models", "list").stdout


def test_train_names_a_missing_corpus(tmp_path: Path) -> None:
    done = perform("train", str(tmp_path / "nothing"), "-o", str(tmp_path / "m.safetensors"))
    assert done.returncode == 2
    assert "nothing" in done.stderr


def test_playing_imports_no_torch() -> None:
    import subprocess
    import sys

    rooms = (
        "perform.cli, perform.stage.supervisor, perform.stage.start, perform.audio.mixer_process, "
        "perform.audio.device, perform.recorder.recorder_process, perform.control.control_process, "
        "perform.library.sets, "
        "perform.tui.app"
    )
    code = f"import sys, {rooms}; print([m for m in ('torch', 'onnxruntime', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_for_the_gpu_is_a_name_or_a_path_and_a_wrong_one_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A host compares the name of its model's file. The shell completes paths, too."""
    tiny_model(tmp_path / "big.safetensors")
    assert named_models("gpu", ["bells", str(tmp_path / "big.safetensors")]) == ("bells", "big")
    assert capsys.readouterr().err == ""
    assert named_models("gpu", ["bels"]) == ("bels",), "a set may name such a file"
    assert "--gpu: no model is called 'bels'; did you mean bells?" in capsys.readouterr().err


def test_all_parts_of_a_take_are_printed_with_the_first_file_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / f"x_demo{part}.wav" for part in ("", "_part2", "_part3", "_part5")]
    for file in files:
        with contextlib.closing(WavWriter(file, 48000)) as wav:
            wav.write(np.zeros((10, 2), np.float32))
    first, second, third, _ = map(str, files)
    show_take(first, as_json=False)
    assert capsys.readouterr().out.splitlines() == [second, third, first]
    show_take(first, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"take": first, "parts": [first, second, third]}
    show_take("", as_json=False)
    assert capsys.readouterr().out == ""
