"""Fixtures: a private JACK server without a sound card, virtual controllers, and a control process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from perform.core import params
from perform.core.arena import Arena

DEADLINE = 15.0

_CONTROLLER = """
import os, sys, time, rtmidi
out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=sys.argv[1])
out.open_virtual_port(sys.argv[2])
print("ready", flush=True)
for line in sys.stdin:
    started = time.monotonic()
    if line.startswith("port "):
        out.delete()
        out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=sys.argv[1])
        out.open_virtual_port(line[5:-1])
        line = ""
    for message in line.split():
        out.send_message(list(bytes.fromhex(message)))
        if len(line) > 1000: time.sleep(0.00005)  # a JACK port holds some 4000 bytes a period
    print(started, flush=True)
os._exit(0)
"""


def eventually(true: Callable[[], Any], what: str = "", seconds: float = DEADLINE) -> Any:
    end = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.005)
    return value


class Jack:
    """A private server. Its long period suits a busy machine: a JACK client that is late loses its MIDI.

    JACK registers at most eight server names on a machine, so all tests share three.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self.env = os.environ | {"JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}
        self.env["PERFORM_MIDI"] = "jack"
        self.start()

    def start(self) -> None:
        """Start it, in real time where the system grants that: a starved server counts as one that hangs."""
        granted = (
            subprocess.run(["chrt", "-f", "10", "true"], capture_output=True, check=False).returncode == 0
        )
        engine = ["-R", "-P", "70"] if granted else ["-r"]
        for attempt in range(15):  # another run may have the name, or it just died and is still registered
            name = self.env["JACK_DEFAULT_SERVER"] = f"perform-control-{attempt % 5}"
            command = ["jackd", *engine, "-n", name, "-d", "dummy", "-r", "48000", "-p", "1024"]
            with self._log.open("ab") as log:
                self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.env)
            for _ in range(100):
                up = subprocess.run(["jack_lsp"], env=self.env, capture_output=True, check=False).returncode
                if self.process.poll() is not None:
                    break
                if up == 0:
                    return
                time.sleep(0.02)
            self.stop()
        raise AssertionError(f"jackd does not start: {self._log.read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:  # on a busy machine jackd now and then waits for a client that left
            self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @contextmanager
    def controller(self, name: str, port: str = "MIDI 1") -> Iterator[Controller]:
        controller = Controller(name, port, self.env)
        try:
            yield controller
        finally:
            controller.unplug()


class Controller:
    """A virtual MIDI device with one port, in a separate process."""

    def __init__(self, name: str, port: str, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CONTROLLER, name, port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )
        assert self._process.stdout and self._process.stdout.readline() == "ready\n"

    def send(self, *messages: tuple[int, ...]) -> float:
        """Send the messages; return the monotonic time at which the first was sent."""
        return self._do(" ".join(bytes(m).hex() for m in messages))

    def replug(self, port: str) -> None:
        """Close the port and open it at once under another name."""
        self._do(f"port {port}")

    def _do(self, line: str) -> float:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def unplug(self) -> None:
        self._process.kill()
        self._process.communicate()


class Control:
    """A control process, and the stage's end of the connection to it."""

    def __init__(
        self, env: dict[str, str], home: Path, mapping: str = "", ports: tuple[str, ...] = ()
    ) -> None:
        self.home = home
        self.arena = Arena.create(home / "arena")
        self.reports: list[dict[str, Any]] = []
        self._log = (home / "log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "perform.control.control_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=env | {"PERFORM_HOME": str(home)},
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        self.order("StartControl", arena=str(home / "arena"), mapping=mapping, ports=list(ports))

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.reports.append(json.loads(line))

    def order(self, kind: str, **fields: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"order": kind} | fields) + "\n")
        self.process.stdin.flush()

    def report(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Wait until the last report of this kind has these fields."""

        def found() -> dict[str, Any] | None:
            last = next((r for r in reversed(self.reports) if r["report"] == kind), None)
            return last if last and all(last[k] == v for k, v in fields.items()) else None

        try:
            return eventually(found)  # type: ignore[no-any-return]
        except AssertionError:
            raise AssertionError(f"no report {kind} {fields} in {self.reports}") from None

    def table(self, address: str) -> float:
        return float(self.arena.table[params.slot(address)])

    def plays(self, controller: Controller, address: str, value: float, *messages: tuple[int, ...]) -> None:
        """Send until the parameter has the value: an overloaded server can lose a period of MIDI.

        A single message of a knob comes after a sweep over its whole range, which takes over the parameter.
        """
        status, *data = messages[0]
        if len(messages) == 1 and status & 0xF0 in (0xB0, 0xE0):
            first = data[0] if status < 0xE0 else 0
            ends = ((status, first, 0), (status, data[0] if status < 0xE0 else 127, 127))
            messages = (*ends, *messages)

        def sent() -> bool:
            controller.send(*messages)
            end = time.monotonic() + 1.0
            while time.monotonic() < end and self.table(address) != pytest.approx(value):
                time.sleep(0.002)
            return self.table(address) == pytest.approx(value)

        eventually(sent, f"{address} = {value}")

    def receives(self, controller: Controller, count: float, message: tuple[int, ...]) -> None:
        """Send a message until the process has counted so many in all: a busy server may lose it."""

        def sent() -> bool:
            controller.send(message)
            end = time.monotonic() + 1.0
            while time.monotonic() < end and self.arena.meter("control/count") < count:
                time.sleep(0.002)
            return self.arena.meter("control/count") >= count

        try:
            eventually(sent, f"message {message}")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.reports[-3:]}; {(self.home / 'log').read_text()}") from None

    def close(self) -> int:
        assert self.process.stdin
        self.process.stdin.close()
        code = self.process.wait(DEADLINE)
        self._listener.join()
        self.process.stdout.close()  # type: ignore[union-attr]
        self._log.close()
        return code


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jack]:
    server = Jack(tmp_path_factory.mktemp("jack") / "log")
    yield server
    server.stop()


@pytest.fixture
def jack(_server: Jack) -> Jack:
    """A running server; it is started again if an earlier test killed it."""
    if _server.process.poll() is not None:
        _server.start()
    return _server


@pytest.fixture
def control(jack: Jack, tmp_path: Path) -> Iterator[Callable[..., Control]]:
    """Start control processes that end with the test."""
    started: list[Control] = []

    def start(mapping: str = "", ports: tuple[str, ...] = ()) -> Control:
        home = tmp_path / f"home{len(started)}"
        home.mkdir()
        started.append(Control(jack.env, home, mapping, ports))
        return started[-1]

    yield start
    for process in started:
        process.close()
