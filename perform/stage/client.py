"""A client's connection to a running stage: its shared memory, and a socket for commands."""

from __future__ import annotations

import queue
import threading
import time
from functools import cached_property
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client as connect
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from perform.core import json_bytes
from perform.core.arena import Arena
from perform.core.errors import PerformError
from perform.core.private_folder import why_not_private
from perform.stage.commands import Answer, AnyCommand, GetStatus
from perform.stage.lock import held
from perform.stage.status import Status

STAGE_FILE = "stage.json"
ADDRESS_S = 6.0  #: a stage writes its address, or replaces a dead one, within this


class StageAddress(msgspec.Struct, frozen=True):
    """How to reach a stage: STAGE_FILE in its runtime folder."""

    pid: int
    address: str
    key: str
    arena: str


ASK_S = 30.0  #: the longest wait for an answer; the stage itself gives up after 15 s
HANGS = "end that process and start again; its take is safe"


class StageGone(PerformError):
    """The stage does not answer any more."""


class Client:
    """[any] One connection to a running stage.

    Commands may be sent from any thread; they wait for each other and for the answer. Reading and writing
    `arena` needs no command.
    """

    def __init__(self, runtime: Path) -> None:
        deadline = time.monotonic() + ADDRESS_S
        while True:
            address, lives = read_address(runtime), held(runtime)
            if lives and address is None and time.monotonic() < deadline:
                time.sleep(0.02)  # a stage that is starting has not written its address yet
                continue
            if not lives or address is None:
                raise PerformError("no stage is running", where=str(runtime), hint="start one with `perform`")
            try:
                self._line = _connected(address)
                break
            except (OSError, EOFError, AuthenticationError) as error:
                if time.monotonic() > deadline:
                    hint = "start again with `perform`"
                    where = f"process {address.pid}"
                    raise StageGone("the stage does not answer", where=where, hint=hint) from error
                time.sleep(0.02)  # a stage that is starting has not yet replaced a killed one's address
        self.pid = address.pid
        self._arena = Path(address.arena)
        self._sending = threading.Lock()

    @cached_property
    def arena(self) -> Arena:
        """The stage's shared memory; PerformError if the stage is of another version."""
        return Arena.open(self._arena)

    def ask(self, command: AnyCommand) -> Answer:
        """Send a command and wait for its answer; PerformError carries the stage's own refusal."""
        try:
            with self._sending:
                self._line.send_bytes(json_bytes.encode(command))
                if not self._line.poll(ASK_S):
                    self._line.close()  # or the next command would get this late answer
                    raise StageGone("the stage does not answer", where=f"process {self.pid}", hint=HANGS)
                answer: Answer = json_bytes.decode(self._line.recv_bytes(), Answer)
        except (OSError, EOFError) as error:
            raise StageGone("the stage has ended", where=f"process {self.pid}") from error
        if answer.error:
            refusal = PerformError(answer.error)
            refusal.exit_code = answer.exit_code
            raise refusal
        return answer

    def status(self) -> Status:
        """The stage's status; costs a round trip (well under 1 ms)."""
        status = self.ask(GetStatus()).status
        assert status is not None
        return status

    def wait_end(self, seconds: float) -> bool:
        """Wait for the stage to end, which closes the connection; False if it has not."""
        deadline = time.monotonic() + seconds
        try:
            while self._line.poll(max(0.0, deadline - time.monotonic())):
                self._line.recv_bytes()
        except (OSError, EOFError):
            return True
        return False

    def close(self) -> None:
        """Close the connection; the stage keeps playing."""
        self._line.close()


def _connected(address: StageAddress) -> Connection:
    """Connect to a stage. StageGone: its process is there, but does nothing, as one that is stopped.

    The system accepts a connection for such a process, and the exchange of the key would wait for ever. So
    it takes place on a thread.
    """
    made: queue.SimpleQueue[Connection | Exception] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            line = connect(address.address, authkey=address.key.encode())
            made.put(line)  # type: ignore[arg-type, unused-ignore]  # a named pipe on Windows has the same methods
        except Exception as error:
            made.put(error)

    threading.Thread(target=attempt, name="connecting", daemon=True).start()
    try:
        line = made.get(timeout=ASK_S)
    except queue.Empty:
        raise StageGone("the stage does not answer", where=f"process {address.pid}", hint=HANGS) from None
    if isinstance(line, Exception):
        raise line
    return line


def running(runtime: Path) -> bool:
    """Whether a stage runs in this runtime folder and answers."""
    return read_address(runtime) is not None and held(runtime)


def read_address(runtime: Path) -> StageAddress | None:
    """The address of the stage in a runtime folder; None if there is none, or others may have written it."""
    try:
        if why_not_private(runtime):
            return None
        found: StageAddress = json_bytes.decode((runtime / STAGE_FILE).read_bytes(), StageAddress)
        return found
    except (OSError, msgspec.DecodeError):
        return None
