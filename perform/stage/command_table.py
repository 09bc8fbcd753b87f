"""Which method carries out each command. Every part of the stage registers its own commands here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from perform.stage.commands import Answer, AnyCommand, Command, Reply

C = TypeVar("C", bound=Command)
Handler = Callable[[Command, Reply], None]


class CommandTable:
    """Command type -> handler. A handler raises PerformError to refuse its command."""

    def __init__(self) -> None:
        self._handlers: dict[type[Command], Handler] = {}

    def on(self, command: type[C], handle: Callable[[C], Answer | None]) -> None:
        """Register a handler that answers at once; None is the empty answer."""

        def handle_now(command: Command, reply: Reply) -> None:
            reply(handle(cast(C, command)) or Answer())

        self._add(command, handle_now)

    def on_later(self, command: type[C], handle: Callable[[C, Reply], None]) -> None:
        """Register a handler that keeps `reply`, and calls it once the work is done."""
        self._add(command, cast(Handler, handle))

    def _add(self, command: type[Command], handler: Handler) -> None:
        assert command not in self._handlers, f"two handlers for {command.__name__}"
        self._handlers[command] = handler

    def run(self, command: AnyCommand, reply: Reply) -> None:
        """Carry out a command."""
        self._handlers[type(command)](command, reply)

    @property
    def commands(self) -> set[type[Command]]:
        """The commands that have a handler."""
        return set(self._handlers)
