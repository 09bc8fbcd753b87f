"""Settings of the live input, and HOP: the frames between two steps of its gate, gain and level follower."""

from __future__ import annotations

from typing import NamedTuple

from perform.core.spec import SILENCE_DB

HOP = 32  #: frames between two decisions: 0.7 ms at 48 kHz


class InputSettings(NamedTuple):
    """Settings of the live input; all may change between two blocks.

    gain_db        : at -60 or below the input is closed
    highpass_hz    : corner of the high-pass; 0 turns it off
    open_db        : the gate opens at this peak level, dBFS after the gain; -inf keeps it open
    close_db       : it closes when no peak reached this level (at most `open_db`) for `hold_s`
    attack_s, release_s : the gate's time from closed to open, and back
    rise_s, fall_s : time constants of the level follower
    threshold_db   : the compressor lowers peaks above this level, dBFS after the gain
    ratio          : how many dB above the threshold become one; 1 turns it off
    squeeze_s, recover_s : the compressor's time constants, down and up
    channels       : what both channels of the input become, one of params.CHANNELS
    howl           : whether the howl guard lowers the gain
    """

    gain_db: float = SILENCE_DB
    highpass_hz: float = 40.0
    open_db: float = -50.0
    close_db: float = -56.0
    hold_s: float = 0.05
    attack_s: float = 0.002
    release_s: float = 0.08
    rise_s: float = 0.005
    fall_s: float = 0.2
    threshold_db: float = 0.0
    ratio: float = 1.0
    squeeze_s: float = 0.005
    recover_s: float = 0.1
    channels: str = "stereo"
    howl: bool = True


def towards(now: float, aim: float, step: float) -> float:
    """`now`, moved towards `aim` by at most `step`."""
    return now + min(max(aim - now, -step), step)
