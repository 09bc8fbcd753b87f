"""The handle that screens and verbs hold on a running stage: its shared memory, and a line for commands."""

from __future__ import annotations

import threading
import time
from functools import cached_property
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client as connect
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from perform.core.arena import Arena
from perform.core.errors import PerformError
from perform.stage.commands import Answer, AnyCommand, GetStatus
from perform.stage.lock import held
from perform.stage.status import Status

STAGE_FILE = "stage.json"
DOOR_S = 6.0  #: a stage hangs its door, or replaces one that leads nowhere, within this


class Door(msgspec.Struct, frozen=True):
    """How to reach a stage; written by it into STAGE_FILE of its runtime folder."""

    pid: int
    address: str
    key: str
    arena: str


class StageGone(PerformError):
    """The stage does not answer any more."""


class Client:
    """One connection to a running stage. `arena` is there to read and write at any time, without it.

    [ui] Commands may be sent from any thread; they wait for one another and for the answer.
    """

    def __init__(self, runtime: Path) -> None:
        deadline = time.monotonic() + DOOR_S
        while True:
            door, lives = read_door(runtime), held(runtime)
            if lives and door is None and time.monotonic() < deadline:
                time.sleep(0.02)  # a stage that starts now has not hung its door yet
                continue
            if not lives or door is None:
                raise PerformError("no stage is running", where=str(runtime), hint="start one with `perform`")
            try:
                self._line: Connection = connect(door.address, authkey=door.key.encode())
                break
            except (OSError, EOFError, AuthenticationError) as error:
                if time.monotonic() > deadline:
                    hint = "start again with `perform`"
                    where = f"process {door.pid}"
                    raise StageGone("the stage does not answer", where=where, hint=hint) from error
                time.sleep(0.02)  # a stage that starts now has not yet replaced a killed one's door
        self.pid = door.pid
        self._arena = Path(door.arena)
        self._one = threading.Lock()

    @cached_property
    def arena(self) -> Arena:
        """The stage's memory; PerformError where it is of another version, which can still be ended."""
        return Arena.open(self._arena)

    def ask(self, command: AnyCommand) -> Answer:
        """Send a command and wait for its answer; PerformError carries the stage's own refusal."""
        try:
            with self._one:
                self._line.send_bytes(msgspec.json.encode(command))
                answer = msgspec.json.decode(self._line.recv_bytes(), type=Answer)
        except (OSError, EOFError) as error:
            raise StageGone("the stage has ended", where=f"process {self.pid}") from error
        if answer.error:
            refusal = PerformError(answer.error)
            refusal.exit_code = answer.exit_code
            raise refusal
        return answer

    def status(self) -> Status:
        """All that is words about the stage; costs a round trip (well under 1 ms)."""
        status = self.ask(GetStatus()).status
        assert status is not None
        return status

    def wait_end(self, seconds: float) -> bool:
        """Wait for the stage to end (its end of the line closes then); False where it has not."""
        deadline = time.monotonic() + seconds
        try:
            while self._line.poll(max(0.0, deadline - time.monotonic())):
                self._line.recv_bytes()
        except (OSError, EOFError):
            return True
        return False

    def close(self) -> None:
        """Hang up; the stage plays on."""
        self._line.close()


def running(runtime: Path) -> bool:
    """Whether a stage of this runtime folder is there to answer."""
    return read_door(runtime) is not None and held(runtime)


def read_door(runtime: Path) -> Door | None:
    """The door of the stage of a runtime folder, or None where there is none."""
    try:
        return msgspec.json.decode((runtime / STAGE_FILE).read_bytes(), type=Door)
    except (OSError, msgspec.DecodeError):
        return None
