"""Base of the app: the parameter table, the connection to the stage, the current frame, notices, dialogs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from textual.app import App
from textual.screen import Screen

from perform.core.messages.control_messages import BindingOptions
from perform.stage.commands import Answer, Learn
from perform.tui.frame_reader import FrameReader
from perform.tui.screen_frame import ScreenFrame
from perform.tui.screen_state import ScreenState
from perform.tui.screens.dialog import Dialog, T
from perform.tui.stage_line import StageLine, StageLink

TWICE = 2.0  #: seconds within which a second press confirms
_NOTICE = 5.0  #: seconds a notice is shown
_PREFIX = 5.0  #: seconds a prefix key waits for the next key


class BaseApp(App[str]):
    """What every group of keys uses. Each subclass adds the actions of one group (keys.py)."""

    def __init__(self, client: StageLink, clock: Callable[[], float] = time.monotonic) -> None:
        self.view = ScreenState()
        super().__init__()
        self.table = client.arena.table
        self.stage_line = StageLine(client)
        self._clock = clock
        self._reader = FrameReader(client.arena, self.view)
        self.frame = self.read_frame()
        self._pressed: dict[str, float] = {}

    def read_frame(self) -> ScreenFrame:
        """[ui] Read the table and the meters now."""
        self.frame = self._reader.read(self.stage_line.status, self._clock())
        return self.frame

    def show_notice(self, text: str, seconds: float = _NOTICE) -> None:
        """Show one line at the bottom of the screen."""
        self.view.notice, self.view.notice_until = text, self._clock() + seconds

    def notice_answer(self, text: str) -> Callable[[Answer], None]:
        """A callback that shows an answer behind this text."""

        def show(answer: Answer) -> None:
            head = f"{text.rstrip(':')}; {answer.note}:" if answer.note else text
            self.show_notice(f"{head} {answer.value}".rstrip(" :"))

        return show

    def is_second_press(self, what: str) -> bool:
        """Whether this is the second press within TWICE."""
        now = self._clock()
        before = self._pressed.get(what)
        if before is not None and now - before <= TWICE:
            del self._pressed[what]
            return True
        self._pressed[what] = now
        return False

    def set_prefix(self, what: str) -> None:
        """Choose for five seconds what F2 to F9 do with their scene; "" for recall."""
        self.view.prefix, self.view.prefix_until = what, self._clock() + _PREFIX

    def learn(
        self,
        address: str,
        options: BindingOptions = BindingOptions(),  # noqa: B008 frozen
        *,
        song: bool = False,
    ) -> None:
        """Map the next control that moves to this address; song: in the mapping of the song."""
        self.view.learning, self.view.learn_confirmed = address, False
        self.view.learn_options = options

        def confirmed(_: Answer) -> None:
            self.view.learn_confirmed = True

        def refused() -> None:
            if self.view.learning == address:  # the stage has ended learning, too
                self.view.learning = ""

        self.stage_line.ask(Learn(address, options=options, song=song), confirmed, refused)

    def learn_instead(self, address: str, value: float | None = None) -> bool:
        """While learning, learn this address instead of acting on it, and return True.

        value : a press of the control sets it
        """
        if self.view.learning:
            self.learn(address, BindingOptions(value=value))
            return True
        return False

    def learn_too(self, address: str) -> None:
        """While learning, learn this address; the key acts as well: a recording that was missed is lost."""
        if self.view.learning:
            self.learn(address)

    def open_dialog(self, dialog: Dialog[T], on_answer: Callable[[T], object]) -> None:
        """Open a dialog; call `on_answer` with its result unless the player cancels."""

        def done(answer: T | None) -> None:
            if answer is not None:
                on_answer(answer)

        self.push_screen(cast("Screen[T]", dialog), done)
