"""What a trained voice can do, and where it falls short, measured on sound that it has not learnt.

The same limits decide whether a voice is bundled (docs/voices.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from perform.rave.model import RAVE
from perform.train.corpus import Corpus
from perform.train.voice_figures import VoiceFigures, measured_figures

LONGEST_S, SHORTEST_S = 60.0, 5.0
"""Of the sound that is measured, seconds; figures of shorter sounds say little."""
LEAST_PITCH, NEAR_GRID, LEAST_EFFECT_DB, NEAR_HOME_DB, LEAST_NOISE_DBFS = 0.95, 0.05, 2.0, 6.0, -50.0


class VoiceCheck(NamedTuple):
    """One figure with its limit."""

    name: str
    value: str
    wanted: str
    fits: bool

    def __str__(self) -> str:
        verdict = "good" if self.fits else "falls short"
        return f"{verdict}: {self.name} {self.value} (wanted: {self.wanted})"


def held_out_checks(model: RAVE, corpus: Corpus, known: Mapping[str, Any]) -> list[VoiceCheck]:
    """Measure a model with a loop on the held-out part of its corpus; [] if that is too short. [slow]

    known : `latent_home` and `latent_effect` of the model
    """
    left, parts = round(LONGEST_S * corpus.sample_rate), []
    for start, end in corpus.held_out:
        length = min(end - start, left) // model.ratio * model.ratio
        parts.append(torch.from_numpy(corpus.read(start, length)))
        left -= length
    x = torch.cat(parts, dim=1)[None] if parts else torch.zeros(1, 1, 0)
    if x.shape[2] < SHORTEST_S * corpus.sample_rate:
        return []
    return checks(model, measured_figures(model, x, known))


def checks(model: RAVE, found: VoiceFigures) -> list[VoiceCheck]:
    """Compare figures with the limits: the pitch of a pitched voice, the noise where there is some."""
    effects = ", ".join(f"{effect:.1f}" for effect in found.effects)
    result = [
        VoiceCheck(
            "buzz at the frame rate",
            f"{found.grid_out:.1%} of the sound",
            f"within 5 points of the {found.grid_in:.1%} in the recordings",
            abs(found.grid_out - found.grid_in) <= NEAR_GRID,
        ),
        VoiceCheck(
            "buzz while its latents are held",
            f"{found.grid_frozen:.1%}",
            "at most 5 points above the recordings'",
            found.grid_frozen <= found.grid_in + NEAR_GRID,
        ),
        VoiceCheck(
            "each latent moves the sound by",
            f"{effects} dB",
            f"{LEAST_EFFECT_DB:g} dB or more",
            min(found.effects) >= LEAST_EFFECT_DB,
        ),
        VoiceCheck(
            "a new deck against its loop",
            f"{found.home_db:+.1f} dB",
            f"within {NEAR_HOME_DB:g} dB",
            abs(found.home_db) <= NEAR_HOME_DB,
        ),
    ]
    if found.noise_dbfs is not None:
        least = f"{LEAST_NOISE_DBFS:g} dBFS or more"
        result.append(
            VoiceCheck("its noise", dbfs(found.noise_dbfs), least, found.noise_dbfs >= LEAST_NOISE_DBFS)
        )
    if model.config.bottleneck == "pitched":
        share = f"{found.pitch:.1%} of the pitched frames"
        result.insert(
            0, VoiceCheck("the pitch is followed in", share, "95 % or more", found.pitch >= LEAST_PITCH)
        )
    return result


def dbfs(value: float | None) -> str:
    """Return a level as text."""
    return "none" if value is None else f"{value:.1f} dBFS"
