"""Check a voice on sound that was in no corpus, or print the figures of all bundled voices as Markdown.

    python models/recipes/acceptance.py mine.safetensors unseen.flac
    python models/recipes/acceptance.py --markdown

With --markdown the sound is made by the voice's own recipe, with seed 99; no corpus has it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from frame_costs import frame_costs
from torch import Tensor

from perform.library.cards import read_card
from perform.rave.model import RAVE
from perform.rave.model_files import load
from perform.train.voice_checks import checks, dbfs
from perform.train.voice_figures import followed_share, measured_figures

MODELS = Path(__file__).parents[1]
LONGEST_S = 60.0
UNSEEN_SEED = 99


def main() -> None:
    """Print the figures of one voice with their limits (exit with 1 if one is missed), or a table of all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("sound", type=Path, nargs="*")
    parser.add_argument("--markdown", action="store_true", help="figures of all bundled voices")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if options.markdown:
        print(table(sorted(MODELS.glob("*.safetensors"))))
        return
    if not options.model or not options.sound:
        parser.error("name a model and at least one sound, or use --markdown")
    model = load(options.model)
    found = checks(
        model, measured_figures(model, torch.cat([sound(path, model) for path in options.sound], 2))
    )
    for check in found:
        print(f"{'   ' if check.fits else 'NOT'} {check.name}: {check.value} (wanted {check.wanted})")
    raise SystemExit(not all(check.fits for check in found))


def sound(path: Path, model: RAVE) -> Tensor:
    """The first minute of a sound file at the model's rate, (1, 1, whole frames)."""
    x, rate = soundfile.read(path, dtype="float32", always_2d=True, frames=round(LONGEST_S * 48000))
    if rate != model.config.sample_rate:
        raise SystemExit(f"{path} has {rate} Hz, not {model.config.sample_rate}")
    return _whole(x.mean(axis=1), model)


def table(paths: Sequence[Path]) -> str:
    """Markdown with the figures of these models, named as their recipes, each for its own kind of sound."""
    from corpora import recorded

    melody = recorded("cello", LONGEST_S, np.random.default_rng([UNSEEN_SEED, 0]))
    rows, costs = [], frame_costs(paths)
    for path, milliseconds in zip(paths, costs, strict=True):
        model = load(path)
        own = recorded(path.stem, LONGEST_S, np.random.default_rng([UNSEEN_SEED, 0]))
        card = read_card(path)
        known = {"latent_home": card.latent_home, "latent_effect": card.latent_effect}
        found = measured_figures(model, _whole(own, model), known)
        followed = followed_share(model, _whole(melody, model))
        share = milliseconds / (1000 * model.ratio / model.config.sample_rate)
        pitched = model.config.bottleneck == "pitched"
        accepted = all(each.fits for each in checks(model, found))
        rows.append(
            (
                f"[{model.card['name']}](../models/{path.stem}.md)",
                f"{found.pitch:.0%}" if pitched else "-",
                f"{followed:.0%}",
                *(f"{value:.0%}" for value in (found.grid_in, found.grid_out, found.grid_frozen)),
                ", ".join(f"{value:.1f}" for value in found.effects),
                f"{found.home_db:+.1f} dB",
                dbfs(found.noise_dbfs),
                f"{found.log_mel_db:.1f} dB",
                f"{milliseconds:.2f} ms, {share:.1%}",
                "yes" if accepted else "no",
            )
        )
    head = (
        *("voice", "own pitch", "a cello's pitch", "grid in", "out", "frozen", "effect of each latent, dB"),
        *("rest above loop", "noise branch", "log-mel", "cost of a frame", "accepted"),
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def _whole(x: np.ndarray, model: RAVE) -> Tensor:
    """Samples (n,) as (1, 1, whole frames)."""
    return torch.from_numpy(x[: len(x) // model.ratio * model.ratio].astype(np.float32))[None, None]


if __name__ == "__main__":
    main()
