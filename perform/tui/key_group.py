"""What the keys of every subject work with: the table, the line to the stage, the frame, a notice."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from textual.app import App
from textual.screen import Screen

from perform.stage.commands import Answer, Learn
from perform.tui.screen_frame import FrameCamera, ScreenFrame, ScreenView
from perform.tui.screens.dialog import Dialog, T
from perform.tui.stage_line import StageLine, StageLink

TWICE = 2.0  #: seconds within which a second press confirms
_NOTICE = 5.0  #: seconds a notice stands
_PREFIX = 5.0  #: seconds a prefix key waits for the key that follows it


class KeyGroup(App[str]):
    """The base of the app; what a subject adds is a module of its own, and all of them are one app."""

    def __init__(self, client: StageLink, clock: Callable[[], float] = time.monotonic) -> None:
        self.view = ScreenView()
        super().__init__()
        self.table = client.arena.table
        self.line = StageLine(client)
        self._clock = clock
        self._camera = FrameCamera(client.arena.table, client.arena.meters, self.view)
        self.frame = self.look()
        self._pressed: dict[str, float] = {}

    def look(self) -> ScreenFrame:
        """[ui] The table and meters as they are now."""
        self.frame = self._camera.take(self.line.status, self._clock())
        return self.frame

    def notice(self, text: str) -> None:
        """Say something in one line, for a while."""
        self.view.notice, self.view.notice_until = text, self._clock() + _NOTICE

    def said(self, words: str) -> Callable[[Answer], None]:
        """What to do with an answer: say it behind these words."""
        return lambda answer: self.notice(f"{words} {answer.value}".rstrip(" :"))

    def twice(self, what: str) -> bool:
        """Whether this is the second press within TWICE."""
        now = self._clock()
        before = self._pressed.get(what)
        if before is not None and now - before <= TWICE:
            del self._pressed[what]
            return True
        self._pressed[what] = now
        return False

    def prefix(self, what: str) -> None:
        """The next function key means something else, for a while; "" ends that."""
        self.view.prefix, self.view.prefix_until = what, self._clock() + _PREFIX

    def learn(self, address: str) -> None:
        """The next control that moves is mapped to this."""
        self.view.learning, self.view.learn_asked = address, False

        def asked(_: Answer) -> None:
            self.view.learn_asked = True

        self.line.ask(Learn(address), asked)

    def instead(self, address: str) -> bool:
        """While learning, a key that would change a number or do something chooses it instead."""
        if self.view.learning:
            self.learn(address)
            return True
        return False

    def question(self, dialog: Dialog[T], answered: Callable[[T], object]) -> None:
        """Open a dialog; nothing happens where the player goes back."""

        def done(answer: T | None) -> None:
            if answer is not None:
                answered(answer)

        self.push_screen(cast("Screen[T]", dialog), done)
