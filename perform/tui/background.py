"""Work that takes long, in a thread that ends with the program."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

from textual.message_pump import MessagePump

from perform.core.errors import PerformError

T = TypeVar("T")


def in_background(
    pump: MessagePump,
    work: Callable[[], T],
    done: Callable[[T], object],
    failed: Callable[[PerformError], object],
) -> None:
    """[ui] Run `work` in a thread; then `done` with its result, or `failed` with its error, here.

    pump : the app, or a screen: neither is called once it has closed

    A thread of Textual's would keep the program open until `work` is done.
    """

    def run() -> None:
        with suppress(RuntimeError):  # the program has left the screen
            try:
                result = work()
            except PerformError as error:
                pump.call_later(failed, error)
            except Exception as error:
                pump.call_later(_raise, error)
            else:
                pump.call_later(done, result)

    context = copy_context()  # with the active app, for Textual
    threading.Thread(target=context.run, args=(run,), name="background", daemon=True).start()


def _raise(error: Exception) -> None:
    raise error
