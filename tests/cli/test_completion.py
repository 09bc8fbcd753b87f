"""Shell completion: verbs, sets, models, mappings, config keys and files, as a real shell asks for them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.shell_completion import BashComplete

from perform.cli import main
from perform.recorder.wav_writer import WavWriter


def completed(monkeypatch: pytest.MonkeyPatch, line: str) -> set[str]:
    """What a shell offers for the last word of a line."""
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(f"{line}.".split()) - 1))
    shell = BashComplete(main, {}, "perform", "_PERFORM_COMPLETE")
    args, incomplete = shell.get_completion_args()
    return {item.value for item in shell.get_completions(args, incomplete) if item.type == "plain"}


@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("perform ", {"open", "play", "train", "config", "doctor", "demo"}, {"bells"}),
        ("perform de", {"devices", "demo"}, {"play"}),
        ("perform play d", {"demo"}, {"devices"}),
        ("perform play --mapping nano", {"nanokontrol2"}, set()),
        ("perform bench ", {"models", "train", "bells"}, set()),
        ("perform models info c", {"choir"}, {"bells"}),
        ("perform transfer in.wav --model st", {"strings"}, set()),
        ("perform config sound.r", {"sound.rate"}, {"sound.device"}),
        ("perform render d", {"demo"}, set()),
        ("perform devices --device n", {"null"}, set()),
    ],
)
def test_a_word_is_completed(
    monkeypatch: pytest.MonkeyPatch, line: str, offered: set[str], not_offered: set[str]
) -> None:
    found = completed(monkeypatch, line)
    assert found >= offered
    assert not found & not_offered


def test_each_folder_of_a_corpus_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", "perform train cello/ vo")
    monkeypatch.setenv("COMP_CWORD", "3")
    shell = BashComplete(main, {}, "perform", "_PERFORM_COMPLETE")
    offered = shell.get_completions(*shell.get_completion_args())
    assert [(item.type, item.value) for item in offered] == [("file", "vo")], (
        "the shell lists files and folders"
    )


def test_takes_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.environ["PERFORM_TAKES"])
    folder.mkdir()
    with contextlib.closing(WavWriter(folder / "evening.wav", 48000)) as wav:
        wav.write(np.zeros((10, 2), np.float32))
    assert completed(monkeypatch, "perform takes verify ev") == {"evening"}


def test_bash_takes_the_script() -> None:
    environment = os.environ | {"_PERFORM_COMPLETE": "bash_source"}
    script = subprocess.run(
        [Path(sys.executable).with_name("perform")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "_perform_completion" in script
