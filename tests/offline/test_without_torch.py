"""A player who has not installed torch plays, renders, records and transfers, a first load included."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import soundfile


@pytest.fixture
def without_torch(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python process finds torch missing."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text('import sys\nsys.modules["torch"] = None\n')
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def perform(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perform", *words]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300, check=False)


def test_it_renders_plays_records_and_transfers(without_torch: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    done = perform(without_torch, "render", "demo", "--seconds", "2", "-o", str(out))
    assert done.returncode == 0, done.stderr
    other = tmp_path / "other.wav"
    done = perform(without_torch, "transfer", str(out), "-o", str(other), "--model", "storm")
    assert done.returncode == 0, done.stderr
    words = ("play", "demo", "--headless", "--device", "null", "--record", "--seconds", "4")
    done = perform(without_torch, *words)
    assert done.returncode == 0, done.stderr
    for path in (out, other, Path(done.stdout.split("\n")[0])):
        sound, _ = soundfile.read(path)
        assert abs(sound).max() > 0.01, path


@pytest.mark.parametrize(
    "words", [("export", "bells", "-o", "x.ts"), ("bench", "bells"), ("train", ".", "-o", "x.safetensors")]
)
def test_a_verb_that_needs_it_says_so(
    without_torch: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write(tmp_path / "a.wav", [0.0] * 48000, 48000)
    done = perform(without_torch, *words)
    assert done.returncode == 1
    assert "torch, which is not installed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_needs_it_says_so(without_torch: dict[str, str], tmp_path: Path) -> None:
    sound, model = tmp_path / "a.wav", tmp_path / "other.ts"
    soundfile.write(sound, [0.0] * 48000, 48000)
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("other/data.pkl", b"")
    words = ("transfer", str(sound), "-o", str(tmp_path / "b.wav"), "--model", str(model))
    done = perform(without_torch, *words)
    assert done.returncode == 1
    assert "an export or module from others needs torch" in done.stderr
    assert "Traceback" not in done.stderr
