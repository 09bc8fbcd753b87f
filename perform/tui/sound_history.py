"""The spectrum of each deck over the last seconds, for its spectrogram."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perform.core.params import DECKS

BANDS = 24  #: bands of a spectrogram, low to high
STEP_S = 0.125  #: seconds between two spectra
SAMPLES = 128  #: spectra that are kept: 16 s
SILENT_DB = -120.0

Spectra = npt.NDArray[np.float32]  #: (samples, BANDS), dB


class SoundHistory:
    """[ui] Keeps spectra by the clock; where none was measured, the deck counts as silent."""

    def __init__(self) -> None:
        self._db = np.full((SAMPLES, DECKS, BANDS), SILENT_DB, np.float32)
        self.now = -1  #: number of the last spectrum, by the clock

    def add(self, now: float, power: npt.NDArray[np.float64]) -> None:
        """Store the power of each band of each deck, (DECKS, BANDS); the one of a sine at full scale is 1."""
        number = int(now / STEP_S)
        for missed in range(max(self.now + 1, number - 1, number - SAMPLES + 1), number):
            self._db[missed % SAMPLES] = 10 * np.log10(power + 1e-12)  # one frame of the screen came late
        for missed in range(max(self.now + 1, number - SAMPLES + 1), number - 1):
            self._db[missed % SAMPLES] = SILENT_DB
        self._db[number % SAMPLES] = 10 * np.log10(power + 1e-12)
        self.now = number

    def window(self, deck: int, first: int, count: int) -> Spectra:
        """`count` spectra of a deck from number `first` on; silence for those not kept, or not yet there."""
        numbers = np.arange(first, first + count)
        window: Spectra = self._db[numbers % SAMPLES, deck - 1]  # a copy
        window[(numbers <= self.now - SAMPLES) | (numbers > self.now)] = SILENT_DB
        return window
