"""Texts of foreign files in a shell: none of them steers the terminal."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tiny import tiny_model

import perform
from perform.cli import main, output
from perform.cli.doctor import Finding
from perform.library import places
from perform.recorder.markers import Marker, cue_sheet, track_list
from perform.recorder.new_files import new_sound_file

ESCAPE = "\x1b]0;owned\x07\x1b[31mred\x9b2J\r\u202e"


def run(*args: object) -> Result:
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def steers(text: str) -> bool:
    return any(not c.isprintable() and c != "\n" for c in text)


@pytest.fixture
def evil() -> Path:
    """A model whose card is full of escapes."""
    path = tiny_model(places.user("models") / "evil.safetensors")
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    texts = dict.fromkeys(("name", "description", "licence", "corpus", "recipe", "created"), ESCAPE)
    metadata["card"] = json.dumps(json.loads(metadata["card"]) | texts)
    save_file(tensors, path, metadata)
    return path


def test_cards_and_names_of_models(evil: Path, tmp_path: Path) -> None:
    for verb in (("list",), ("info", "evil"), ("info", "evil", "--json"), ("check", "evil")):
        done = run("models", *verb)
        assert not steers(done.output), verb
        assert "red" in done.output or verb == ("check", "evil")
    done = run("export", "evil", "-o", tmp_path / "x.onnx")
    assert done.exit_code == 0 and not steers(done.output)
    assert not steers(run("models", "info", ESCAPE).output)
    (evil.parent / f"{ESCAPE}.safetensors").write_bytes(b"no model")
    assert not steers(run("models", "list").output)


def test_sets_takes_and_folders(tmp_path: Path) -> None:
    path = tmp_path / "evil.toml"
    name = json.dumps(ESCAPE)
    path.write_text(f"name = {name}\n[[songs]]\nname = {name}\ndecks.1 = {name}\nvalues = {{{name} = 1}}\n")
    done = run("play", path, "--headless")
    assert done.exit_code == 2 and not steers(done.output)
    folder = Path(os.environ["PERFORM_TAKES"])
    folder.mkdir()
    take = folder / f"{ESCAPE}.wav"
    with new_sound_file(take, 48000, marks=[Marker(5, ESCAPE)]) as write:
        write(np.zeros((100, 2), np.float32))
    for verb in ((), ("verify",), ("verify", "--json"), ("repair", take), ("list", "--json")):
        assert not steers(run("takes", *verb).output), verb
    done = run("takes", "export", take, "-o", tmp_path / f"{ESCAPE}.wav")
    assert done.exit_code == 0, done.output
    assert done.stdout_bytes == f"{tmp_path}/{ESCAPE}.wav\n".encode(), "a pipe gets the path itself"
    marks = [Marker(0, ESCAPE)]
    for text in (cue_sheet("a.wav", ESCAPE, marks, 48000), track_list(marks, 48000)):
        assert not steers(text)


def test_doctor_and_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Any program can give its MIDI port such a name, and any folder may have it."""
    monkeypatch.setattr("perform.cli.doctor.CHECKS", [lambda: [Finding("MIDI", "note", ESCAPE, ESCAPE)]])
    monkeypatch.setenv("PERFORM_TAKES", ESCAPE)
    for verb in (("doctor",), ("doctor", "--json"), ("config",), ("config", "--json")):
        assert not steers(run(*verb).output), verb


def test_every_line_for_a_shell_or_a_log_passes_the_same_function() -> None:
    """`cli/output.py` prints it; what cannot import that makes its texts printable where it prints."""
    package, prints = Path(perform.__file__).parent, []
    for path in package.rglob("*.py"):
        name = path.relative_to(package).as_posix()
        if name.startswith("bench/") or name == "cli/output.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in (
                "print",
                "click.echo",
                "sys.exit",
            ):
                continue
            text = ast.unparse(node.args[0]) if node.args else "0"
            if not any(safe in text for safe in ("printable(", "exit_code", "main()")) and text not in "01":
                prints.append(f"{name}:{node.lineno} {text}")
    assert prints == []


def test_a_terminal_shows_a_path_and_a_progress_bar_as_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.show(Path(f"/{ESCAPE}"), as_json=False)
    monkeypatch.undo()
    with output.ProgressBar(f"[/red]{ESCAPE}", 2, "files") as on_progress:
        on_progress(1, f"[/x]{ESCAPE}")
    seen = capsys.readouterr()
    assert "red" in seen.out and not steers(seen.out)
    assert "[/red]" in seen.err and "owned" in seen.err and "\x07" not in seen.err


@pytest.mark.parametrize("columns", ["80", "120"])
def test_a_long_text_takes_nothing_from_the_steps_and_times_that_a_progress_bar_shows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with output.ProgressBar("training mine", 15000, "steps") as on_progress:
        on_progress(4000, "held out 33.98, 10 % better; phase 1, loss 59.79  0.0/s")
    seen = capsys.readouterr().err
    assert "4000/15000 steps" in seen and "-:--:-- held out 33.98, 10 % better" in seen
