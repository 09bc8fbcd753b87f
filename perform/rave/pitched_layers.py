"""The layers of pitched models, and numbers that their modules and graphs share. See model_layers.py."""

from __future__ import annotations

import math

from perform.rave.model_layers import ChainLayer, Layer, NoiseSynthLayer

A3 = 220.0  #: Hz of the pitch 0
ZERO_DB, STEP_DB = -24.0, 12.0  #: dBFS (RMS) of the loudness 0; decibels of a loudness of 1
LOUDEST = 3.0  #: the highest loudness, +12 dBFS
LOW_HZ, HIGH_HZ = 60.0, 1600.0  #: range of the pitches that are found
WINDOW_S = 0.018  #: seconds of sound that are compared with earlier ones: a period of the lowest pitch
THRESHOLD = 0.15  #: a period leaves a smaller share of the power than this
QUIET = 1e-6  #: mean square (-60 dBFS) below which there is no pitch
SILENCE = 1e-8  #: added to the mean square: the loudness of silence is -80 dBFS
TINY = 1e-7  #: added to differences, so that silence has no period
SMOOTH_S = 0.00025  #: length of the low-pass, a running mean: it leaves nothing at 4 kHz
NYQUIST = 10_000.0  #: Hz; the analysis runs at twice this rate, or less than twice as fast
KNOTS = 4  #: amplitudes of each harmonic in a frame; between two it moves linearly
HIGHEST, WIDTH = 0.48, 0.06  #: of the sample rate: a harmonic fades out below HIGHEST, over WIDTH


class FundamentalLayer(Layer):
    """Pitch, loudness and noise of a sound, once a frame; see fundamental.py.

    every : samples averaged to one; all sizes below count averaged samples
    rate  : averaged samples per second;  hop : of a frame
    shortest, longest : periods
    window : the length of the sound that is compared;  size : with the longest period
    smooth : the length of the running mean;  memory : what a stream remembers
    """

    def __init__(self, sample_rate: int, ratio: int) -> None:
        self.sample_rate, self.ratio, self.every = sample_rate, ratio, 1
        while sample_rate >= 4 * NYQUIST * self.every and ratio % (2 * self.every) == 0:
            self.every *= 2
        self.rate, self.hop = sample_rate / self.every, ratio // self.every
        self.shortest, self.longest = int(self.rate / HIGH_HZ), math.ceil(self.rate / LOW_HZ) + 1
        self.window = max(round(WINDOW_S * self.rate), 2 * self.hop - self.longest)
        self.size = self.window + self.longest
        self.smooth = max(1, round(SMOOTH_S * self.rate))
        self.memory = self.size + self.smooth - 1 - self.hop
        self.values = self.memory + 1 + self.longest


class HarmonicsLayer(Layer):
    """A harmonic oscillator, see harmonics.py."""

    def __init__(self, sample_rate: int, ratio: int, bands: int, count: int) -> None:
        self.sample_rate, self.ratio, self.bands, self.count = sample_rate, ratio, bands, count
        self.values = 3 + 2 * count + (2 + KNOTS + 1) * ratio


class SubframesLayer(Layer):
    """Channels to time: (B, each x channels, n) -> (B, channels, n x each)."""

    def __init__(self, each: int) -> None:
        self.each = each


class PitchedEncoderLayer(Layer):
    """What is measured, and a timbre."""

    def __init__(self, bands: int, fundamental: FundamentalLayer, timbre: ChainLayer) -> None:
        self.bands, self.fundamental, self.timbre = bands, fundamental, timbre
        self.parts = {"fundamental": fundamental, "timbre": timbre}


class HarmonicDecoderLayer(Layer):
    """The decoder of a pitched model: harmonics and noise.

    each  : filters of the noise in a frame
    tones : channels of the net's output that are amplitudes of harmonics
    """

    def __init__(
        self, net: ChainLayer, tone: HarmonicsLayer, noise: NoiseSynthLayer, each: int, tones: int
    ) -> None:
        self.net, self.tone, self.noise, self.each, self.tones = net, tone, noise, each, tones
        self.parts = {"net": net, "tone": tone, "noise": noise}
