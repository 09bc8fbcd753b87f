"""Shell completion: verbs, sets, models, mappings, config keys and files, as a real shell asks for them."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.shell_completion import BashComplete
from rig import until

from perform.cli import main
from perform.library import player_config
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
        ("perform transfer in.wav --model st", {"storm", "strike"}, set()),
        ("perform config sound.r", {"sound.rate"}, {"sound.device"}),
        ("perform render d", {"demo"}, set()),
        ("perform devices --device n", {"null"}, set()),
        ("perform play --input d", {"default"}, set()),
        ("perform config sound.margin ", {"tight", "normal", "safe"}, set()),
        ("perform config recording.stems ", {"true", "false"}, set()),
        ("perform config sound.device n", {"null"}, set()),
        ("perform config models.gpu bells c", {"choir"}, {"bells"}),
        ("perform config screen.theme stage", {"stage", "stage-contrast"}, {"nord"}),
        ("perform config sound.rate ", set(), {"true", "null"}),
        ("perform config no.such.key ", set(), {"true", "null"}),
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


#: how each shell starts without the files of its user, and the line that takes perform's completion
SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], 'eval "$(_PERFORM_COMPLETE=bash_source perform)"'),
    "zsh": (
        ["-f", "-i"],
        'autoload -Uz compinit && compinit -D; eval "$(_PERFORM_COMPLETE=zsh_source perform)"',
    ),
    "fish": (["--no-config", "-i"], "_PERFORM_COMPLETE=fish_source perform | source"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_name_is_completed_in_a_real_shell(shell: str, tiny_models: Path, tmp_path: Path) -> None:
    """In a terminal, by the tab key: keys and values of the config, among them a name that needs quotes."""
    program, name = shutil.which(shell), "my glass (old), 2"
    if not program:
        pytest.skip(f"{shell} is not installed")
    shutil.copy(tiny_models / "bells.safetensors", tiny_models / f"{name}.safetensors")
    options, line = SHELLS[shell]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "HOME": str(tmp_path), "TERM": "xterm", "PS1": "ready> "}
    process, terminal = pty.fork()
    if process == 0:
        os.execve(program, [program, *options], environment)
    try:
        shown = Shown(terminal)
        os.write(terminal, f'{line}; echo begin"-"42\n'.encode())
        shown.until("begin-42")
        os.write(terminal, b"perform config models.g\t")
        shown.until("models.gpu")
        os.write(terminal, b"my\t")
        shown.until("glass")
        os.write(terminal, b"\n")
        until(lambda: player_config.read().models.gpu == (name,), 20, "the config has the model")
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)


class Shown:
    """What a shell has written to its terminal."""

    def __init__(self, terminal: int) -> None:
        self._terminal, self._text = terminal, ""

    def until(self, text: str) -> None:
        """Read until it has shown a text, which a later call does not see again."""
        end = time.monotonic() + 20
        while text not in self._text:
            left = end - time.monotonic()
            assert left > 0 and select.select([self._terminal], [], [], left)[0], (text, self._text)
            self._text += os.read(self._terminal, 4096).decode("utf-8", "replace")
        self._text = self._text.partition(text)[2]


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
