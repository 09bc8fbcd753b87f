"""The loudness of a model's sound, as its card states it. numpy only."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

LOUDNESS_DB = -23.0  #: RMS to which a model is trimmed that is not calibrated, dBFS
LOUDNESS_LUFS = -19.0  #: integrated loudness of calibrated models, on a deck: about that of LOUDNESS_DB
LOWEST_DB = -70.0  #: RMS in dBFS below which a sound counts as silence


def loudness_db(sound: npt.NDArray[np.floating]) -> float | None:
    """Return the RMS of a sound of any shape in dBFS, to a hundredth; None: silent, or not finite."""
    power = float(np.square(sound, dtype=np.float64).mean()) if sound.size else 0.0
    if not math.isfinite(power) or power < 10 ** (LOWEST_DB / 10):
        return None
    return round(10 * math.log10(power), 2)
