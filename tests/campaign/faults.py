"""The faults of the campaign. Each one breaks something, waits until it works again, and leaves it whole."""

from __future__ import annotations

import contextlib
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rig import Jack

from perform.core.arena_layout import CLOCK, DEVICE, lanes_of
from perform.core.params import SLOTS
from perform.recorder import gesture_log
from perform.stage.commands import Load, Unload

if TYPE_CHECKING:
    from campaign.night import Night

Fault = Callable[["Night"], None]

FAULTS: dict[str, Fault] = {}  #: by name
LONG: set[str] = set()  #: those that take longer than ten seconds
DEVICE_FAULTS: set[str] = set()  #: those during which no deck can sound


def fault(name: str, *, long: bool = False, device: bool = False) -> Callable[[Fault], Fault]:
    """Enter a fault under its name."""

    def enter(break_it: Fault) -> Fault:
        FAULTS[name] = break_it
        if long:
            LONG.add(name)
        if device:
            DEVICE_FAULTS.add(name)
        return break_it

    return enter


def _signal(pid: int, number: int) -> None:
    """Send a signal; the stage may have replaced the process just now."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _limit(pid: int, kind: int, soft: int | None) -> None:
    """Set a limit of a process; None: no limit but the hard one. The stage may have replaced it just now."""
    with contextlib.suppress(ProcessLookupError):
        hard = resource.prlimit(pid, kind)[1]
        resource.prlimit(pid, kind, (hard if soft is None else soft, hard))


# -- hosts


def _signalled(night: Night, number: int) -> None:
    deck = night.victim()
    pid = night.host(deck)
    _signal(pid, number)
    night.until(lambda: night.plays(deck) and night.host(deck) != pid, 60, "another host")


@fault("host: killed")
def _(night: Night) -> None:
    _signalled(night, signal.SIGKILL)


@fault("host: segmentation fault")
def _(night: Night) -> None:
    _signalled(night, signal.SIGSEGV)


@fault("host: stopped, so that it hangs")
def _(night: Night) -> None:
    _signalled(night, signal.SIGSTOP)


@fault("host: out of memory")
def _(night: Night) -> None:
    deck = night.victim()
    pid = night.host(deck)
    _limit(pid, resource.RLIMIT_AS, 1 << 20)
    time.sleep(1.0)
    _limit(pid, resource.RLIMIT_AS, None)
    night.until(lambda: night.plays(deck), 60, "the deck")


@fault("host: three times too slow")
def _(night: Night) -> None:
    deck = night.victim()
    pid, end = night.host(deck), time.monotonic() + 3.0
    while time.monotonic() < end and night.meter(f"deck/{deck}/pid") == pid:
        _signal(pid, signal.SIGSTOP)
        time.sleep(0.02)
        _signal(pid, signal.SIGCONT)
        time.sleep(0.01)
    night.until(lambda: night.plays(deck), 60, "the deck")


def _sounding(night: Night, value: float) -> None:
    """The deck's host gives this for a while, instead of what it rendered."""
    deck, end = night.victim(), time.monotonic() + 0.3
    data = [night.arena.rings[lane]._data for lane in lanes_of(deck)]
    while time.monotonic() < end:
        for ring in data:
            ring[:] = value
        time.sleep(0.002)
    night.until(lambda: night.plays(deck), 30, "the deck")


@fault("host: NaN")
def _(night: Night) -> None:
    _sounding(night, np.nan)


@fault("host: infinity")
def _(night: Night) -> None:
    _sounding(night, np.inf)


@fault("host: direct current")
def _(night: Night) -> None:
    _sounding(night, 0.9)


@fault("host: 60 dB too loud")
def _(night: Night) -> None:
    _sounding(night, 1000.0)


@fault("host: denormals")
def _(night: Night) -> None:
    _sounding(night, 1e-42)


@fault("host: NaN in its parameters")
def _(night: Night) -> None:
    deck, slot = (d := night.victim()), SLOTS[f"deck/{d}/z/0/bias"]
    night.arena.table[slot] = np.nan
    time.sleep(0.5)
    night.arena.table[slot] = 0.0
    night.until(lambda: night.plays(deck), 60, "the deck")


def _module_fails(night: Night, model: Path, why: str) -> None:
    """A third-party module fails on a deck of its own, and the player unloads it."""
    before = len(night.instrument.log())
    night.client.ask(Load(7, str(model)))
    night.until(lambda: why in night.instrument.log()[before:], 240, f"the module fails: {why}")
    night.client.ask(Unload(7))


@fault("module: wrong shape", long=True)
def _(night: Night) -> None:
    _module_fails(night, night.modules["late"], "gave (1, 1, 255), not (1, 1, 256)")


@fault("module: endless loop", long=True)
def _(night: Night) -> None:
    _module_fails(night, night.modules["hang"], "deck 7: ")


# -- disk


def _recorder(night: Night) -> int:
    return night.instrument.child("perform.recorder.recorder_process")


def _limited(night: Night, size: int, seconds: float) -> None:
    """No file of the recorder grows beyond so many bytes, as on a full disk."""
    pid = _recorder(night)
    _limit(pid, resource.RLIMIT_FSIZE, size)
    try:
        time.sleep(seconds)
        if size == 0:
            night.until(lambda: night.meter("take/waiting") > 0, 10, "the take that waits is shown")
    finally:
        _limit(pid, resource.RLIMIT_FSIZE, None)
    night.until(night.records, 20, "the take")


@fault("disk: full, the next folder has room")
def _(night: Night) -> None:
    _limited(night, 400_000, 1.5)


@fault("disk: all folders full")
def _(night: Night) -> None:
    _limited(night, 0, 2.0)


@fault("disk: a stall of seconds")
def _(night: Night) -> None:
    pid = _recorder(night)
    _signal(pid, signal.SIGSTOP)
    time.sleep(night.dice.uniform(2.0, 9.0 if night.long else 3.0))
    _signal(pid, signal.SIGCONT)
    night.until(night.records, 20, "the take")


@contextlib.contextmanager
def _kept(night: Night, files: list[Path]) -> Iterator[None]:
    """Keep what files hold in the end that are deleted meanwhile: they stay open here."""
    with contextlib.ExitStack() as stack:
        still_open = {file: stack.enter_context(file.open("rb")) for file in files}
        yield
        folder = night.kept / str(len(list(night.kept.iterdir())))  # two folders may have had the same names
        folder.mkdir()
        for file, data in still_open.items():
            with (folder / file.name).open("xb") as out:
                shutil.copyfileobj(data, out)


@fault("disk: the file is deleted")
def _(night: Night) -> None:
    path = Path(night.client.status().take)
    with _kept(night, [path, path.with_suffix(gesture_log.SUFFIX)]):
        path.with_suffix(gesture_log.SUFFIX).unlink()
        path.unlink()
        night.until(lambda: night.client.status().take not in ("", str(path)), 20, "another part")
        night.until(night.records, 20, "the take")


@fault("disk: the folder is deleted")
def _(night: Night) -> None:
    """A file stands in its place, as where a share is gone."""
    path = Path(night.client.status().take)
    with _kept(night, [file for file in path.parent.iterdir() if file.is_file()]):
        shutil.rmtree(path.parent)
        path.parent.touch()
        night.until(lambda: Path(night.client.status().take).parent != path.parent, 20, "another folder")
        night.until(night.records, 20, "the take")
    path.parent.unlink()
    path.parent.mkdir()


@fault("recorder: killed")
def _(night: Night) -> None:
    pid = _recorder(night)
    _signal(pid, signal.SIGKILL)
    night.until(lambda: night.is_replaced("perform.recorder.recorder_process", pid), 30, "another recorder")
    night.until(night.records, 30, "the take")


# -- system


def _server_returns(night: Night, rate: int) -> None:
    night.jack.kill()
    night.until(lambda: night.meter("owner") == CLOCK, 10, "the clock's mixer")
    night.unplug()
    time.sleep(night.dice.uniform(0.2, 1.5))
    night.jack = Jack(night.folder, rate=rate)
    night.jack.start()
    night.plug_in()
    night.until(lambda: night.meter("owner") == DEVICE, 30, "the device")


@fault("device: lost, and back", device=True)
def _(night: Night) -> None:
    _server_returns(night, 48000)


@fault("device: back at another rate", device=True)
def _(night: Night) -> None:
    _server_returns(night, night.dice.choice((44100, 96000)))


@fault("device: another block")
def _(night: Night) -> None:
    block = night.dice.choice((64, 512, 2048, 4096))
    night.until(lambda: _has_block(block), 30, "another block")
    time.sleep(2.0)
    night.until(lambda: _has_block(256), 30, "the block of before")


def _has_block(block: int) -> bool:
    """Ask the server for blocks of this length; a busy one may refuse the client that asks."""
    try:
        command = ["jack_bufsize", str(block)]
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@fault("mixer: killed", device=True)
def _(night: Night) -> None:
    pid = night.instrument.child("perform.audio.mixer_process", "device")
    _signal(pid, signal.SIGKILL)
    night.until(lambda: night.meter("owner") == CLOCK, 10, "the clock's mixer")
    night.until(lambda: night.meter("owner") == DEVICE, 30, "the device")


@fault("clock mixer: killed")
def _(night: Night) -> None:
    pid = night.instrument.child("perform.audio.mixer_process", "clock")
    _signal(pid, signal.SIGKILL)
    night.until(
        lambda: night.is_replaced("perform.audio.mixer_process", pid, "clock"), 30, "another clock mixer"
    )


@fault("MIDI: unplugged")
def _(night: Night) -> None:
    night.unplug()
    time.sleep(night.dice.uniform(0.2, 1.0))
    night.plug_in()


@fault("MIDI process: killed")
def _(night: Night) -> None:
    pid = night.instrument.child("perform.control.control_process")
    _signal(pid, signal.SIGKILL)
    night.until(lambda: night.is_replaced("perform.control.control_process", pid), 30, "another MIDI process")


@fault("screen: killed")
def _(night: Night) -> None:
    main, end = pty.openpty()
    screen = subprocess.Popen(
        [sys.executable, "-m", "perform", "attach"], stdin=end, stdout=end, stderr=end,
        start_new_session=True, env=os.environ | {"TERM": "xterm-256color"},
    )  # fmt: skip
    drawn = bytearray()

    def read() -> None:
        while data := os.read(main, 1 << 16):
            drawn.extend(data)

    reader = threading.Thread(target=lambda: _quietly(read), daemon=True)
    reader.start()
    night.until(lambda: b"LIVE" in drawn, 60, "a screen that shows the decks")
    screen.kill()
    screen.wait()
    os.close(end)
    reader.join(10)  # else it might read from whatever gets this descriptor next
    os.close(main)


def _quietly(read: Callable[[], None]) -> None:
    try:
        read()
    except OSError:  # the other end has closed
        return
