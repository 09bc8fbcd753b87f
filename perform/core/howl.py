"""Howl guard: detects feedback, of a microphone or of decks that hear each other, and lowers the input.

A suspect has the features of van Waterschoot & Moonen (2011, Fifty Years of Acoustic Feedback Control, Proc.
IEEE 99, 288-327): a peak far above its neighbours (PNPR) for SUSTAIN_S, without harmonics (PHPR), that grows
(IPMP). A tone that a player swells has them too, so the guard tests the suspect: it lowers the input by
DIP_DB and raises it again, TRIALS times. The microphone signal is measured before that gain, so only
feedback follows each dip. A tone that does not follow is a note, and is left alone until it has grown by
RETEST_DB. A lone tone at full scale cannot grow and leaves no time for a test: it counts as a howl at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.fft import rfft  # at import: a sandboxed host could not load it later

Signal = npt.NDArray[np.float64]  #: (n,)

WINDOW_S = 0.043  #: length of a spectrum's window; hops are a quarter of it
SUSTAIN_S = 0.15  #: how long a suspect must have lasted
PEAK_DB = 15.0  #: above its neighbours, all that time
PURE_DB = 20.0  #: above its harmonics, and above the tones whose harmonic it would be
LONE_DB = -6.0  #: relative to the highest other tone; a room may howl at several frequencies at once
GROWTH_DB = 1.0  #: growth over SUSTAIN_S ...
HIGH_DB = -10.0  #: ... or level after the gain, dBFS, that makes a suspect
LOUD_DB, LOUD_LONE_DB = -2.0, 6.0  #: level, and level above the others, of a howl that needs no test
QUIET_DB = -60.0  #: dBFS below which nothing counts as a howl
FALL_S, RETURN_S = 0.35, 1.2  #: time for a suspect to fall with the dip, and to return after it
DIP_DB, DIP_DB_S = 8.0, 120.0  #: depth of a dip, and its slope
FELL_DB, ROSE_DB = 5.0, 3.0  #: how far feedback falls and rises with it
TRIALS = 3  #: dips in a test; a melody or a rhythm may seem to follow two by chance
RESUSTAIN = 4  #: spectra in which it must be a pure tone again after a dip; a newly struck note is not
RETEST_DB = 10.0  #: growth of a note before it is tested again
HIGHEST = 0.9  #: fraction of half the rate up to which it searches
LOWEST = 5  #: first bin of the search, 117 Hz; below, a tone and its harmonic merge
LOBE, WIDTH = 3, 0.06  #: half the width of a tone: bins, or fraction of its frequency if that is more
NEAR = 9  #: bins on each side that count as its neighbours
OVER_DB = 6.0  #: a howl has ended once it has fallen by this much
SLOPE_DB_S = 30.0  #: the input falls at this slope during a howl
CLOSE_DB = -24.0  #: ... and closes completely below this gain

_HANN_DB = 1.76  # power of all bins of a sine over that of its highest
_HARMONICS = ((2, 1), (3, 1), (1, 2), (1, 3), (3, 2), (2, 3))  # ratios of harmonics and subharmonics


class HowlGuard:
    """[audio, render] Analyses an input before its gain, and computes a gain that stops howls.

    gain    : factor for the input; 1 until a howl or a test. It stays down after a howl until `reset`
    howling : whether there is a howl now
    count   : howls so far
    hz      : frequency of the last howl
    """

    def __init__(self, rate: float) -> None:
        size = 1 << round(np.log2(WINDOW_S * rate))
        self._size, self._hop, self._rate = size, size // 4, rate
        self._hop_s = self._hop / rate
        window = np.hanning(size + 1)[:-1]
        self._window = window * (2 / window.sum())  # a full-scale sine has magnitude 1
        self._highest = round(size / 2 * HIGHEST)  # its neighbours must be in the spectrum
        self._past = np.zeros(size)
        self._spectra = np.zeros((round(SUSTAIN_S / self._hop_s), size // 2 + 1))  # power, newest last
        self._db = 0.0  # gain without the dip
        self.count, self.hz = 0, 0.0
        self.reset()

    def reset_analysis(self) -> None:
        """Start the analysis again as after silence; keep the gain."""
        self._past[:], self._spectra[:], self._fill = 0.0, 0.0, 0  # frames since the last spectrum
        self.howling = False
        self._bin, self._level = 0, 0.0  # bin and level (dBFS) of the suspect or the howl
        self._test_s, self._dipping = 0.0, False  # seconds left to fall or to return; which of them
        self._followed = 0  # dips that the suspect has followed
        self._dip, self._lowest = 0.0, 0.0  # gain of the dip, dB; lowest level of the suspect in it
        self._note, self._note_db = 0, 0.0  # bin and level of the last suspect that was a note
        self.gain = 10 ** (self._db / 20)

    def reset(self) -> None:
        """Restore full gain: the player has opened the input again."""
        self._db = 0.0
        self.reset_analysis()

    def __call__(self, x: Signal, gain: float = 1.0) -> None:
        """[audio, render] Take the next frames, (n,), and the input gain as a factor."""
        at = 0
        while at < len(x):
            n = min(len(x) - at, self._hop - self._fill)
            start = self._size - self._hop + self._fill
            self._past[start : start + n] = x[at : at + n]
            at, self._fill = at + n, self._fill + n
            if self._fill == self._hop:
                self._fill = 0
                self._analyse(_db(gain * gain))
                self._past[: -self._hop] = self._past[self._hop :]

    def _analyse(self, gain_db: float) -> None:
        spectrum = rfft(self._past * self._window)
        self._spectra[:-1] = self._spectra[1:]
        np.add(np.square(spectrum.real), np.square(spectrum.imag), out=self._spectra[-1])
        if self.howling:
            self.howling = self._level_of(self._bin) > max(self._level - OVER_DB, QUIET_DB)
            self._db -= SLOPE_DB_S * self._hop_s
        else:
            self._find_suspect(gain_db)
            if self._test_s > 0:
                self._test_suspect()
            step = DIP_DB_S * self._hop_s
            self._dip = max(self._dip - step, -DIP_DB) if self._dipping else min(self._dip + step, 0.0)
        self.gain = 10 ** ((self._db + self._dip) / 20) if self._db > CLOSE_DB else 0.0

    def _find_suspect(self, gain_db: float) -> None:
        """Start a test of the strongest tone if it could be a howl; at full scale, count it at once."""
        newest = self._spectra[-1]
        peak = LOWEST + int(np.argmax(newest[LOWEST : self._highest]))
        if newest[peak - 1] > newest[peak]:
            return  # the slope of a peak below the searched range: a drum
        if not self._is_sustained_peak(peak, self._spectra) or self._has_harmonics(peak):
            return
        low, high = _tone(peak)
        others = max(newest[LOWEST : max(low - LOBE, LOWEST + 1)].max(), newest[high + LOBE :].max())
        lone_db, level = _db(newest[peak] / others), self._level_of(peak)
        if level + gain_db > LOUD_DB and lone_db > LOUD_LONE_DB:
            self._bin = peak
            self._begin_howl()
        elif self._test_s <= 0 and lone_db > LONE_DB and not self._is_note(peak, level):
            tone = self._spectra[:, low:high].sum(axis=1)
            third = len(tone) // 3
            grown = _db(tone[-third:].mean() / tone[:third].mean())
            if grown > GROWTH_DB or level + gain_db > HIGH_DB:
                self._bin, self._level, self._lowest = peak, level, level
                self._dipping, self._test_s, self._followed = True, FALL_S, 0

    def _test_suspect(self) -> None:
        """Check whether the suspect has followed the dip down, or back up."""
        level = self._level_of(self._bin)
        self._test_s -= self._hop_s
        self._lowest = min(self._lowest, level)
        if self._dipping and level < self._level - FELL_DB:
            self._dipping, self._test_s, self._lowest = False, RETURN_S, level
        elif not self._dipping and level > self._lowest + ROSE_DB and self._has_returned():
            self._followed += 1
            if self._followed == TRIALS:
                self._begin_howl()
            else:
                self._dipping, self._test_s, self._level = True, FALL_S, level
        elif self._test_s <= 0:
            self._dipping, self._note, self._note_db = False, self._bin, max(level, self._level)

    def _begin_howl(self) -> None:
        self.howling, self.count, self.hz = True, self.count + 1, self._bin * self._rate / self._size
        self._level = self._level_of(self._bin)
        self._db, self._dip, self._test_s, self._dipping = self._db + self._dip, 0.0, 0.0, False

    def _is_sustained_peak(self, peak: int, spectra: Signal) -> bool:
        """The tone is far above its neighbours in all these spectra."""
        low, high = _tone(peak)
        outer = max(low - NEAR, 0)
        around = spectra[:, outer : high + NEAR].sum(axis=1) - spectra[:, low:high].sum(axis=1)
        neighbours = np.maximum(around / (high + NEAR - outer - (high - low)), 0.0)
        least = np.maximum(neighbours * 10 ** (PEAK_DB / 10), 10 ** (QUIET_DB / 10))
        return bool((spectra[:, low:high].max(axis=1) > least).all())

    def _has_returned(self) -> bool:
        """The suspect is a sustained peak again, at the same frequency; a new note nearby does not count."""
        low, high = _tone(self._bin)
        top = low + int(np.argmax(self._spectra[-1, low:high]))
        return abs(top - self._bin) <= 1 and self._is_sustained_peak(self._bin, self._spectra[-RESUSTAIN:])

    def _has_harmonics(self, peak: int) -> bool:
        """The tone has harmonics, or is one: a played note."""
        newest, most = self._spectra[-1], self._spectra[-1, peak] * 10 ** (-PURE_DB / 10)
        for times, part in _HARMONICS:
            at = peak * times // part  # searched with three bins above and two below
            apart = at - 2 > peak + 2 or LOWEST - 2 <= at - 2 < at + 3 < peak - 2
            if apart and newest[at - 2 : at + 4].max(initial=0.0) > most:
                return True
        return False

    def _is_note(self, peak: int, level: float) -> bool:
        """The tone was tested before and was a note."""
        low, high = _tone(self._note)
        return low <= peak < high and level < self._note_db + RETEST_DB

    def _level_of(self, peak: int) -> float:
        """Newest level of a tone, dBFS."""
        low, high = _tone(peak)
        return _db(self._spectra[-1, low:high].sum()) - _HANN_DB


def _tone(peak: int) -> tuple[int, int]:
    """First bin of a tone, and the bin after its last."""
    half = max(LOBE, round(WIDTH * peak))
    return max(peak - half, 0), peak + half + 1


def _db(power: float) -> float:
    return float(10 * np.log10(power + 1e-14))
