"""Feedback caught before it hurts: a tone that grows alone, in a live input near its own loudspeaker.

What is suspected has the signs of van Waterschoot & Moonen (2011, Fifty Years of Acoustic Feedback Control,
Proc. IEEE 99, 288-327): a peak far above its neighbours (PNPR) for STANDS_S, without harmonics (PHPR), that
grows (IPMP). A tone that a player swells has all of them too, so a suspect is tried: the input sinks by
DIP_DB and comes back, TIMES times, and only what sinks and comes back with it at the microphone, which is
before that gain, comes from the loudspeaker. What does not is a note, and is left alone until it has grown by
AGAIN_DB more. At full scale there is no time for that, and nothing left to grow: what stands there alone is a
howl.
"""

from __future__ import annotations

import numpy as np

from perform.audio.guard import Signal

WINDOW_S = 0.043  #: of a spectrum; four of them a window
STANDS_S = 0.15  #: how long a tone has to stand
PEAK_DB = 15.0  #: above its neighbours, all the while
PURE_DB = 20.0  #: above what lies at its harmonics, or it at theirs
LONELY_DB = -6.0  #: above the highest other tone: a room may howl at several places at once
GROWTH_DB = 1.0  #: by which it has grown in the time it has to stand ...
HIGH_DB = -10.0  #: ... or so loud it is, dBFS after the gain
LOUD_DB, LOUD_LONELY_DB = -2.0, 6.0  #: so loud, and above the others, it is not tried
QUIET_DB = -60.0  #: dBFS below which nothing howls
SINKS_S, BACK_S = 0.35, 1.2  #: how long a suspect has to sink, and how long to come back
DIP_DB, DIP_DB_S = 8.0, 120.0  #: by how much the input is lowered for that, and how fast
FELL_DB, ROSE_DB = 5.0, 3.0  #: by how much it has to
TIMES = 3  #: how often: a melody or a rhythm may do it twice
AFRESH = 4  #: spectra in which it stands again by then: whoever strikes anew is not so pure at once
AGAIN_DB = 10.0  #: by which a note may grow until it is tried again
HIGHEST = 0.9  #: share of half the rate up to which it looks
LOWEST = 5  #: the first bin that is looked at, 117 Hz: below it a tone and its harmonic are one
LOBE, WIDTH = 3, 0.06  #: half the width of a tone: in bins, or of its frequency where that is more
NEAR = 9  #: bins beside it that are its neighbours
OVER_DB = 6.0  #: a howl that has fallen so far is over
SLOPE_DB_S = 30.0  #: by which the input is lowered as long as it howls
SHUT_DB = -24.0  #: ... to where it is shut

_HANN_DB = 1.76  #: the power of all of a sine's bins over the power of its highest
_KIN = ((2, 1), (3, 1), (1, 2), (1, 3), (3, 2), (2, 3))  # its harmonics, and those whose harmonic it is


class HowlGuard:
    """[audio] Listens to an input before its gain, and says what to multiply it with.

    gain  : 1 until something howls, or is tried; what a howl took away stays away until `reset`
    now   : it howls;  count : how often it began to;  hz : where
    """

    def __init__(self, rate: float) -> None:
        size = 1 << round(np.log2(WINDOW_S * rate))
        self._size, self._hop, self._rate = size, size // 4, rate
        self._hop_s = self._hop / rate
        window = np.hanning(size + 1)[:-1]
        self._window = window * (2 / window.sum())  # a full-scale sine is 1
        self._highest = round(size / 2 * HIGHEST)  # what is beside it has to be in the spectrum
        self._past = np.zeros(size)
        self._spectra = np.zeros((round(STANDS_S / self._hop_s), size // 2 + 1))  # power, the newest last
        self._db = 0.0  # of the gain, without the dip
        self.count, self.hz = 0, 0.0
        self.reset()

    def forget(self) -> None:
        """What comes next comes after silence; what was taken away stays away."""
        self._past[:], self._spectra[:], self._fill = 0.0, 0.0, 0  # frames since the last spectrum
        self.now = False
        self._bin, self._level = 0, 0.0  # of the suspect or the howl, and how loud it was, dBFS
        self._trial_s, self._dips = 0.0, False  # left to sink or to come back; which of them
        self._times = 0  # that it did
        self._dip, self._lowest = 0.0, 0.0  # dB of the input for the trial; the least level in it
        self._note, self._note_db = 0, 0.0  # what was tried last and is none
        self.gain = 10 ** (self._db / 20)

    def reset(self) -> None:
        """The player opens the input again."""
        self._db = 0.0
        self.forget()

    def __call__(self, x: Signal, gain: float = 1.0) -> None:
        """Some more frames, (n,), and the factor by which they are let in."""
        at = 0
        while at < len(x):
            n = min(len(x) - at, self._hop - self._fill)
            start = self._size - self._hop + self._fill
            self._past[start : start + n] = x[at : at + n]
            at, self._fill = at + n, self._fill + n
            if self._fill == self._hop:
                self._fill = 0
                self._look(_db(gain * gain))
                self._past[: -self._hop] = self._past[self._hop :]

    def _look(self, gain_db: float) -> None:
        """One more spectrum."""
        spectrum = np.fft.rfft(self._past * self._window)
        self._spectra[:-1] = self._spectra[1:]
        np.add(np.square(spectrum.real), np.square(spectrum.imag), out=self._spectra[-1])
        if self.now:
            self.now = self._level_of(self._bin) > max(self._level - OVER_DB, QUIET_DB)
            self._db -= SLOPE_DB_S * self._hop_s
        else:
            self._suspect(gain_db)
            if self._trial_s > 0:
                self._try()
            step = DIP_DB_S * self._hop_s
            self._dip = max(self._dip - step, -DIP_DB) if self._dips else min(self._dip + step, 0.0)
        self.gain = 10 ** ((self._db + self._dip) / 20) if self._db > SHUT_DB else 0.0

    def _suspect(self, gain_db: float) -> None:
        """Try the strongest tone, if it could be a howl; convict it where there is no time for that."""
        newest = self._spectra[-1]
        peak = LOWEST + int(np.argmax(newest[LOWEST : self._highest]))
        if newest[peak - 1] > newest[peak]:
            return  # the skirt of what lies below all that is looked at: a drum
        if not self._stands(peak, self._spectra) or self._has_kin(peak):
            return
        low, high = _tone(peak)
        others = max(newest[LOWEST : max(low - LOBE, LOWEST + 1)].max(), newest[high + LOBE :].max())
        lonely, level = _db(newest[peak] / others), self._level_of(peak)
        if level + gain_db > LOUD_DB and lonely > LOUD_LONELY_DB:
            self._bin = peak
            self._convict()
        elif self._trial_s <= 0 and lonely > LONELY_DB and not self._is_note(peak, level):
            tone = self._spectra[:, low:high].sum(axis=1)
            third = len(tone) // 3
            grown = _db(tone[-third:].mean() / tone[:third].mean())
            if grown > GROWTH_DB or level + gain_db > HIGH_DB:
                self._bin, self._level, self._lowest = peak, level, level
                self._dips, self._trial_s, self._times = True, SINKS_S, 0

    def _try(self) -> None:
        """Has the suspect sunk with the input, or come back with it?"""
        level = self._level_of(self._bin)
        self._trial_s -= self._hop_s
        self._lowest = min(self._lowest, level)
        if self._dips and level < self._level - FELL_DB:
            self._dips, self._trial_s, self._lowest = False, BACK_S, level
        elif not self._dips and level > self._lowest + ROSE_DB and self._is_back():
            self._times += 1
            if self._times == TIMES:
                self._convict()
            else:
                self._dips, self._trial_s, self._level = True, SINKS_S, level
        elif self._trial_s <= 0:
            self._dips, self._note, self._note_db = False, self._bin, max(level, self._level)

    def _convict(self) -> None:
        self.now, self.count, self.hz = True, self.count + 1, self._bin * self._rate / self._size
        self._level = self._level_of(self._bin)
        self._db, self._dip, self._trial_s, self._dips = self._db + self._dip, 0.0, 0.0, False

    def _stands(self, peak: int, spectra: Signal) -> bool:
        """A tone is far above its neighbours, in all these spectra."""
        low, high = _tone(peak)
        outer = max(low - NEAR, 0)
        around = spectra[:, outer : high + NEAR].sum(axis=1) - spectra[:, low:high].sum(axis=1)
        neighbours = np.maximum(around / (high + NEAR - outer - (high - low)), 0.0)
        least = np.maximum(neighbours * 10 ** (PEAK_DB / 10), 10 ** (QUIET_DB / 10))
        return bool((spectra[:, low:high].max(axis=1) > least).all())

    def _is_back(self) -> bool:
        """The suspect stands again, at the same frequency: what begins there meanwhile is another."""
        low, high = _tone(self._bin)
        top = low + int(np.argmax(self._spectra[-1, low:high]))
        return abs(top - self._bin) <= 1 and self._stands(self._bin, self._spectra[-AFRESH:])

    def _has_kin(self, peak: int) -> bool:
        """There are harmonics, or it is one: somebody plays."""
        newest, most = self._spectra[-1], self._spectra[-1, peak] * 10 ** (-PURE_DB / 10)
        for times, part in _KIN:
            at = peak * times // part  # and the next one, and two beside them
            apart = at - 2 > peak + 2 or LOWEST - 2 <= at - 2 < at + 3 < peak - 2
            if apart and newest[at - 2 : at + 4].max(initial=0.0) > most:
                return True
        return False

    def _is_note(self, peak: int, level: float) -> bool:
        """A tone was tried before, and was none."""
        low, high = _tone(self._note)
        return low <= peak < high and level < self._note_db + AGAIN_DB

    def _level_of(self, peak: int) -> float:
        """The newest level of a tone, dBFS."""
        low, high = _tone(peak)
        return _db(self._spectra[-1, low:high].sum()) - _HANN_DB


def _tone(peak: int) -> tuple[int, int]:
    """The bins of a tone, from and to."""
    half = max(LOBE, round(WIDTH * peak))
    return max(peak - half, 0), peak + half + 1


def _db(power: float) -> float:
    return float(10 * np.log10(power + 1e-14))
