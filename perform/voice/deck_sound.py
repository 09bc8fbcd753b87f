"""A deck's sound for an effect module or an encoder, read from the ring buffer of the lane that plays."""

from __future__ import annotations

import math

import numpy as np

from perform.core.ring_buffers import Audio, RingBuffer
from perform.engine.protocol import Vector
from perform.library.cards import Card
from perform.voice.feedback import Feedback
from perform.voice.input_follower import InputFollower
from perform.voice.lane_context import HeardDeck, LaneContext

LOUDEST = 4.0  #: the mixer clips a deck at +12 dBFS, and so does a deck that takes its sound


class LaneSound:
    """[render] A lane's ring buffer as sound that is being written; see `FollowedSound`."""

    def __init__(self, ring: RingBuffer) -> None:
        self.ring = ring

    @property
    def written(self) -> int:
        """Frames ever written."""
        return self.ring.written

    def read(self, position: int, limit: int) -> tuple[Audio, int]:
        """See `FollowedSound`."""
        return self.ring.copy(position, limit)


class LaneFollower(InputFollower):
    """[render] Cuts a lane's sound into frames of a model, without gaps while it can.

    headroom : frames of the lane that it stays behind when it begins, so that it seldom begins again
    """

    def __init__(self, card: Card, ring: RingBuffer, rate: float, headroom: int) -> None:
        self._headroom, self._capacity = headroom, ring.capacity
        super().__init__(card, LaneSound(ring), rate)
        self.start()

    def start(self) -> None:
        """Begin again, as near to the newest sound as the headroom allows."""
        self.reset()
        self._position = self._history.written - self._missing - self._headroom
        self._first, self._taken = self._position, 0

    @property
    def begin(self) -> float:
        """Where the next frame begins in the lane's sound, which a resampler reads ahead."""
        return self._first + self._taken * self._ratio * self._rate / self._model_rate

    def read_frame(self) -> bool:
        """Read the next frame; False if it is not complete, or no longer in the buffer."""
        behind = self._history.written - self._position
        return self._position >= 0 and behind < self._capacity // 2 and self.complete()

    def next_frame(self) -> Vector:
        """See `InputFollower`."""
        self._taken += 1
        return super().next_frame()


class DeckSound:
    """[render] The sound that a deck with the source "deck" gets.

    feedback : for sound that comes back to its own deck
    joins    : whether the last frame did not continue the one before
    behind   : frames from the live input to this deck's next frame; 0 if the other deck does not play the
        input, and in a loop
    """

    def __init__(self, card: Card) -> None:
        """card: channels, ratio and rate of the frames."""
        self._card = card
        self.feedback = Feedback(card.sample_rate)
        self.reset()

    def reset(self) -> None:
        """Forget the deck."""
        self.feedback.reset()
        self._lane: int | None = None
        self._follower: LaneFollower | None = None
        self._lag, self._lag_known = 0.0, False  # frames from the other deck's sound to this one's
        self.joins, self.behind = False, 0.0

    def next(self, context: LaneContext, heard: HeardDeck, late: float = 0.0) -> Vector | None:
        """Return the next frame, (channels, ratio), of a deck's sound; None if it plays nothing.

        late : frames of the stage since it was due, of a tuned voice
        """
        lane, card = context.playing_lane(heard.deck), context.assignments.card(heard.deck)
        if lane is None or card is None:
            self.reset()
            return None
        ring, gain = context.lane_sound(lane)
        self.joins = False
        if lane != self._lane or self._follower is None:
            headroom = math.ceil(card.ratio / card.sample_rate * context.rate)
            self._lane, self.joins = lane, True
            self._follower = LaneFollower(self._card, ring, context.rate, headroom)
        if not self._follower.read_frame():
            self._follower.start()
            self.joins = True
            if not self._follower.read_frame():
                return None
        begin = self._follower.begin
        x: Vector = np.clip(self._follower.next_frame() * np.float32(gain), -LOUDEST, LOUDEST)
        if heard.feedback is not None:
            self.behind = 0.0  # no input reaches a loop: each of its decks has the source "deck"
            return self.feedback(x, heard.feedback)
        self.feedback.reset()
        self._measure(context, lane, begin + late)
        return x

    def _measure(self, context: LaneContext, lane: int, begin: float) -> None:
        """Update `behind`. It keeps still while the lag only jitters: the dry input would fade each time."""
        if self.joins:
            self._lag_known = False
        lag = context.lag(lane, begin)
        if lag is not None and not (self._lag_known and abs(lag - self._lag) <= context.tolerance):
            self._lag, self._lag_known = lag, True
        behind = context.behind(lane)
        self.behind = behind + self._lag if behind else 0.0
