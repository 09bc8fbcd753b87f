"""The loudness of a model's sound, as its card has it: RMS, or LUFS. numpy only."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

LOUDNESS_LUFS = -19.0  #: integrated loudness to which a deck brings each model whose card has its LUFS
LOUDNESS_DB = -23.0  #: RMS in dBFS to which it brings the others; about as loud
CHIRP_DB = 6.0  #: above the loudest frame that follows
LOWEST_DB = -70.0  #: RMS in dBFS below which a sound counts as silence


def chirping_frames(sound: npt.NDArray[np.floating], frame: int, most: int) -> int:
    """Return how many frames at the beginning of a sound are louder than all that follows.

    sound : (channels, n), from a decoder that was just reset;  frame : samples;  most : frames that may chirp
    """
    count = sound.shape[1] // frame
    power = np.square(sound[:, : count * frame].reshape(len(sound), count, frame), dtype=np.float64)
    levels = 10 * np.log10(np.nan_to_num(power.mean(axis=(0, 2))) + 10 ** (LOWEST_DB / 10))  # (count,)
    if count <= most:
        return 0
    loud = np.flatnonzero(levels[:most] > levels[most:].max() + CHIRP_DB)
    return int(loud[-1]) + 1 if len(loud) else 0


def loudness_db(sound: npt.NDArray[np.floating]) -> float | None:
    """Return the RMS of a sound of any shape in dBFS, to a hundredth; None: silent, or not finite."""
    power = float(np.square(sound, dtype=np.float64).mean()) if sound.size else 0.0
    if not math.isfinite(power) or power < 10 ** (LOWEST_DB / 10):
        return None
    return round(10 * math.log10(power), 2)
