"""The delay of an insert: how long the mixer waits for the module's sound, on stage and offline."""

from __future__ import annotations

import math

from perform.core.arena_layout import INPUT_FRAMES, RING_FRAMES
from perform.core.errors import PerformError

BURSTS = 2  #: bursts of the device that pass until the module has its input, and until its sound is taken


def insert_delay(
    frame_s: float, resampling_s: float, burst: float, rate: float, render_s: float = 0.0
) -> float:
    """Seconds from the mixer's sound to the module's, a whole number of frames at `rate`.

    frame_s      : length of the module's frames
    resampling_s : delay of the resamplers to the module's rate and back
    render_s     : time that a frame may take to render; 0 if the mixer waits for it
    """
    return (math.ceil((frame_s + resampling_s + render_s) * rate) + BURSTS * burst) / rate


def check_insert_delay(delay_s: float, frame_s: float, module_s: float, rate: float, name: str) -> None:
    """PerformError: the buffers of an insert cannot hold so much sound.

    module_s : delay of the module itself
    """
    if (delay_s + frame_s) * rate >= RING_FRAMES or (delay_s + module_s) * rate >= INPUT_FRAMES // 2:
        raise PerformError(
            f"its frames of {frame_s:.2f} s and its delay of {module_s:.2f} s are too long for an insert",
            where=name,
            hint="play it on a deck, with the source `deck`",
        )
