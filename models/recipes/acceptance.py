"""Check a voice on sound that was in no corpus, or print the figures of all bundled voices as Markdown.

    python models/recipes/acceptance.py mine.safetensors unseen.flac
    python models/recipes/acceptance.py --markdown

With --markdown the sound is made by the voice's own recipe, with seed 99; no corpus has it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from torch import Tensor
from voice_figures import VoiceFigures, followed_share, frame_costs, measured_figures

from perform.library.cards import read_card
from perform.rave.model import RAVE
from perform.rave.model_files import load

MODELS = Path(__file__).parents[1]
LONGEST_S = 60.0
UNSEEN_SEED = 99
LEAST_PITCH, NEAR_GRID, LEAST_EFFECT_DB, NEAR_HOME_DB, LEAST_NOISE_DBFS = 0.95, 0.05, 2.0, 6.0, -50.0


class Check(NamedTuple):
    """One figure with its limit."""

    name: str
    value: str
    wanted: str
    fits: bool


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


def checks(model: RAVE, found: VoiceFigures) -> list[Check]:
    """The figures that a voice must reach to be bundled: pitched, or of noises."""
    pitched = model.config.bottleneck == "pitched"
    result = [
        Check(
            "share on the frame rate",
            f"{found.grid_out:.1%}",
            f"{found.grid_in:.1%} +- 5",
            abs(found.grid_out - found.grid_in) <= NEAR_GRID,
        ),
        Check(
            "the same, frozen",
            f"{found.grid_frozen:.1%}",
            f"{found.grid_in:.1%}, at most + 5",
            found.grid_frozen <= found.grid_in + NEAR_GRID,
        ),
        Check(
            "effect of the latents, dB",
            str(found.effects),
            f">= {LEAST_EFFECT_DB:g} each",
            min(found.effects) >= LEAST_EFFECT_DB,
        ),
        Check(
            "hand at bias 0, above the loop",
            f"{found.home_db:.1f} dB",
            f"+- {NEAR_HOME_DB:g}",
            abs(found.home_db) <= NEAR_HOME_DB,
        ),
        Check(
            "noise branch",
            _dbfs(found.noise_dbfs),
            f">= {LEAST_NOISE_DBFS:g}",
            found.noise_dbfs is not None and found.noise_dbfs >= LEAST_NOISE_DBFS,
        ),
    ]
    if pitched:
        share = found.pitch
        result.insert(0, Check("pitch within 50 cents", f"{share:.1%}", ">= 95 %", share >= LEAST_PITCH))
    return result


def table(paths: Sequence[Path]) -> str:
    """Markdown with the figures of these models, named as their recipes, each for its own kind of sound."""
    from corpora import recorded

    melody = recorded("cello", LONGEST_S, np.random.default_rng([UNSEEN_SEED, 0]))
    rows, costs = [], frame_costs(paths)
    for path, milliseconds in zip(paths, costs, strict=True):
        model = load(path)
        own = recorded(path.stem, LONGEST_S, np.random.default_rng([UNSEEN_SEED, 0]))
        found = measured_figures(model, _whole(own, model), read_card(path))
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
                _dbfs(found.noise_dbfs),
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


def _dbfs(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f} dBFS"


if __name__ == "__main__":
    main()
