"""What the instrument hears: a device's input made fit to play with, and how loud and how high it is.

High-pass, gain, howl guard, gate: `InputChain` is the path, the parts stand below it. Everything decides on
a grid
of HOP frames that runs through the stream, so the same samples come out however the stream is cut into blocks
(to rounding); a gain moves along straight lines between the grid's points. Nothing is delayed. As long as the
gain lets nothing in, only the high-pass goes on: what listens behind it begins anew when something is let in.
[audio] throughout. It knows blocks and numbers: no device, no table.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from perform.audio.guard import MAX_BLOCK, Signal
from perform.audio.howl import HowlGuard
from perform.audio.pitch import Pitch
from perform.core import params
from perform.core.ring_buffers import Audio

HOP = 32  #: frames between two decisions: 0.7 ms at 48 kHz
RAMP_S = 0.010  #: full scale to silence, for the gain
FLOOR_DB = -120.0  #: what silence reads
OVERLOAD = 4.0  #: an input is clipped here (+12 dBFS)


class InputLevels(NamedTuple):
    """How an input is to be heard; any of it may change between two blocks.

    gain_db        : at or below -60 nothing is let in
    highpass_hz    : corner of the high-pass; 0 is none
    open_db        : the gate opens at this peak level, dBFS after the gain; -inf: it is always open
    close_db       : ... and closes when no peak reached this one, at most `open_db`, for `hold_s`
    attack_s, release_s : full scale to silence and back, of the gate
    rise_s, fall_s : time constants of the level follower
    howl           : whether a howl is caught
    """

    gain_db: float = params.SILENCE_DB
    highpass_hz: float = 40.0
    open_db: float = -50.0
    close_db: float = -56.0
    hold_s: float = 0.05
    attack_s: float = 0.002
    release_s: float = 0.08
    rise_s: float = 0.005
    fall_s: float = 0.2
    howl: bool = True


class InputChain:
    """[audio] One input of one or two channels.

    hearing  : how it is heard from the next block on
    level_db : of the level follower, RMS after the gain and before the gate, dBFS
    peak     : the highest sample of the last block there, as a factor
    gate     : whose `open` says whether there is anything to hear
    pitch, howl : the followers of the input before the gain
    """

    def __init__(self, rate: float, channels: int = 1, hearing: InputLevels | None = None) -> None:
        self._rate, self._channels, self.hearing = rate, channels, hearing or InputLevels()
        self._highpass = HighPass(rate, channels)
        self._hops = Hops(channels)
        self._gain = [0.0, 0.0]  # at the beginning and at the end of the present hop
        self._deaf = True  # nothing is let in
        self.gate, self._level = InputGate(rate), LevelFollower(rate)
        self.pitch, self.howl = Pitch(rate), HowlGuard(rate)
        self._mono = np.zeros(MAX_BLOCK)
        self._frames = np.arange(MAX_BLOCK + 3 * HOP, dtype=np.float64)
        self.peak = 0.0

    @property
    def level_db(self) -> float:
        """Of the level follower, dBFS."""
        return self._level.db

    def __call__(self, x: Audio | Signal) -> Signal:
        """(n, channels) as the device gives it -> (n, channels) as the encoders get it."""
        if len(x) <= MAX_BLOCK:
            return self._hear(x)
        return np.concatenate([self._hear(x[at : at + MAX_BLOCK]) for at in range(0, len(x), MAX_BLOCK)])

    def _hear(self, x: Audio | Signal) -> Signal:
        y = np.clip(np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0), -OVERLOAD, OVERLOAD)
        y = self._highpass(y.astype(np.float64), self.hearing.highpass_hz)
        if self._shut():
            if not self._deaf:
                self._forget()
            self._hops.skip(len(y))
            return np.zeros_like(y)
        self._deaf = False
        mono = np.mean(y, axis=1, out=self._mono[: len(y)])
        self.pitch(mono)
        self.howl(mono, params.gain(self.hearing.gain_db))
        gain = self._gains(y)
        if gain is None:
            return np.zeros_like(y)
        return y * gain[:, None]

    def _shut(self) -> bool:
        """Nothing is let in, and gain and gate stand where silence leaves them."""
        always = self.hearing.open_db == -math.inf
        gate_rests = self.gate.open == always and self.gate.gain == [float(always)] * 2
        return gate_rests and not params.gain(self.hearing.gain_db) and not any(self._gain)

    def _forget(self) -> None:
        """What listens has no past when something is let in again."""
        self._deaf, self.peak, self._level = True, 0.0, LevelFollower(self._rate)
        self.pitch.forget()
        self.howl.forget()

    def _gains(self, y: Signal) -> Signal | None:
        """What to multiply a block with, (n,): the gain, the howl's and the gate's; None: silence."""
        hearing, at = self.hearing, self._hops.at
        aim = params.gain(hearing.gain_db) * (self.howl.gain if hearing.howl else 1.0)
        knots = [a * b for a, b in zip(self._gain, self.gate.gain, strict=True)]
        self.peak = 0.0
        for peak, power in zip(*self._hops(y), strict=True):
            gain = max(self._gain)
            self.peak = max(self.peak, peak * gain)
            self._level.follow(power * gain * gain, hearing)
            self.gate.follow(peak * gain, hearing)
            step = HOP / (RAMP_S * self._rate) * max(1.0, gain, aim)
            self._gain = [self._gain[1], _towards(self._gain[1], aim, step)]
            knots.append(self._gain[1] * self.gate.gain[1])
        if not any(knots):
            return None
        places = self._frames[: len(knots) * HOP : HOP]
        return np.interp(self._frames[at : at + len(y)], places, knots)


class HighPass:
    """Second-order high-pass, Butterworth (R. Bristow-Johnson, Audio EQ Cookbook, Q = 1 / sqrt 2).

    Direct form I. What comes back, y[n] = v[n] - a1 y[n-1] - a2 y[n-2], has two complex poles, p and its
    conjugate q: w[n] = y[n] - q y[n-1] obeys w[n] = p w[n-1] + v[n], which is solved for a whole block as
    w[n] = p^n (p w[-1] + sum_k p^-k v[k]), and y[n] = Re w[n] + Im w[n] Re p / Im p. As the past is kept
    as plain samples, the corner may move between two blocks; the way past the filter is a cross-fade.
    """

    def __init__(self, rate: float, channels: int) -> None:
        self._rate, self._corner = rate, 0.0
        self._dry = 1.0  # 1 past the filter .. 0 through it
        self._steps: Signal = np.arange(1, MAX_BLOCK + 1)[:, None] / (RAMP_S * rate)
        self._x, self._y = np.zeros((2, channels)), np.zeros((2, channels))  # the two samples before
        self._padded = np.zeros((MAX_BLOCK + 2, channels))
        self._powers = np.zeros((MAX_BLOCK, 1), np.complex128)
        self._w = np.zeros((MAX_BLOCK, channels), np.complex128)

    def _tune(self, corner_hz: float) -> None:
        self._corner = corner_hz
        angle = 2 * math.pi * min(corner_hz, 0.02 * self._rate) / self._rate  # p^-n stays in range
        alpha, cosine = math.sin(angle) / math.sqrt(2), math.cos(angle)
        self._b = (1 + cosine) / 2 / (1 + alpha)
        real, square = cosine / (1 + alpha), (1 - alpha) / (1 + alpha)
        self._pole = complex(real, math.sqrt(square - real * real))
        self._powers[:, 0] = np.power(self._pole, np.arange(MAX_BLOCK))

    def __call__(self, x: Signal, corner_hz: float) -> Signal:
        """(n, channels) -> (n, channels); a corner of 0 lets everything through, of 1 kHz at most."""
        n = len(x)
        padded = self._padded[: n + 2]
        padded[:2], padded[2:] = self._x, x
        filtered = x
        if corner_hz > 0 and corner_hz != self._corner:
            self._tune(corner_hz)
        if corner_hz > 0 or self._dry < 1.0:
            filtered = self._filter(np.diff(padded, 2, axis=0))
        y = filtered
        aim = float(corner_hz <= 0)
        if self._dry != aim:
            way = self._steps[:n]
            dry = self._dry + np.clip(aim - self._dry, -way, way)  # (n, 1)
            self._dry = float(dry[-1, 0])
            y = filtered + dry * (x - filtered)
        self._x[:] = padded[n:]
        self._y[:] = filtered[-2:] if n > 1 else np.stack([self._y[1], filtered[0]])
        return y

    def _filter(self, difference: Signal) -> Signal:
        p, powers, w = self._pole, self._powers[: len(difference)], self._w[: len(difference)]
        np.divide(difference, powers, out=w)
        w *= self._b
        w[0] += p * (self._y[1] - p.conjugate() * self._y[0])
        np.cumsum(w, axis=0, out=w)
        w *= powers
        y: Signal = w.real + w.imag * (p.real / p.imag)
        return y


class Hops:
    """A stream cut into stretches of HOP frames, wherever its blocks end.

    at : frames of the present hop that have been
    """

    def __init__(self, channels: int) -> None:
        self.at, self._channels = 0, channels
        self._peak = self._power = 0.0  # of the present hop, so far

    def skip(self, frames: int) -> None:
        """So many frames of silence, of which nobody wants to know."""
        self.at, self._peak, self._power = (self.at + frames) % HOP, 0.0, 0.0

    def __call__(self, x: Signal) -> tuple[list[float], list[float]]:
        """(n, channels) -> highest peak and mean square of each hop that is over."""
        starts = np.arange(-self.at, len(x), HOP)
        starts[0] = 0
        peaks = np.maximum.reduceat(np.abs(x).max(axis=1), starts).tolist()
        powers = np.add.reduceat(np.square(x).sum(axis=1), starts).tolist()
        peaks[0], powers[0] = max(peaks[0], self._peak), powers[0] + self._power
        self.at = (self.at + len(x)) % HOP
        self._peak, self._power = (peaks.pop(), powers.pop()) if self.at else (0.0, 0.0)
        return peaks, [power / (HOP * self._channels) for power in powers]


class InputGate:
    """Shut where nobody plays; two thresholds and a hold, so that it does not flutter.

    open : there is something to hear;  gain : at the beginning and at the end of the present hop, 0..1
    """

    def __init__(self, rate: float) -> None:
        self._hop_s = HOP / rate
        self.open, self.gain = False, [0.0, 0.0]
        self._quiet_s = 0.0  # since the last peak that kept it open

    def follow(self, peak: float, hearing: InputLevels) -> None:
        """A hop's highest peak, as a factor."""
        db = 20 * math.log10(peak) if peak > 0 else -math.inf
        kept = db >= (min(hearing.close_db, hearing.open_db) if self.open else hearing.open_db)
        self._quiet_s = 0.0 if kept else self._quiet_s + self._hop_s
        self.open = kept or (self.open and self._quiet_s < hearing.hold_s)
        ramp_s = hearing.attack_s if self.open else hearing.release_s
        step = self._hop_s / max(ramp_s, self._hop_s)
        self.gain = [self.gain[1], _towards(self.gain[1], float(self.open), step)]


class LevelFollower:
    """How loud it is: the mean square, quick to rise and slow to fall, so a low tone reads up to 1 dB more.

    db : RMS, dBFS (a full-scale square is 0), FLOOR_DB at least
    """

    def __init__(self, rate: float) -> None:
        self._hop_s, self._power = HOP / rate, 0.0

    def follow(self, power: float, hearing: InputLevels) -> None:
        """A hop's mean square."""
        constant = hearing.rise_s if power > self._power else hearing.fall_s
        self._power += (power - self._power) * -math.expm1(-self._hop_s / max(constant, self._hop_s))

    @property
    def db(self) -> float:
        """RMS, dBFS."""
        return 10 * math.log10(max(self._power, 10 ** (FLOOR_DB / 10)))


def _towards(now: float, aim: float, step: float) -> float:
    return now + min(max(aim - now, -step), step)


__all__ = ["FLOOR_DB", "HOP", "HighPass", "Hops", "InputChain", "InputGate", "InputLevels", "LevelFollower"]
