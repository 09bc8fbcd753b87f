"""Other methods of the decks' modules: each is imported once, while the set plays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.message_pump import MessagePump

from perform.core.errors import PerformError
from perform.library.idle_import import Process
from perform.library.method_models import method_model
from perform.tui.background import in_background


class MethodImports:
    """[ui] The imports of one screen. Their processes end with it."""

    def __init__(self) -> None:
        self._processes: list[Process] = []
        self._stopped = False

    def begin(
        self,
        pump: MessagePump,
        made: Path,
        method: str,
        done: Callable[[str], object],
        failed: Callable[[PerformError], object],
    ) -> None:
        """Find or make the model of a method; then `done` with its name, or `failed` with the error, here.

        made : a model file of the module
        """
        in_background(pump, partial(method_model, made, method, self._begins), done, failed)

    def stop(self) -> None:
        """End the processes that import."""
        self._stopped = True
        for process in self._processes:
            with contextlib.suppress(OSError):
                process.terminate()

    def _begins(self, process: Process) -> None:
        self._processes.append(process)
        if self._stopped:
            self.stop()
