"""The live input in the mixer: processed for the encoders, and dry in the mix (monitor, `input/wet`).

[audio] throughout. A take's input track holds the unprocessed input.
"""

from __future__ import annotations

import math

import numpy as np

from perform.audio.guard import MAX_BLOCK
from perform.audio.input_chain import InputChain
from perform.audio.input_level import FLOOR_DB
from perform.audio.input_settings import InputSettings
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import METER_SLOTS
from perform.core.params import SLOTS, Table
from perform.core.ring_buffers import Audio
from perform.core.spec import SILENCE_DB

RAMP_S = 0.010  #: full scale to silence, for the dry input
HYSTERESIS_DB = 6.0  #: the gate closes this far below the level at which it opens
FALL_DB_S = 20.0  #: fall of the peak meter, dB per second

_OPEN, _GAIN, _HIGHPASS, _GATE_LEVEL, _MONITOR, _WET, _THRESHOLD, _RATIO, _CHANNELS = (
    SLOTS[f"input/{name}"]
    for name in ("open", "gain", "highpass", "gate", "monitor", "wet", "threshold", "ratio", "channels")
)
_LEVEL, _PEAK, _PITCH, _GATE, _HOWLS = (
    METER_SLOTS[f"input/{name}"] for name in ("level", "peak", "pitch", "gate", "howls")
)


class LiveInput:
    """[audio] The live input, closed until `input/open` opens it. Opening it resets the howl guard.

    rate : frames per second
    """

    def __init__(self, arena: Arena, rate: float) -> None:
        self._history, self._meters, self._rate = arena.input, arena.meters, rate
        self._history.restart(arena.history.written)
        self._chain = InputChain(rate, 2)
        self._open = self._rests = False  # it rests after silence, while it is closed
        self._silence = np.zeros((MAX_BLOCK, 2), np.float32)
        self._gain, self._delay = 0.0, 0  # of the last block of `dry`
        for slot in (_LEVEL, _PEAK):
            self._meters[slot] = FLOOR_DB

    def __call__(self, came: Audio | None, n: int, table: Table) -> Audio:
        """[audio] Process a block of n frames from the device into the input's history buffer and meters.

        came : (n, 2), or None: there is no input
        Returns the processed block.
        """
        chain, opened = self._chain, bool(table[_OPEN])
        if came is None and not opened and self._rests:
            processed = self._silence[:n]
            chain.skip(n)
            self._history.write(processed)
            return processed
        came = self._silence[:n] if came is None else came
        if opened and not self._open:
            chain.howl.reset()
        self._open = opened
        chain.settings = _settings(table)
        processed = chain(came).astype(np.float32)
        self._history.write(processed)
        peak = 20.0 * math.log10(max(float(np.abs(came).max()) * params.gain(table[_GAIN]), 1e-6))
        fallen = self._meters[_PEAK] - FALL_DB_S * len(came) / self._rate
        self._meters[_PEAK] = max(peak, fallen, FLOOR_DB) if math.isfinite(peak) else FLOOR_DB
        self._meters[_LEVEL] = chain.level_db if opened else FLOOR_DB
        self._meters[_PITCH] = chain.pitch.hz if opened else 0.0
        self._meters[_GATE] = opened and chain.gate.open
        self._meters[_HOWLS] = chain.howl.count
        self._rests = chain.rests and self._meters[_PEAK] == FLOOR_DB
        return processed

    def dry(self, n: int, table: Table, delay: int) -> Audio | None:
        """[audio] The processed input, `delay` frames old, with the gains of monitor and dry side: (n, 2).

        None: both gains are 0.

        When `delay` changes, the sound fades out first.
        """
        aim = params.gain(table[_MONITOR]) + dry_wet(table)[0]
        if delay != self._delay and not self._gain:
            self._delay = delay
        if delay != self._delay:
            aim = 0.0
        if not self._gain and not aim:
            return None
        audio, _ = self._history.read(self._history.written - n - self._delay, n)
        step = max(1.0, self._gain, aim) / (RAMP_S * self._rate)
        ramp = np.arange(1, n + 1) * step
        gain = self._gain + np.clip(aim - self._gain, -ramp, ramp)
        self._gain = float(gain[-1])
        out: Audio = audio * gain[:, None].astype(np.float32)
        return out


def dry_wet(table: Table) -> tuple[float, float]:
    """Gains of the dry input and of the decks that encode it; equal power, (0, 1) at `input/wet` 1."""
    angle = float(table[_WET]) * math.pi / 2
    return (math.cos(angle), math.sin(angle)) if angle < math.pi / 2 else (0.0, 1.0)


def _settings(table: Table) -> InputSettings:
    gate_db = float(table[_GATE_LEVEL])
    return InputSettings(
        gain_db=float(table[_GAIN]) if table[_OPEN] else SILENCE_DB,
        highpass_hz=float(table[_HIGHPASS]),
        open_db=gate_db if gate_db > params.GATE_FLOOR_DB else -math.inf,
        close_db=gate_db - HYSTERESIS_DB if gate_db > params.GATE_FLOOR_DB else -math.inf,
        threshold_db=float(table[_THRESHOLD]),
        ratio=float(table[_RATIO]),
        channels=params.CHANNELS[int(table[_CHANNELS])],
    )
