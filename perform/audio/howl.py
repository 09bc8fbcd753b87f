"""Feedback caught before it hurts: a tone that grows alone, in a live input near its own loudspeaker.

The signs are those of van Waterschoot & Moonen (2011, Fifty Years of Acoustic Feedback Control, Proc. IEEE
99, 288-327), all of them at once: a peak far above its neighbours (PNPR) for STANDS_S, far above everything
else there is, harmonics included (PHPR), that has grown and does not fall (IPMP). Music has one or the other:
a bell falls, a voice has overtones. At full scale it need not stand so far above the rest; but below music a
howl is known only once it stands out of it, and a pure tone that is played and held is taken for one.
"""

from __future__ import annotations

import numpy as np

from perform.audio.guard import Signal

WINDOW_S = 0.043  #: of a spectrum; four of them a window
STANDS_S = 0.2  #: how long a tone has to stand
GROWS_S = 0.4  #: ... and within how long it has grown
PEAK_DB = 15.0  #: above its neighbours, all the while
LONELY_DB = 28.0  #: above the highest other tone
LOUD_DB, LOUD_LONELY_DB = -2.0, 15.0  #: dBFS above which a tone need not stand out so far
GROWTH_DB = 6.0  #: by which it has grown, at least
FALL_DB = 1.0  #: less than it has fallen, at most
QUIET_DB = -60.0  #: dBFS below which nothing howls
HIGHEST = 0.9  #: share of half the rate up to which it looks
LOWEST = 4  #: the first bin that is looked at, 94 Hz
LOBE, WIDTH = 3, 0.06  #: half the width of a tone: in bins, or of its frequency where that is more
NEAR = 9  #: bins beside it that are its neighbours
OVER_DB = 6.0  #: a howl that has fallen so far is over
SLOPE_DB_S = 30.0  #: by which the input is lowered as long as it howls
SHUT_DB = -24.0  #: ... to where it is shut


class Howl:
    """[audio] Listens to an input before its gain, and says what to multiply it with.

    gain  : 1 until something howls; what was taken away stays away until `reset`
    now   : it howls;  count : how often it began to;  hz : where
    """

    def __init__(self, rate: float) -> None:
        size = 1 << round(np.log2(WINDOW_S * rate))
        self._size, self._hop, self._rate = size, size // 4, rate
        self._stands, self._grows = (round(s * rate / self._hop) for s in (STANDS_S, GROWS_S))
        window = np.hanning(size + 1)[:-1]
        self._window = window * (2 / window.sum())  # a full-scale sine is 1
        self._highest = round(size / 2 * HIGHEST)  # what is beside it has to be in the spectrum
        self._past = np.zeros(size)
        self._spectra = np.zeros((self._grows, size // 2 + 1))  # power, the newest last
        self._fill = 0  # frames since the last spectrum
        self._bin, self._level = 0, 0.0  # of the howl, dBFS as it began
        self._db = 0.0  # of the gain
        self.gain, self.now, self.count, self.hz = 1.0, False, 0, 0.0

    def reset(self) -> None:
        """The player opens the input again."""
        self._spectra[:] = 0
        self._db, self.gain, self.now = 0.0, 1.0, False

    def __call__(self, x: Signal) -> None:
        """Some more frames, (n,)."""
        at = 0
        while at < len(x):
            n = min(len(x) - at, self._hop - self._fill)
            start = self._size - self._hop + self._fill
            self._past[start : start + n] = x[at : at + n]
            at, self._fill = at + n, self._fill + n
            if self._fill == self._hop:
                self._fill = 0
                self._look()
                self._past[: -self._hop] = self._past[self._hop :]

    def _look(self) -> None:
        """One more spectrum."""
        spectrum = np.fft.rfft(self._past * self._window)
        self._spectra[:-1] = self._spectra[1:]
        newest = np.add(np.square(spectrum.real), np.square(spectrum.imag), out=self._spectra[-1])
        if not self.now:
            peak = LOWEST + int(np.argmax(newest[LOWEST : self._highest]))
            self.now = self._howls(peak)
            if self.now:
                self.count, self.hz = self.count + 1, peak * self._rate / self._size
                self._bin, self._level = peak, _db(newest[peak])
        if self.now:
            near = newest[self._bin - 1 : self._bin + 2].max()
            self.now = _db(near) > max(self._level - OVER_DB, QUIET_DB)
            self._db -= SLOPE_DB_S * self._hop / self._rate
            self.gain = 10 ** (self._db / 20) if self._db > SHUT_DB else 0.0

    def _howls(self, peak: int) -> bool:
        """Whether the strongest bin is a howl's."""
        spectra, newest = self._spectra, self._spectra[-1]
        top = newest[peak]
        if _db(top) < QUIET_DB:
            return False
        half = max(LOBE, round(WIDTH * peak))
        low, high = max(peak - half, 0), peak + half + 1
        others = max(newest[LOWEST : max(low - 3, LOWEST + 1)].max(), newest[high + 3 :].max())
        lonely = LOUD_LONELY_DB if _db(top) > LOUD_DB else LONELY_DB
        if top < others * 10 ** (lonely / 10):
            return False
        tone = spectra[:, low:high].sum(axis=1)
        stood, outer = spectra[-self._stands :], max(low - NEAR, 0)
        neighbours = stood[:, outer : high + NEAR].sum(axis=1) - tone[-self._stands :]
        neighbours /= high + NEAR - outer - (high - low)
        return bool(
            (stood[:, low:high].max(axis=1) > neighbours * 10 ** (PEAK_DB / 10)).all()
            and tone[-1] >= tone[-self._stands :].max() * 10 ** (-FALL_DB / 10)
            and tone[-1] >= tone.min() * 10 ** (GROWTH_DB / 10)
        )


def _db(power: float) -> float:
    return float(10 * np.log10(power + 1e-14))
