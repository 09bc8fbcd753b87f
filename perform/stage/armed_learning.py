"""Learning as the stage sees it: the address that controls are bound to, until learning ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from perform.core.messages.control_messages import LearnControl

LEARN_S = 60.0  #: learning ends if no control has moved for this long
NOTHING_LEARNT = LearnControl("")  #: the order that ends learning


class ArmedLearning:
    """The order that the control process carries out, and the words about it on the screen.

    It stays armed after a control was learnt: the next one that moves is bound, too.

    order   : what the control process learns now; NOTHING_LEARNT for nothing
    waiting : the address that waits for its first control, or ""
    learnt  : the address that has got a control, or ""
    note    : what the player must do, what the learnt control no longer moves, or why learning has ended
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._moved_at = clock, 0.0
        self.order = NOTHING_LEARNT
        self.waiting = self.learnt = self.note = ""

    def begin(self, order: LearnControl) -> None:
        """Learn another address, or none."""
        self.order, self.waiting, self.learnt, self.note = order, order.address, "", ""
        self._moved_at = self._clock()

    def end(self, why: str) -> None:
        """Learn nothing; the screen shows why."""
        self.begin(NOTHING_LEARNT)
        self.note = why

    def bound(self, address: str, lost: str) -> None:
        """A control was bound; lost: what no longer happens."""
        self._moved_at = self._clock()
        self.waiting, self.learnt, self.note = "", address, lost

    def asked(self, question: str) -> None:
        """The player must do something so that a control is recognised; "" for nothing."""
        if self.order.address:
            self._moved_at, self.note = self._clock(), question

    def undone(self, change: str) -> None:
        """A binding was taken back, so the address waits for a control again."""
        self.waiting, self.learnt, self.note = self.order.address, "", f"undone: {change}"

    @property
    def is_overdue(self) -> bool:
        """Whether it is armed, and no control has moved for LEARN_S."""
        return bool(self.order.address) and self._clock() - self._moved_at > LEARN_S
