"""Resampling between mixer and device, if their rates differ: output and live input, by soxr.

A stage keeps its rate to its end, because models, takes and positions count in its frames. A device that
comes back at another rate must not silence it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import soxr

from perform.audio.guard import MAX_BLOCK, Limiter, cap
from perform.core import params
from perform.core.params import SLOTS, Table
from perform.core.ring_buffers import Audio

SPARE = 16  #: frames of input kept ready, because blocks at the mixer's rate vary by a few frames

_CEILING = SLOTS["master/ceiling"]


def _resampler(rate: float, to: float, channels: int = 2) -> soxr.ResampleStream:
    # the engine for variable ratios has a constant delay; the other one works in its own blocks
    return soxr.ResampleStream(rate, to, channels, dtype="float32", quality="HQ", vr=True)


def _delay(rate: float, to: float) -> float:
    """Seconds of sound that a resampler holds back."""
    second = round(rate)
    return 1.0 - len(_resampler(rate, to).resample_chunk(np.zeros((second, 2), np.float32))) / to


class DeviceResampler:
    """[audio] Fills blocks of a device from the blocks of a mixer at another rate.

    mix    : fills a block (m, channels) at `rate`, given the live input (m, 2) of the same frames, or None,
             and the seconds of latency between them
    channels : 2, or 4 with the cue
    rate   : of the mixer;  device_rate : of the device
    table  : the parameters; resampling may raise peaks, so the sound is limited once more
    """

    def __init__(
        self,
        mix: Callable[[Audio, Audio | None, float], None],
        table: Table,
        rate: float,
        device_rate: float,
        channels: int = 2,
    ) -> None:
        self._mix, self._table, self._ratio = mix, table, rate / device_rate
        self._channels = channels
        self._to_device = _resampler(rate, device_rate, channels)
        self._to_mixer = _resampler(device_rate, rate)
        self._limiters = [Limiter(device_rate) for _ in range(channels // 2)]
        out_s, in_s = _delay(rate, device_rate), _delay(device_rate, rate)
        ahead = math.ceil((out_s + in_s) * rate) + SPARE
        limiter_s = self._limiters[0].delay / device_rate
        self.delay_s = out_s + limiter_s  #: seconds from the mixer's block to the device's
        self._input_s = ahead / rate + limiter_s  # from the device's input to its output
        self._input = np.zeros((ahead, 2), np.float32)  # input at the mixer's rate that it has not taken
        self._output = np.zeros((0, channels), np.float32)  # of the device, not taken yet

    def fill(self, out: Audio, came: Audio | None, buffered: float) -> None:
        """[audio] Fill a block (n, channels) of the device.

        came     : (n, 1 or 2) live input of the same frames
        buffered : seconds of latency that the device adds between them
        """
        if came is not None:
            stereo = np.ascontiguousarray(np.broadcast_to(came, (len(out), 2)))
            self._input = np.concatenate([self._input, self._to_mixer.resample_chunk(stereo)])
        while len(self._output) < len(out):
            missing = len(out) - len(self._output)
            block = np.zeros((math.ceil(missing * self._ratio) + 1, self._channels), np.float32)
            self._mix(block, None if came is None else self._take_input(len(block)), buffered + self._input_s)
            self._output = np.concatenate([self._output, self._limit(self._to_device.resample_chunk(block))])
        out[:] = self._output[: len(out)]
        self._output = self._output[len(out) :]

    def _take_input(self, n: int) -> Audio:
        block = np.zeros((n, 2), np.float32)
        part, self._input = self._input[:n], self._input[n:]
        block[: len(part)] = part
        return block

    def _limit(self, x: Audio) -> Audio:
        ceiling, y = params.gain(self._table[_CEILING]), np.zeros_like(x)
        for first, limiter in zip(range(0, self._channels, 2), self._limiters, strict=True):
            for at in range(0, len(x), MAX_BLOCK):
                part = x[at : at + MAX_BLOCK, first : first + 2].astype(np.float64)
                y[at : at + MAX_BLOCK, first : first + 2] = cap(limiter(part, ceiling), ceiling)
        return y
