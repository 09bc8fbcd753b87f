"""A private JACK server and the instrument on it: real processes, real sockets, real signals."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from perform.core.arena_layout import FAILED, LIVE
from perform.stage.client import Client, running

LIVE_FOLDER = Path(__file__).parent / "live"
ATTEMPTS = 5  #: of a listener to enter a busy server
STUCK = 75  #: exit code of a listener that the server never calls, see live/jack_client.py
OUTPUTS = ("PortAudio:out_0", "PortAudio:out_1")
_T = TypeVar("_T")


def until(what: Callable[[], _T | None], seconds: float, why: str) -> _T:
    """Ask until the answer is true; fail with `why` after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {why}"
        time.sleep(0.01)


def perform(*args: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end."""
    command = [sys.executable, "-m", "perform", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)  # type: ignore[call-overload]


class Jack:
    """A dummy JACK server that can be killed and started again under the same name."""

    def __init__(self, folder: Path, rate: int = 48000, period: int = 256, outputs: int = 2) -> None:
        # the same at every run: JACK's registry has eight places and forgets no name
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        self.name = os.environ.get("PERFORM_TEST_JACK", "perform-test") + worker
        self._log = folder / "jackd.log"
        self._sizes, self._outputs = (str(rate), str(period)), str(outputs)
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, in real time where the system grants that, and wait until it answers."""
        rate, period = self._sizes
        real_time = (
            subprocess.run(["chrt", "-f", "10", "true"], capture_output=True, check=False).returncode == 0
        )
        for _ in range(5):  # a server of the same name that was just killed is still in JACK's registry
            engine = ["-R", "-P", "70"] if real_time else ["-r"]
            dummy = ["-d", "dummy", "-r", rate, "-p", period, "-C", "2", "-P", self._outputs]
            with self._log.open("ab") as log:
                self._server = subprocess.Popen(
                    ["jackd", *engine, "-n", self.name, *dummy],
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    env=os.environ | {"JACK_NO_AUDIO_RESERVATION": "1"},
                )
            deadline = time.monotonic() + 5
            while self._server.poll() is None and time.monotonic() < deadline:
                if (
                    subprocess.run(["jack_lsp", "-s", self.name], capture_output=True, check=False).returncode
                    == 0
                ):
                    return
                time.sleep(0.05)
            self.kill()
            time.sleep(0.3)
        raise AssertionError(f"jackd does not start: {self._log.read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """SIGKILL."""
        if self._server:
            self._server.kill()
            self._server.wait()
            self._server = None

    def stop(self) -> None:
        """SIGTERM, which leaves nothing behind."""
        if self._server:
            self._server.terminate()
            try:
                self._server.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()


@contextlib.contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, server: Jack) -> Iterator[Jack]:
    """Start a server that every process of the test takes as its only one, for audio and MIDI."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    monkeypatch.setenv("PERFORM_MIDI", "jack")
    server.start()
    yield server
    server.stop()


class Listener:
    """The JACK client that hears what the audience hears."""

    def __init__(self, folder: Path, seconds: float, *options: str) -> None:
        self._run(folder, ["jack_client.py", *OUTPUTS, str(seconds)], options)

    def _run(self, folder: Path, words: list[str], options: tuple[str, ...]) -> None:
        self._out = folder / "heard.npz"
        script, *rest = words
        self._command = [sys.executable, str(LIVE_FOLDER / script), *rest, str(self._out), *options]
        self._begin()

    def _begin(self) -> None:
        for _ in range(ATTEMPTS):
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
            assert self._process.stdout
            if self._process.stdout.readline() == "listening\n":
                return
            self._process.wait(30)  # a busy server refuses a client now and then
        raise AssertionError(f"the server refused the listener {ATTEMPTS} times")

    def heard(self, *, enough: bool = False) -> dict[str, np.ndarray]:
        """Wait for its end: `audio`, `mine`, `connected`, `times`. One never called listens again.

        enough: end it now, before its seconds are over
        """
        if enough:
            self._process.terminate()
        if self._process.wait(300) == STUCK:
            self._begin()
        assert self._process.wait(300) == 0
        return dict(np.load(self._out))


class Echo(Listener):
    """The JACK client that plays into the instrument and hears what becomes of it, frame for frame."""

    def __init__(self, folder: Path, played: np.ndarray, seconds: float, *options: str) -> None:
        np.save(folder / "played.npy", played.astype(np.float32))
        self._run(folder, ["echo_client.py", str(folder / "played.npy"), str(seconds)], options)


class Controller:
    """A MIDI port on JACK, in a process of its own: what a hand sends."""

    _SENDER = """
import sys, rtmidi
out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="Test Controller")
out.open_virtual_port("out")
print("ready", flush=True)
for line in sys.stdin:
    out.send_message(list(bytes.fromhex(line)))
"""

    def __enter__(self) -> Controller:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._SENDER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __call__(self, *data: int) -> None:
        assert self._process.stdin
        self._process.stdin.write(bytes(data).hex() + "\n")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def joined(spans: np.ndarray, apart: float = 0.005) -> np.ndarray:
    """Spans of time (n, 2), those that overlap or lie less than `apart` seconds from each other as one."""
    one: list[list[float]] = []
    for began, ended in spans[np.argsort(spans[:, 0])]:
        if one and began < one[-1][1] + apart:
            one[-1][1] = max(one[-1][1], ended)
        else:
            one.append([began, ended])
    return np.array(one).reshape(-1, 2)


MOST_AWAY = 0.15  #: share of the time


class Machine:
    """When was the machine itself away or slow, or the audio server late?

    Watched by an idle process on each core, above everything of ours, and by an idle JACK client that is
    connected to nothing. A virtual machine loses its cores to neighbours for milliseconds, and some run at a
    tenth of their speed for a while: what is lost then says nothing of us.

    server : there is a JACK server to be watched
    """

    def __init__(self, folder: Path, *, server: bool = True) -> None:
        cores = sorted(os.sched_getaffinity(0))
        self._watchers = {folder / f"core{core}.npy": ("sleeper.py", str(core)) for core in cores}
        if server:
            self._watchers[folder / "server.npy"] = ("idle_client.py",)
        self._running: list[subprocess.Popen[str]] = []
        self.stalls = np.zeros((0, 2))
        self._began, self._seconds = 0.0, 0.0

    def __enter__(self) -> Machine:
        for saved, (script, *words) in self._watchers.items():
            command = [sys.executable, str(LIVE_FOLDER / script), *words, str(saved)]
            watcher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert watcher.stdout
            assert watcher.stdout.readline() == "watching\n"
            self._running.append(watcher)
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._seconds = time.monotonic() - self._began
        for watcher in self._running:
            watcher.communicate(timeout=10)
        self.stalls = joined(np.concatenate([np.load(saved) for saved in self._watchers]))

    def skip_if_away(self, failure: str) -> None:
        """Skip the test that failed so if the machine was away for more than MOST_AWAY of the time."""
        began, ended = np.clip(self.stalls, self._began, self._began + self._seconds).T
        share = float((ended - began).sum()) / self._seconds
        if share > MOST_AWAY:
            pytest.skip(
                f"the machine was away or slow for {100 * share:.0f} % of {self._seconds:.0f} s; {failure}"
            )

    def away(self, block: float) -> int:
        """Blocks of so many seconds that it spoilt at most."""
        return int(sum(np.ceil((self.stalls[:, 1] - self.stalls[:, 0]) / block) + 1))

    @property
    def unseen(self) -> int:
        """Blocks that may be lost besides: it goes away for less than the watchers note, too, the more the
        oftener they note it (on a disturbed machine, one for ten).
        """
        return 1 + len(self.stalls) // 10

    def was_away(self, at: float, around: float = 0.012) -> bool:
        """Whether it was within `around` seconds (two blocks of 256, and a little) of `at`."""
        began, ended = self.stalls.T
        return bool(np.any((began - around < at) & (at < ended + around)))


class Instrument:
    """`perform play --headless` in a process of its own, and a client on its stage."""

    def __init__(self, runtime: Path, *args: str, set_name: str = "demo") -> None:
        self._log = runtime.parent / "headless.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-X",
                    "faulthandler",
                    "-m",
                    "perform",
                    "play",
                    set_name,
                    "--headless",
                    *args,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            until(lambda: running(runtime) or self.process.poll() is not None, 30, f"a stage; {self._log}")
            assert self.process.poll() is None, self._log.read_text()
            self.client = Client(runtime)
            self.arena = self.client.arena
        except BaseException:
            self.process.kill()
            raise

    def meter(self, name: str) -> float:
        return self.arena.meter(name)

    def wait_live(self, *decks: int) -> None:
        """Until these decks play and are pulled."""
        for deck in decks:
            until(lambda d=deck: self.meter(f"deck/{d}/state") in (LIVE, FAILED), 60, f"deck {deck} loaded")
            assert self.meter(f"deck/{deck}/state") == LIVE, self.log()
        for deck in decks:
            frames = self.meter(f"deck/{deck}/frames")
            until(
                lambda d=deck, n=frames: self.meter(f"deck/{d}/frames") > n + 1, 10, f"sound of deck {deck}"
            )

    def log(self) -> str:
        return self._log.read_text()

    def child(self, module: str, *words: str) -> int:
        """Pid of one of the stage's processes, by module and arguments."""
        listing = subprocess.run(
            ["ps", "--ppid", str(self.process.pid), "-o", "pid=,args="],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        pids = [int(line.split()[0]) for line in listing.splitlines() if " ".join((module, *words)) in line]
        assert pids, f"no {module} {words} in:\n{listing}"
        return pids[0]

    def children(self) -> list[int]:
        """Pids of all processes of the stage."""
        listing = ["ps", "--ppid", str(self.process.pid), "-o", "pid="]
        done = subprocess.run(listing, capture_output=True, text=True, check=True)
        return [int(pid) for pid in done.stdout.split()]

    def end(self) -> str:
        """SIGINT, as ctrl-c: what it printed. One that hangs is ended so that its log says where it hung."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            out, _ = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.communicate()
            raise AssertionError(f"the stage does not end: {self.log()}") from None
        assert self.process.returncode == 0, self.log()
        return out

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def playing(runtime: Path, *args: str, set_name: str = "demo") -> Iterator[Instrument]:
    """An instrument for the length of a test."""
    instrument = Instrument(runtime, *args, set_name=set_name)
    try:
        yield instrument
    finally:
        if instrument.process.poll() is None:
            instrument.kill()
