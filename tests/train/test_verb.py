"""From corpus to sound: `perform train` is killed and resumed, and its model plays on a deck."""

import json
import os
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

RATE = 24000
CONFIG = ("--set", f"sample_rate={RATE}", "--set", "capacity=8")
LENGTH = (
    "--steps",
    "72",
    "--adversarial",
    "12",
    "--evaluate-every",
    "24",
    "--crop",
    "8192",
    "--latents",
    "4",
)


def strokes(path: Path) -> None:
    """Write a minute of five bells, struck at random, to a few files."""
    random = np.random.default_rng(1)
    for index in range(4):
        sound = np.zeros(15 * RATE)
        for start in range(0, len(sound) - RATE, RATE // 4):
            time = np.arange(RATE) / RATE
            root = 93.75 * random.integers(2, 7)
            partials = sum(np.sin(2 * np.pi * root * k * time) * np.exp(-4 * k * time) for k in (1, 2, 3, 5))
            sound[start : start + RATE] += random.uniform(0.05, 0.15) * partials
        soundfile.write(path / f"{index}.flac", sound, RATE)


def start(folder: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    """Start `perform train` in the background."""
    command = [
        "nice",
        sys.executable,
        "-m",
        "perform",
        "train",
        str(folder),
        "-o",
        str(out),
        *CONFIG,
        *LENGTH,
    ]
    command += ["--threads", "1", "--device", "cpu", "--checkpoint", "0.02", "--json", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def finished(process: subprocess.Popen[str]) -> dict[str, object]:
    """Wait for the end; return the JSON that it printed."""
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    told: dict[str, object] = json.loads(out)
    return told


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A model whose training was killed and resumed."""
    home = tmp_path_factory.mktemp("verb")
    (home / "sounds").mkdir()
    strokes(home / "sounds")
    killed = start(home / "sounds", home / "killed.safetensors")
    checkpoint = home / "killed.safetensors.training" / "checkpoint.pt"
    written, step = 0, 0
    while step < 20:
        assert killed.poll() is None, killed.communicate()[1]
        time.sleep(0.1)
        if checkpoint.exists() and checkpoint.stat().st_mtime_ns != written:
            written = checkpoint.stat().st_mtime_ns
            step = torch.load(checkpoint, weights_only=True)["state"]["step"]
    killed.kill()
    killed.communicate()
    assert not (home / "killed.safetensors").exists()
    return home, finished(start(home / "sounds", home / "killed.safetensors", "--resume"))


def test_the_trained_model_is_better_than_an_untrained_one(trained: tuple[Path, dict[str, Any]]) -> None:
    home, told = trained
    assert told["path"] == str(home / "killed.safetensors")
    assert told["distance"] < 0.5 * told["distance_untrained"]
    assert (told["latents"], told["steps"]) == (4, 84)
    assert (home / "killed.safetensors.training" / "report.html").exists()
    history = (home / "killed.safetensors.training" / "training.log").read_text().splitlines()
    measured = [line.partition("  ")[2] for line in history if "distance" in line and "  step " in line]
    assert measured[-1].startswith("step 84, ")
    assert any("worth going on" in line for line in measured)
    shown = subprocess.run(
        [sys.executable, "-m", "perform", "models", "info", home / "killed.safetensors"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in ("buzz at the frame rate", "each latent moves the sound by", "a new deck against its loop"):
        line = next(line for line in told["checks"] if name in line)
        assert line.startswith(("good: ", "falls short: "))
        assert any(line in logged for logged in history)
        assert line in shown


def test_a_killed_and_resumed_training_equals_an_uninterrupted_one(
    trained: tuple[Path, dict[str, object]],
) -> None:
    from perform.rave.model_files import load

    finished(start(trained[0] / "sounds", trained[0] / "unbroken.safetensors"))
    one, other = (load(trained[0] / f"{name}.safetensors") for name in ("killed", "unbroken"))
    for name, tensor in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    assert torch.equal(one.gesture, other.gesture)


@pytest.mark.parametrize("exported", [False, True])
def test_the_trained_model_plays_on_a_deck(trained: tuple[Path, dict[str, object]], exported: bool) -> None:
    home, _ = trained
    model = home / "killed.safetensors"
    if exported:  # exported and imported again
        perform("export", model, "-o", home / "killed.ts")
        model = home / "killed.ts"
    take, song = home / f"{exported}.wav", home / f"{exported}.toml"
    song.write_text(f'name = "m"\n[[songs]]\nname = "a"\ndecks.1 = "{model.as_posix()}"\n')
    perform("render", song, "-o", take, "--seconds", "2")
    with wave.open(str(take)) as file:
        assert file.getnframes() == 2 * 48000
        data = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
    assert data[:, 1:].copy().view("<i2").std() > 50, "the deck is not silent"


def perform(*words: object) -> None:
    """Run a verb to its end."""
    command = [sys.executable, "-m", "perform", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
