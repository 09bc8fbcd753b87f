"""The live input's signal path: choice of channels, high-pass, input gain, howl guard, compressor, gate.

Followers measure its level and pitch.

Gate, compressor, gain and level follower decide once per hop of HOP frames, counted through the whole
stream; gains are straight lines between two hops. So the output does not depend on the sizes of the blocks,
except for rounding. The chain adds no delay. While the gain is 0 only the high-pass runs.
[audio] throughout.
"""

from __future__ import annotations

import math

import numpy as np

from perform.audio.channel_choice import ChannelChoice
from perform.audio.compressor import Compressor
from perform.audio.guard import MAX_BLOCK, Signal
from perform.audio.high_pass import HighPass
from perform.audio.input_gate import InputGate
from perform.audio.input_level import HopLevels, LevelFollower
from perform.audio.input_settings import HOP, InputSettings, towards
from perform.audio.pitch import Pitch
from perform.core import params
from perform.core.howl import HowlGuard
from perform.core.ring_buffers import Audio

RAMP_S = 0.010  #: full scale to silence, for the gain
OVERLOAD = 4.0  #: the input is clipped here (+12 dBFS)


class InputChain:
    """[audio] One input of one or two channels.

    settings : used from the next block on
    peak     : of the last block, after the gain and before the gate, as a factor
    gate     : its `open` says whether the input is above the threshold
    pitch, howl : follow the input before the gain
    """

    def __init__(self, rate: float, channels: int = 1, settings: InputSettings | None = None) -> None:
        self._rate, self._channels, self.settings = rate, channels, settings or InputSettings()
        self._choice, self._highpass = ChannelChoice(rate), HighPass(rate, channels)
        self._hops = HopLevels(channels)
        self._gain = [0.0, 0.0]  # at the start and at the end of the current hop
        self._closed = True
        self.gate, self._compressor, self._level = InputGate(rate), Compressor(rate), LevelFollower(rate)
        self.pitch, self.howl = Pitch(rate), HowlGuard(rate)
        self._mono = np.zeros(MAX_BLOCK)
        self._frames = np.arange(MAX_BLOCK + 3 * HOP, dtype=np.float64)
        self.peak = 0.0

    @property
    def level_db(self) -> float:
        """RMS after the gain and before the gate, dBFS."""
        return self._level.db

    def __call__(self, x: Audio | Signal) -> Signal:
        """[audio] (n, channels) from the device -> (n, channels) for the encoders."""
        if len(x) <= MAX_BLOCK:
            return self._process(x)
        return np.concatenate([self._process(x[at : at + MAX_BLOCK]) for at in range(0, len(x), MAX_BLOCK)])

    def _process(self, x: Audio | Signal) -> Signal:
        y = np.clip(np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0), -OVERLOAD, OVERLOAD)
        y = y.astype(np.float64)
        if self._channels == 2:
            y = self._choice(y, self.settings.channels)
        y = self._highpass(y, self.settings.highpass_hz)
        if self._is_closed():
            if not self._closed:
                self._reset_followers()
            self._hops.skip(len(y))
            return np.zeros_like(y)
        self._closed = False
        mono = np.mean(y, axis=1, out=self._mono[: len(y)])
        self.pitch(mono)
        self.howl(mono, params.gain(self.settings.gain_db))
        gain = self._gains(y)
        if gain is None:
            return np.zeros_like(y)
        return y * gain[:, None]

    @property
    def rests(self) -> bool:
        """Whether it is closed and remembers only silence, so that `skip` is as good as a silent block."""
        return self._closed and self._is_closed() and self._highpass.is_silent

    def skip(self, n: int) -> None:
        """[audio] Take n frames of silence while it rests."""
        self._hops.skip(n)

    def _is_closed(self) -> bool:
        """Whether the input gain is 0, and gain and gate have finished their ramps."""
        always = self.settings.open_db == -math.inf
        gate_rests = self.gate.open == always and self.gate.gain == [float(always)] * 2
        return gate_rests and not params.gain(self.settings.gain_db) and not any(self._gain)

    def _reset_followers(self) -> None:
        """Reset all followers, so that they start anew when the input opens again."""
        self._closed, self.peak, self._level = True, 0.0, LevelFollower(self._rate)
        self._compressor = Compressor(self._rate)
        self.pitch.reset()
        self.howl.reset_analysis()

    def _gains(self, y: Signal) -> Signal | None:
        """Product of input gain, howl guard and gate for each frame, (n,); None: silence."""
        settings, at = self.settings, self._hops.at
        aim = params.gain(settings.gain_db) * (self.howl.gain if settings.howl else 1.0)
        parts = (self._gain, self.gate.gain, self._compressor.gain)
        knots = [a * b * c for a, b, c in zip(*parts, strict=True)]
        self.peak = 0.0
        for peak, power in zip(*self._hops(y), strict=True):
            gain = max(self._gain)
            self.peak = max(self.peak, peak * gain)
            self._level.follow(power * gain * gain, settings)
            self.gate.follow(peak * gain, settings)
            self._compressor.follow(peak * gain, settings)
            step = HOP / (RAMP_S * self._rate) * max(1.0, gain, aim)
            self._gain = [self._gain[1], towards(self._gain[1], aim, step)]
            knots.append(self._gain[1] * self.gate.gain[1] * self._compressor.gain[1])
        if not any(knots):
            return None
        knot_frames = self._frames[: len(knots) * HOP : HOP]
        return np.interp(self._frames[at : at + len(y)], knot_frames, knots)
