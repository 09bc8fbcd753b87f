"""Watches what moves while a parameter is learnt, and binds the controls that it recognises."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from perform.control.learn_classifier import LearnClassifier
from perform.control.learning import ControlLearning, LearntControl
from perform.control.router import ControlRouter
from perform.core.messages.control_messages import LearnAsked, LearnControl
from perform.core.messages.message_lines import AnyReport


class LearnSession:
    """[main] From an order to learn until the next one.

    report : sends a report to the stage
    """

    def __init__(
        self, router: ControlRouter, learning: ControlLearning, report: Callable[[AnyReport], object]
    ) -> None:
        self._router, self._learning, self._report = router, learning, report
        self._classifier, self._asked = LearnClassifier(), ""

    def begin(self, order: LearnControl) -> None:
        """Learn another address, or none. WrongUse: see `ControlLearning.learn`."""
        self._learning.learn(order.address, order.range, order.options, order.song)
        self._router.moved.clear()  # ignore controls that moved before
        self._classifier = LearnClassifier()
        self._router.learning = bool(order.address)
        self._ask("")

    def bound(self, known: Sequence[str]) -> list[LearntControl]:
        """Look at what moved; return the bindings that were learnt. known: all ports seen so far."""
        while self._router.moved:
            port, data, at = self._router.moved.popleft()
            self._classifier.watch(port, data, at)
        if not self._learning.address:
            return []
        learnt: list[LearntControl] = []
        for moved in self._classifier.found(time.monotonic()):
            port, source, encoding, invert = moved
            bound = self._learning.bind(port, source, known, encoding, invert=invert)
            learnt += [bound] if bound else []
        self._ask(self._classifier.question)
        return learnt

    def _ask(self, question: str) -> None:
        if question != self._asked:
            self._asked = question
            self._report(LearnAsked(question))
