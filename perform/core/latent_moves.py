"""What each latent of a decoder moves: how far, in dB of a mel spectrum, and a word for it. numpy only.

The effect of a latent is the RMS difference between mean mel spectra of the sound with the latent held at
three places of its range: the largest of the three differences, averaged over some stretches of latents.
The word says how the sound changes as the latent rises. It is given only where most stretches agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core import mel_spectrum
from perform.core.mel_spectrum import SoundFacts, Values

SILENT_DB = -70.0  #: a sound below this level has no colour
AGREEING = 0.75  #: of the stretches, so that a word is clear

#: fact -> its word as it rises, as it falls, and the least change that is clear
WORDS = {
    "level": ("loud", "soft", 6.0),
    "height": ("bright", "dark", 0.5),
    "noise": ("noisy", "clear", 6.0),
    "bass": ("low", "high", 6.0),
}

Latents = npt.NDArray[np.float32]
Decode = Callable[
    [Latents], npt.NDArray[np.float32]
]  #: (B, frames, latents) -> (B, n), the same noise each time


class LatentMoves(NamedTuple):
    """One value a latent. effects: dB; words: "" where none is clear."""

    effects: list[float]
    words: list[str]


def measure(
    decode: Decode,
    stretches: Latents,
    low: Latents,
    high: Latents,
    rate: int,
) -> LatentMoves:
    """Return what each latent moves between `low` and `high`, (latents,) sigma. [slow]

    stretches : (B, frames, latents) in which the latent is held
    rate      : of the sound, Hz
    """
    filters = mel_spectrum.mel_bands(rate)
    found = LatentMoves([], [])
    for latent in range(stretches.shape[-1]):
        powers = []
        for place in (0.0, 0.5, 1.0):
            z = stretches.copy()
            z[:, :, latent] = low[latent] + place * (high[latent] - low[latent])
            powers.append(mel_spectrum.mean_power(decode(z)))
        first, middle, last = (mel_spectrum.in_bands(power, filters) for power in powers)
        pairs = (first, middle), (middle, last), (first, last)
        far = np.max([mel_spectrum.apart(*pair) for pair in pairs], axis=0)  # (B,)
        found.effects.append(float(far.mean()))
        ends = (mel_spectrum.facts(power, rate) for power in (powers[0], powers[-1]))
        found.words.append(word(*ends))
    return found


def word(before: SoundFacts, after: SoundFacts) -> str:
    """Return the word for the clearest change between two ends, one sound a stretch; "" for none."""
    best, said = 1.0, ""
    sounding = (before.level > SILENT_DB) & (after.level > SILENT_DB)
    for name, (rises, falls, least) in WORDS.items():
        change: Values = getattr(after, name) - getattr(before, name)
        if name != "level":
            change = change[sounding]
        if not len(change):
            continue
        mean = float(change.mean())
        agreeing = float((np.sign(change) == np.sign(mean)).mean())
        if abs(mean) / least > best and agreeing >= AGREEING:
            best, said = abs(mean) / least, rises if mean > 0 else falls
    return said
