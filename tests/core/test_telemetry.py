"""Playing a model sends no telemetry and stores no device id."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

#: ONNX Runtime sends nothing where one of these is set: a test must not pass because of them
SUPPRESSORS = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "GITHUB_ACTIONS", "TF_BUILD")

PLAY = """
import sys
from pathlib import Path
import numpy as np
from perform.engine.compiled_model import CompiledModel
from perform.foreign.opening import open_with_openvino

path = Path(sys.argv[1])
model = open_with_openvino(path)[0] if sys.argv[2] == "openvino" else CompiledModel(path)
stream = model.stream()
noise = np.zeros((1, model.card.latents), np.float32)
model.render([stream], noise, noise)
"""


@pytest.mark.parametrize("engine", ["processor", "openvino"])
def test_a_process_that_plays_a_model_leaves_no_file_in_the_users_home(
    tiny: Path, tmp_path: Path, engine: str
) -> None:
    if engine == "openvino" and not importlib.util.find_spec("openvino"):
        pytest.skip("openvino is not installed")
    home = tmp_path / "user"
    home.mkdir()
    folders = {
        name: str(home / name.lower()) for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    } | {"HOME": str(home), "LOCALAPPDATA": str(home), "APPDATA": str(home)}
    kept = {name: value for name, value in os.environ.items() if name not in SUPPRESSORS}
    done = subprocess.run(
        [sys.executable, "-c", PLAY, str(tiny / "bells.safetensors"), engine],
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
