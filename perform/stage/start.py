"""Starts a stage that outlives the process that started it, and ends one.

python -m perform.stage.start RUNTIME OPTIONS-JSON      (what `start` runs)
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from perform.core import json_bytes
from perform.core.errors import PerformError
from perform.core.printable import printable
from perform.core.private_folder import make_private
from perform.stage.client import Client, StageGone, running
from perform.stage.commands import Quit, StopRecording
from perform.stage.options import StageOptions
from perform.stage.supervisor import Stage

SLOW_S = 10.0  #: a stage that has not answered by then is said to start
START_S = 120.0  #: a stage that has not answered by then hangs; one that cannot start ends at once
END_S = 30.0  #: a slow disk may need ten to close a take


def start(options: StageOptions, runtime: Path, say: Callable[[str], None]) -> Client:
    """Start a stage in a new session and wait until it answers; PerformError says why it does not.

    say : tells the player that it takes long
    """
    make_private(runtime)
    log = runtime / "stage.log"
    arguments = [str(runtime), json_bytes.encode(options).decode()]
    detached = {"creationflags": 0x8} if sys.platform == "win32" else {"start_new_session": True}
    log.write_bytes(b"")
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "perform.stage.start", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            **detached,
        )
    began, slow = time.monotonic(), False
    while time.monotonic() < began + START_S:
        if not slow and time.monotonic() > began + SLOW_S:
            slow = True
            say("the stage is still starting: the machine is busy")
        if running(runtime):
            return Client(runtime)
        if process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    lines = log.read_text(errors="replace").strip().splitlines()
    raise PerformError(
        "the stage did not start", where=str(log), hint=lines[-1] if lines else "its log is empty"
    )


def end(client: Client) -> str:
    """Close the take, end the stage, wait for it; returns the path of its last take, or ""."""
    last = client.ask(StopRecording()).value
    client.ask(Quit())
    if not client.wait_end(END_S):
        raise StageGone("the stage does not end", where=f"process {client.pid}", hint="kill it")
    return last


def main() -> None:
    """[main] Run a stage until `Quit` or a signal."""
    options: StageOptions = json_bytes.decode(sys.argv[2], StageOptions)
    try:
        Stage(options, Path(sys.argv[1]), lambda line: None).run()
    except PerformError as error:
        sys.exit(printable(str(error)))


if __name__ == "__main__":
    main()
