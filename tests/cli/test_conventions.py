"""What all verbs have in common: --quiet, --verbose, --json for errors, and - for stdout."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from perform.cli import main


def perform(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize("words", [("-q", "render"), ("render", "--quiet")])
def test_quiet_prints_only_the_result(words: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "a.wav"
    done = perform(*words, "demo", "-o", out, "--seconds", "0.1")
    assert (done.exit_code, done.stdout.strip(), done.stderr) == (0, str(out), "")
    assert "real time" in perform("render", "demo", "-o", tmp_path / "b.wav", "--seconds", "0.1").stderr


def test_a_quiet_error_is_one_line_and_a_verbose_one_says_where_it_arose() -> None:
    line = "no command or set is called 'nope'"
    quiet = perform("render", "nope", "-o", "x.wav", "-q").stderr
    assert line in quiet and quiet.count("\n") == 1
    verbose = perform("-v", "render", "nope", "-o", "x.wav").stderr
    assert "Traceback" in verbose and "sets.py" in verbose and line in verbose.splitlines()[-1]


def test_with_json_an_error_is_an_object_too(tmp_path: Path) -> None:
    for words in (
        ("render", "nope", "-o", "x.wav"),
        ("models", "info", "nope"),
        ("render", "demo", "--wrong"),
    ):
        done = perform(*words, "--json")
        error = json.loads(done.stdout)
        assert done.exit_code == error["exit_code"] == 2, words
        assert error["error"] in " ".join(done.stderr.split()), words


def test_a_rendered_or_transferred_sound_goes_to_stdout(tmp_path: Path) -> None:
    render = ("render", "demo", "--seconds", "0.2")
    assert perform(*render, "-o", tmp_path / "a.wav").exit_code == 0
    assert perform(*render, "-o", "-").stdout_bytes == (tmp_path / "a.wav").read_bytes()
    done = perform("transfer", tmp_path / "a.wav", "--model", "bells", "-o", "-")
    sound, rate = soundfile.read(io.BytesIO(done.stdout_bytes))
    assert (rate, len(sound)) == (48000, 9600) and np.abs(sound).max() > 0
    assert "--json and the sound" in perform(*render, "-o", "-", "--json").stderr
    assert "several sounds" in perform("transfer", tmp_path, "--model", "bells", "-o", "-").stderr
