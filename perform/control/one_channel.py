"""Lets one channel of a port at a time play the generic mapping.

Two fingers on an MPE keyboard send the same controls on two channels. Both on one latent would shake it.
"""

from __future__ import annotations

from collections.abc import Callable

SILENCE_S = 1.0  #: another channel may play after the first was silent for this long


class OneChannel:
    """[control] The channel of each port that plays the generic mapping now."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._playing: dict[str, tuple[int, float]] = {}  # port -> channel, time of its last message

    def admits(self, port: str, channel: int) -> bool:
        """Return whether a message of this channel plays; the first channel plays until it is silent."""
        now = self._clock()
        playing, last = self._playing.get(port, (channel, now))
        if playing != channel and now - last < SILENCE_S:
            return False
        self._playing[port] = channel, now
        return True
