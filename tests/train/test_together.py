"""Training in several processes with torchrun, and with only torch, numpy and safetensors installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

ROOT = Path(__file__).parents[2]
TINY = (
    "sample_rate=16000",
    "bands=4",
    "capacity=4",
    "ratios=[4,2]",
    "dilations=[[1,3],[1,2]]",
    "full_latents=6",
)
BLOCKED = (
    "soundfile",
    "soxr",
    "click",
    "rich",
    "msgspec",
    "matplotlib",
    "scipy",
    "platformdirs",
    "onnx",
    "tomlkit",
    "tensorboard",
)


def run(starter: list[str], corpus: Path, out: Path, *options: str, code: int = 0) -> str:
    """Train in a separate process that can import only torch, numpy and safetensors; return its messages."""
    bare = out.parent / "bare"
    bare.mkdir(exist_ok=True)
    for name in BLOCKED:
        (bare / f"{name}.py").write_text(f"raise ModuleNotFoundError('no {name} here', name='{name}')")
    words = [
        str(corpus),
        "-o",
        str(out),
        "--device",
        "cpu",
        "--crop",
        "4096",
        "--latents",
        "2",
        "--threads",
        "1",
    ]
    words += [word for change in TINY for word in ("--set", change)]
    words += [
        "--steps",
        "12",
        "--adversarial",
        "8",
        "--evaluate-every",
        "4",
        "--precision",
        "float32",
        *options,
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(bare), str(ROOT)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *starter, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
    assert done.returncode == code, done.stderr
    return done.stderr


def curves(folder: Path) -> tuple[list[float], list[float]]:
    """Return the held-out distances and the training losses in a checkpoint."""
    import torch

    history = torch.load(folder / "checkpoint.pt", weights_only=True)["state"]["history"]
    return [m["distance"] for m in history], [m["loss"] for m in history[1:]]


def test_two_processes_train_like_one_with_twice_the_batch(corpus_folder: Path, tmp_path: Path) -> None:
    torchrun = ["torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "perform.train"]
    messages = run(torchrun, corpus_folder, tmp_path / "two.safetensors", "--batch", "2")
    assert "on 2 processes, cpu: 12 steps of phase 1, 8 of phase 2, 4 crops" in messages
    assert messages.count("on 2 processes") == 1, "only the first process prints"
    steps = re.findall(r"step (\d+), .* on held-out sound", messages)
    assert steps
    assert len(steps) == len(set(steps)), "only the first process prints"
    run(["perform.train"], corpus_folder, tmp_path / "one.safetensors", "--batch", "4")
    two, one = (curves(tmp_path / f"{name}.safetensors.training") for name in ("two", "one"))
    assert np.array(two[0]) == pytest.approx(np.array(one[0]), rel=0.03)
    assert np.array(two[1]) == pytest.approx(np.array(one[1]), rel=0.1), (
        "each half of a batch has its own norm"
    )
    with safe_open(tmp_path / "two.safetensors", "np") as file:
        assert file.get_tensor("gesture").shape[1] == 2


def test_without_soundfile_the_error_names_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    messages = run(["perform.train"], tmp_path / "sounds", tmp_path / "m.safetensors", code=1)
    assert (
        "perform: sound files cannot be read without soundfile; install soundfile, or copy a corpus"
        in messages
    )
