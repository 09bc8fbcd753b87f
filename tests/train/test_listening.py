"""The config of a training is chosen by listening: melodies for live_pitch, chords and noise for live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perform.train import checkpoint
from perform.train.config_choice import chosen_config
from perform.train.corpus import Corpus, quantise, write
from perform.train.listening import listen
from perform.train.progress import ProgressListener

RATE, SECONDS = 48000, 8


def tone(semitones: np.ndarray) -> np.ndarray:
    """Ten harmonics at semitones above A3, a value a sample."""
    phase = 2 * np.pi * np.cumsum(220 * 2 ** (semitones / 12)) / RATE
    return 0.1 * sum(np.sin(k * phase) / k for k in range(1, 11))


def notes(*steps: int) -> np.ndarray:
    """Semitones of notes of a quarter of a second, repeated."""
    return np.resize(np.repeat(steps, RATE // 4), RATE * SECONDS).astype(float)


SOUNDS = {
    "melody": (tone(notes(0, 4, 7, 12, 5, -3)), "live_pitch", "a melody"),
    "drone": (tone(notes(0)), "live", "no melody"),
    "chords": (sum(tone(notes(*(n + k for n in (0, 5, 2)))) for k in (0, 4, 7, 11)), "live", "chords"),
    "noise": (0.1 * np.random.default_rng(0).standard_normal(RATE * SECONDS), "live", "noise or percussion"),
    "silence": (np.zeros(RATE * SECONDS), "live", "0% of the sound"),
}


class Lines(ProgressListener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize("name", SOUNDS)
def test_the_config_fits_the_corpus_and_says_why(name: str, tmp_path: Path) -> None:
    sound, config, why = SOUNDS[name]
    write(tmp_path, name, RATE, 1, [(name, "1", quantise(sound[None]), {})])
    heard = listen(Corpus.load(tmp_path))
    assert heard.config == config, heard
    assert heard.reason.startswith(f"config {config}: ") and why in heard.reason


def test_a_resumed_training_keeps_its_config(tmp_path: Path) -> None:
    corpus, output, said = tmp_path / "corpus", tmp_path / "x.safetensors", Lines()
    write(corpus, "melody", RATE, 1, [("a", "1", quantise(SOUNDS["melody"][0][None]), {})])
    before = chosen_config([corpus], output, 1, resumes=True, listener=said)
    assert (before, said.lines) == ("live", []), "it began before configs were chosen"
    assert chosen_config([corpus], output, 1, resumes=False, listener=said) == "live_pitch"
    assert "a melody; --config chooses another one" in said.lines[0]
    write(corpus, "drone", RATE, 1, [("a", "1", quantise(SOUNDS["drone"][0][None]), {})])
    assert chosen_config([corpus], output, 1, resumes=True, listener=said) == "live_pitch"
    (tmp_path / "x.safetensors.training" / checkpoint.LATEST).write_bytes(b"")
    assert chosen_config([corpus], output, 1, resumes=False, listener=said) == "live_pitch", (
        "train refuses it"
    )
    assert len(said.lines) == 1
