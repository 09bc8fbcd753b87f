"""Where python-rtmidi is not installed the instrument plays and records, and MIDI says why there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile


@pytest.fixture
def without_rtmidi(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python process finds python-rtmidi missing."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text('import sys\nsys.modules["rtmidi"] = None\n')
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def perform(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perform", *words]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)


def test_it_plays_records_and_says_what_is_missing(without_rtmidi: dict[str, str]) -> None:
    words = ("play", "demo", "--headless", "--device", "null", "--record", "--seconds", "2")
    done = perform(without_rtmidi, *words, "--clock-out", "x")
    assert done.returncode == 0, done.stderr
    sound, _ = soundfile.read(done.stdout.split("\n")[0])
    assert abs(sound).max() > 0.01
    assert done.stderr.count("no MIDI system: python-rtmidi is not installed") >= 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "restart" not in done.stderr, "the control process is well"


def test_doctor_says_how_to_install_it(without_rtmidi: dict[str, str]) -> None:
    done = perform(without_rtmidi, "doctor", "--json")
    found = {line["topic"]: line for line in json.loads(done.stdout)}
    assert "python-rtmidi is not installed" in found["MIDI"]["text"]
    assert found["MIDI"]["advice"] == "", "it is no fault of the MIDI system"
