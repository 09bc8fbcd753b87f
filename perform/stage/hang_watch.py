"""Ends the host process of a playing deck when it hangs, or when its output is not finite."""

from __future__ import annotations

import time

from perform.stage.deck_lane import DeckLane

HUNG_S = 1.0  #: a host hangs when it renders nothing for this long while its ring buffer is empty
RESETS = 3  #: decoder resets (output not finite) before the host is replaced


class HangWatch:
    """Watches the lane that plays."""

    def __init__(self) -> None:
        self._frames, self._grew_at = 0.0, 0.0  # frames rendered, and when they last grew

    def start(self) -> None:
        """A new voice plays."""
        self._frames, self._grew_at = -1.0, time.monotonic()

    def check(self, lane: DeckLane) -> None:
        """End the host of a lane that hangs, or whose output is not finite, and note the fault, once.

        The deck handles the host's death at a later tick.
        """
        now = time.monotonic()
        if lane.frames != self._frames or not lane.dry:
            self._frames, self._grew_at = lane.frames, now
        hung = now - self._grew_at > HUNG_S
        if lane.host and not lane.host.fault and (hung or lane.resets > RESETS):
            lane.host.fault = "its host hung" if hung else "its output was not finite"
            lane.host.child.kill()
