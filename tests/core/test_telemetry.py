"""Playing a model sends no telemetry and stores no device id."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: ONNX Runtime sends nothing where one of these is set: a test must not pass because of them
SUPPRESSORS = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "GITHUB_ACTIONS", "TF_BUILD")

PLAY = """
import sys
from pathlib import Path
import numpy as np
from perform.engine.compiled_model import CompiledModel

model = CompiledModel(Path(sys.argv[1]))
stream = model.stream()
noise = np.zeros((1, model.card.latents), np.float32)
model.render([stream], noise, noise)
"""


def test_a_process_that_plays_a_model_leaves_no_file_in_the_users_home(tiny: Path, tmp_path: Path) -> None:
    home = tmp_path / "user"
    home.mkdir()
    folders = {
        name: str(home / name.lower()) for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    } | {"HOME": str(home), "LOCALAPPDATA": str(home), "APPDATA": str(home)}
    kept = {name: value for name, value in os.environ.items() if name not in SUPPRESSORS}
    done = subprocess.run(
        [sys.executable, "-c", PLAY, str(tiny / "bells.safetensors")],
        env=kept | folders,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_the_variable_is_set_before_onnxruntime_can_be_imported() -> None:
    code = "import sys, os, perform; print('onnxruntime' in sys.modules, os.environ['ORT_DISABLE_TELEMETRY'])"
    kept = {name: value for name, value in os.environ.items() if name not in SUPPRESSORS}
    done = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "1"]
