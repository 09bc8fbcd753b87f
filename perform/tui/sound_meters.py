"""Meters that the screen computes from the history buffer: loudness, peak hold, spectrum by deck."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perform.core.arena import Arena
from perform.core.arena_layout import DECK_METER, LANE, LANES, METER_SLOTS, Meters
from perform.core.ebu_r128 import STEP_S, LoudnessMeter
from perform.core.params import DECKS
from perform.tui.sound_history import BANDS, SoundHistory

SPECTRUM_S = 0.125  #: seconds between two spectra
LOWEST_HZ, HIGHEST_HZ = 30.0, 16000.0
FLOOR_DB, TOP_DB = -84.0, -6.0  #: of the spectrum's bars
_WINDOW = 4096  #: frames
_HELD_S, _FALL_DB = 1.5, 20.0  #: a peak is held, then it falls this much a second
_BAR_FALL_DB = 40.0
_SIDES = tuple(METER_SLOTS[f"peak/{side}"] for side in "lr")
_FIRST = METER_SLOTS["deck/1/state"]
_PEAKS = slice(DECK_METER["peak/l"], DECK_METER["peak/r"] + 1)

Levels = npt.NDArray[np.float64]  #: (bands,)


@dataclass(frozen=True, eq=False)
class SpectrumBands:
    """The master's bands, low to high. Compared by identity: the key of a cache.

    level : dB;  held : dB of the held peaks;  deck : the deck that leads each band, 0 for none
    """

    level: Levels
    held: Levels
    deck: npt.NDArray[np.int64]


class SoundMeters:
    """[ui] Reads the master's history and the decks' ring buffers; the audio callback computes none of it.

    peaks : dB of the held peaks of the master, left and right
    """

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._loudness: LoudnessMeter | None = None
        self._position, self._song = -1, 0.0
        self.peaks = [-math.inf, -math.inf]
        self._peaks_at, self._now, self._meters = [0.0, 0.0], 0.0, arena.meters
        self._spectrum: SpectrumBands | None = None
        self._spectrum_at = -1.0
        self.history = SoundHistory()
        self._window = np.hanning(_WINDOW).astype(np.float32)[:, None]

    @property
    def integrated(self) -> float:
        """LUFS since the song began, or since the screen was opened; -inf for silence."""
        return self._loudness.integrated if self._loudness else -math.inf

    @property
    def short_term(self) -> float:
        """LUFS of the last 3 s."""
        return self._loudness.short_term if self._loudness else -math.inf

    def update(self, now: float, meters: Meters, song_began: float) -> None:
        """Measure what was played since the last frame of the screen."""
        passed, self._now, self._meters = max(0.0, now - self._now), now, meters
        for side, slot in enumerate(_SIDES):
            peak = 20 * math.log10(meters[slot]) if meters[slot] > 1e-6 else -math.inf
            if peak >= self.peaks[side]:
                self.peaks[side], self._peaks_at[side] = peak, now
            elif now - self._peaks_at[side] > _HELD_S:
                self.peaks[side] = max(peak, self.peaks[side] - _FALL_DB * passed)
        rate = int(meters[METER_SLOTS["rate"]])
        if not 8000 <= rate <= 768000:  # nothing plays, or the meters are damaged
            return
        if self._loudness is None or self._loudness.rate != rate:
            self._loudness, self._position = LoudnessMeter(rate), self._arena.history.written
        if song_began != self._song:
            self._song = song_began
            self._loudness.restart()
        if self._arena.history.written - self._position >= rate * STEP_S:
            sound, lost = self._arena.history.read(self._position, rate)
            self._position += lost + len(sound)
            self._loudness.feed(np.nan_to_num(sound))

    # -- spectrum

    def spectrum(self, bands: int) -> SpectrumBands:
        """The bands now, measured eight times a second."""
        last = self._spectrum
        if last is None or len(last.level) != bands:
            nothing = np.full(bands, FLOOR_DB)
            last = SpectrumBands(nothing, nothing, np.zeros(bands, np.int64))
            self._spectrum_at = -1.0
        passed = self._now - self._spectrum_at
        if self._spectrum is None or passed >= SPECTRUM_S or self._spectrum_at < 0:
            self._spectrum_at = self._now
            last = self._measure(bands, last, min(max(passed, 0.0), 1.0))
        self._spectrum = last
        return last

    def _measure(self, bands: int, last: SpectrumBands, passed: float) -> SpectrumBands:
        rate = float(self._meters[METER_SLOTS["rate"]])
        history = self._arena.history
        master, _ = history.read(max(0, history.written - _WINDOW), _WINDOW)
        level = np.full(bands, FLOOR_DB)
        leads = last.deck
        if rate > 0 and len(master) == _WINDOW and any(self._meters[slot] > 0 for slot in _SIDES):
            edges = _edges(bands, rate)
            level = np.maximum(10 * np.log10(_loudest(self._bins(master), edges) + 1e-12), FLOOR_DB)
            leads = self._leaders(edges, bands)
        fallen = np.maximum(last.level - _BAR_FALL_DB * passed, level)
        held = np.maximum(last.held - _FALL_DB / 2 * passed, fallen)
        return SpectrumBands(fallen, held, leads)

    def _leaders(self, edges: npt.NDArray[np.int64], bands: int) -> npt.NDArray[np.int64]:
        """The loudest deck of each band; each deck's sound before its fader, with the level after it."""
        powers, history = np.zeros((DECKS + 1, bands)), np.zeros((DECKS, BANDS))
        rough = _edges(BANDS, float(self._meters[METER_SLOTS["rate"]]))
        decks = self._meters[_FIRST : _FIRST + DECKS * len(DECK_METER)].reshape(DECKS, -1)
        for lane in range(LANES):
            deck = lane // 2 + 1
            peak = float(decks[deck - 1, _PEAKS].max())
            if peak <= 0 or not self._arena.lanes[lane, LANE["live"]]:
                continue
            sound = np.nan_to_num(self._arena.rings[lane].past(_WINDOW))
            raw = float(np.abs(sound).max()) if len(sound) else 0.0
            if raw > 0:
                bins = self._bins(sound) * (peak / raw) ** 2
                powers[deck] += _loudest(bins, edges)
                history[deck - 1] += _loudest(bins, rough)
        self.history.add(self._now, history)
        return np.where(powers.max(axis=0) > 0, powers.argmax(axis=0), 0)

    def _bins(self, sound: npt.NDArray[np.float32]) -> Levels:
        """The power of each bin; that of a sine at full scale is 1."""
        spectrum = np.fft.rfft(sound * self._window, axis=0)  # -> (bins, 2)
        return np.asarray(np.square(np.abs(spectrum)).sum(axis=1) * (8 / _WINDOW**2))


def _loudest(bins: Levels, edges: npt.NDArray[np.int64]) -> Levels:
    """The loudest bin of each band."""
    return np.asarray(np.maximum.reduceat(bins, edges)[: len(edges)])


def _edges(bands: int, rate: float) -> npt.NDArray[np.int64]:
    """First bin of each band; low bands that are narrower than a bin share it."""
    hertz = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** (np.arange(bands) / bands)
    return np.minimum(np.round(hertz * _WINDOW / rate), _WINDOW // 2).astype(np.int64)
