"""Trains beside acids-rave at equal steps, crops and sizes, and compares how held-out sound comes back.

    python tests/peers/compare_training.py CORPUS ... [--steps 500]

CORPUS is a folder of sound files at 48 kHz; a tenth is held out. Both train phase 1 of a causal v2 model of
the size of `live` on two crops of 65,536 samples a step, on one core, with their defaults. The peers'
environment has to be there: `python tests/peers/environment.py` makes it.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from environment import folder
from torch import Tensor

from perform.rave.config import PRESETS
from perform.rave.model import RAVE
from perform.train.corpus import Corpus
from perform.train.finishing import reconstruct
from perform.train.listening import listen
from perform.train.loop import train
from perform.train.losses import audio_distance
from perform.train.plan import TrainingPlan
from perform.train.voice_figures import grid, level_db, log_mel_db

HERE = Path(__file__).parent
BATCH, CROP, HELD_OUT = 2, 65_536, 16
SIZE = ("CAPACITY = 32", "RATIOS = [4, 2, 2, 2]", "LATENT_SIZE = 32", "SAMPLING_RATE = 48000")
LATEST = 4096  #: samples by which a reconstruction may come late


def main() -> None:
    """Print a line for each corpus and trainer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", type=Path, nargs="+")
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| corpus | trainer | steps | CPU seconds | distance | log-mel dB | level (input) | grid (input) |")
    print(f"|{8 * ' --- |'}")
    for sounds in options.corpus:
        with tempfile.TemporaryDirectory() as home:
            compare(sounds, options.steps, Path(home))


def compare(sounds: Path, steps: int, home: Path) -> None:
    """Train on one corpus with both, and print their figures: ours with `live`, and as it chooses."""
    corpus, model, held_out = trained(sounds, "live", steps, home)
    chosen = listen(corpus).config
    if chosen != "live":
        trained(sounds, chosen, steps, home)

    training = np.concatenate([corpus.read(start, end - start)[0] for start, end in corpus.training])
    np.savez(home / "sounds.npz", training=training, held_out=held_out[:, 0].numpy())
    python = folder() / "venv" / "bin" / "python"
    words = (home / "sounds.npz", home / "theirs.npz", steps, BATCH, CROP, "v2,causal", *SIZE)
    subprocess.run([python, HERE / "learn.py", *map(str, words)], check=True)
    theirs = np.load(home / "theirs.npz")
    x, y = aligned(held_out, torch.from_numpy(theirs["made"])[:, None], model)
    print(line(sounds.name, "acids-rave", steps, float(theirs["seconds"]), x, y, model), flush=True)


def trained(sounds: Path, config: str, steps: int, home: Path) -> tuple[Corpus, RAVE, Tensor]:
    """Train ours and print its figures; return the corpus, the model and the held-out sounds (B, 1, n)."""
    output, began = home / f"{config}.safetensors", time.process_time()
    plan = TrainingPlan(
        (sounds,), output, config=PRESETS[config], steps=steps, adversarial=0, batch=BATCH, crop=CROP
    )
    model = train(plan)
    seconds = time.process_time() - began
    corpus = Corpus.load(plan.folder / "corpus")
    held_out = torch.from_numpy(corpus.spread(corpus.held_out, HELD_OUT, CROP))
    made = reconstruct(model, held_out)
    print(line(sounds.name, f"perform, {config}", steps, seconds, *made, model), flush=True)
    return corpus, model, held_out


def aligned(x: Tensor, y: Tensor, model: RAVE) -> tuple[Tensor, Tensor]:
    """Shift y (B, 1, n) to where it is nearest to x, and cut both to whole blocks of the filter bank."""

    def shifted(late: int) -> tuple[Tensor, Tensor]:
        whole = (x.shape[2] - LATEST) // model.pqmf.block * model.pqmf.block
        return x[..., :whole], y[..., late:][..., :whole]

    late = min(range(0, LATEST, 64), key=lambda late: float(audio_distance(*shifted(late), model.pqmf)))
    return shifted(late)


def line(corpus: str, trainer: str, steps: int, seconds: float, x: Tensor, y: Tensor, model: RAVE) -> str:
    """One line of the table for reconstructions y of x, (B, 1, n) each."""
    with torch.no_grad():
        distance = float(audio_distance(x, y, model.pqmf))
        log_mel = float(np.mean([log_mel_db(a[None], b[None], model) for a, b in zip(x, y, strict=True)]))
    figures = f"{seconds:.0f} | {distance:.2f} | {log_mel:.2f} | {level_db(y):.1f} ({level_db(x):.1f})"
    return f"| {corpus} | {trainer} | {steps} | {figures} | {grid(y, model):.0%} ({grid(x, model):.0%}) |"


if __name__ == "__main__":
    main()
