"""notebooks/train.ipynb: its cells name what exists; executed, they train, show and export a model."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import soundfile
from nbclient import NotebookClient
from test_docs import check_command

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "train.ipynb"


def read() -> nbformat.NotebookNode:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    return notebook


def settings(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The cell with the values that a player changes."""
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    return cell


def test_its_commands_exist_and_it_has_no_outputs() -> None:
    notebook = read()
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in codes)
    text = "\n".join(cell.source for cell in codes)
    commands = re.findall(r"!\{RUN\} (.*)", text)
    assert [command.split()[0] for command in commands] == ["train", "train", "train", "export"]
    for command in commands:
        check_command(f"perform {command}")
    options = re.search(r"OPTIONS = .*such as \"(.*)\"", settings(notebook).source)
    assert options
    check_command(f"perform train {options[1]}")
    for page in re.findall(r"docs/[\w-]+\.md", "\n".join(cell.source for cell in notebook.cells)):
        assert (NOTEBOOK.parents[1] / page).exists(), page


def test_it_trains_shows_and_exports_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(NOTEBOOK.parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    sounds = tmp_path / "drive" / "recordings"
    sounds.mkdir(parents=True)
    noise = np.random.default_rng(0).standard_normal(8 * 16000)
    soundfile.write(sounds / "a.wav", 0.1 * noise * np.exp(-8 * (np.arange(len(noise)) / 16000 % 0.5)), 16000)
    notebook = read()
    cell = settings(notebook)
    for name, value in {
        "DRIVE": str(tmp_path / "drive"),
        "NAME": "tiny",
        "LICENCE": "CC0-1.0",
        "STEPS, ADVERSARIAL": (2, 0),
        "OPTIONS": "--set sample_rate=16000 --set capacity=4 --set full_latents=4 --crop 4096 --batch 1"
        " --threads 1 --device cpu",
    }.items():
        cell.source, count = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", cell.source, flags=re.M)
        assert count == 1, name
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = "\n".join(str(output) for cell in notebook.cells for output in cell.get("outputs", []))
    assert "1 file, 8 seconds at 16000 Hz" in shown
    assert re.search(r"step 2, \d+\.\d minutes: distance", shown)
    assert "srcdoc" in shown and "data:audio/wav" in shown
    for made in ("tiny.safetensors", "tiny.ts"):
        assert (tmp_path / "drive" / made).stat().st_size > 10_000, shown
