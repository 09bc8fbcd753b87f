"""Runs the screen on the terminal until the player leaves."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from perform.core.errors import PerformError
from perform.tui.app import Instrument
from perform.tui.stage_line import StageLink


def run(
    client: StageLink,
    log: Path | None = None,
    theme: str | None = None,
    on_theme: Callable[[str], None] | None = None,
    own_keys: Mapping[str, str] | None = None,
    welcome: bool = False,
) -> str:
    """Play until the player leaves; returns "stop" or "leave". See `Instrument` for the other arguments.

    Output of libraries on descriptor 2 is written to `log`, not onto the screen. StageGone: the stage ended.
    """
    in_browser = "TEXTUAL_DRIVER" in os.environ
    if not in_browser:  # a browser's size is in them, and no terminal is there
        for exported in ("COLUMNS", "LINES"):  # they would override the terminal's real size
            os.environ.pop(exported, None)
    with _descriptor_2_to(log):
        app = Instrument(
            client, theme=theme, on_theme=on_theme, own_keys=own_keys, any_size=in_browser, welcome=welcome
        )
        with _leaving_on_signals(app):
            choice = app.run()
    if app.stage_line.gone is not None:
        raise app.stage_line.gone
    if app.return_code:
        raise PerformError(
            "the screen failed; the stage keeps playing",
            where=str(log or "screen"),
            hint="`perform attach` opens the screen again, `perform stop` ends the stage",
        )
    return choice or "leave"


@contextmanager
def _leaving_on_signals(app: Instrument) -> Iterator[None]:
    """Leave on the signals that end a process, so that Textual restores the terminal and its mouse mode."""

    def leave(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second signal ends the process at once
        app.call_later(app.exit, "leave")

    names = [name for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), leave) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


@contextmanager
def _descriptor_2_to(log: Path | None) -> Iterator[None]:
    """Let Textual draw on a duplicate of descriptor 2 while descriptor 2 points to the log."""
    if log is None:
        yield
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    before, terminal = sys.__stderr__, os.dup(2)
    with (
        log.open("ab") as sink,
        os.fdopen(os.dup(terminal), "w", encoding="utf-8", errors="replace") as screen,
    ):
        os.dup2(sink.fileno(), 2)
        sys.__stderr__ = screen  # type: ignore[misc]
        try:
            yield
        finally:
            sys.__stderr__ = before  # type: ignore[misc]
            os.dup2(terminal, 2)
            os.close(terminal)
