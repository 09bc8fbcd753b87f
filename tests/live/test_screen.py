"""The screen in a real terminal (tmux) on a live stage: opened, played, killed, come back to, left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import Machine, perform, until

from perform.core.arena_layout import LIVE
from perform.core.params import SLOTS
from perform.stage.client import Client, running
from perform.stage.commands import Quit

pytestmark = pytest.mark.usefixtures("tiny_models")


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, name: str, width: int, height: int) -> None:
        self._name = name
        command = f"{sys.executable} -m perform"
        self.run(command, "new-session", "-d", "-x", str(width), "-y", str(height))

    def _tmux(self, *args: str) -> str:
        done = subprocess.run(["tmux", "-L", self._name, *args], capture_output=True, text=True, check=False)
        return done.stdout

    def run(self, command: str, *how: str) -> None:
        self._tmux("-f", "/dev/null", *how, command)

    def press(self, *keys: str) -> None:
        for key in keys:
            self._tmux("send-keys", key)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def click(self, column: int, row: int) -> None:
        """Press and release the left button on a cell, from 0."""
        for end in "Mm":
            self.type(f"\x1b[<0;{column + 1};{row + 1}{end}")

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    @property
    def shows(self) -> str:
        return self._tmux("capture-pane", "-p")

    @property
    def pid(self) -> int:
        return int(self._tmux("list-panes", "-F", "#{pane_pid}").strip())

    @property
    def lives(self) -> bool:
        return bool(self._tmux("list-panes"))

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def open_at(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody-runs-this")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")  # some shells export these, and would hide the terminal's own size
    monkeypatch.setenv("LINES", "24")
    terminals: list[Terminal] = []

    def open_terminal(width: int, height: int) -> Terminal:
        terminals.append(Terminal(f"perform-test-{os.getpid()}-{len(terminals)}", width, height))
        return terminals[-1]

    yield open_terminal
    for terminal in terminals:
        terminal.close()
    if running(runtime):
        client = Client(runtime)
        client.ask(Quit())
        client.wait_end(20)


def live(runtime: Path) -> Client:
    until(lambda: running(runtime), 30, "a stage")
    client = Client(runtime)
    for deck in (1, 2):
        until(lambda d=deck: client.arena.meter(f"deck/{d}/state") == LIVE, 60, f"deck {deck} live")
    return client


@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24)])
def test_it_opens_plays_records_and_leaves(open_at, runtime: Path, width: int, height: int) -> None:  # type: ignore[no-untyped-def]
    terminal = open_at(width, height)
    client = live(runtime)
    until(lambda: "bells" in terminal.shows and "choir" in terminal.shows, 20, "both models on the screen")
    until(lambda: "silent clock" in terminal.shows, 5, "the line about the device")
    assert all(len(line) <= width for line in terminal.shows.splitlines())

    before = client.arena.table[SLOTS["xfade"]]
    terminal.press(".", ".", ".")
    until(
        lambda: abs(client.arena.table[SLOTS["xfade"]] - before - 0.03) < 1e-9,
        5,
        "three steps of the crossfader",
    )
    terminal.press("2")
    until(lambda: client.arena.table[SLOTS["focus"]] == 2, 5, "the focus on deck 2")
    terminal.press("r")
    until(lambda: client.status().take, 10, "a take")
    until(lambda: "REC" in terminal.shows, 5, "REC")
    terminal.press("r", "r")
    until(lambda: client.status().last_take, 10, "the take's end")
    assert Path(client.status().last_take).is_file()

    terminal.press("C-q")
    until(lambda: "keep playing" in terminal.shows.lower(), 5, "the question")
    terminal.press("k")
    until(lambda: not terminal.lives, 10, "the screen's end")
    frames = client.arena.meter("frames")
    until(lambda: client.arena.meter("frames") > frames + 24000, 5, "half a second without a screen")
    assert perform("stop").returncode == 0


@pytest.mark.alone
def test_a_killed_screen_leaves_the_sound_and_attach_comes_back(  # type: ignore[no-untyped-def]
    open_at, runtime: Path, tmp_path: Path
) -> None:
    terminal = open_at(120, 40)
    client = live(runtime)
    until(lambda: "choir" in terminal.shows, 20, "the screen")
    client.arena.table[SLOTS["deck/1/z/0/bias"]] = 1.25
    with Machine(tmp_path, server=False) as machine:
        os.kill(terminal.pid, signal.SIGKILL)
        frames, late = client.arena.meter("frames"), client.arena.meter("deck/1/late")
        until(lambda: client.arena.meter("frames") > frames + 48000, 5, "a second without a screen")
        late = client.arena.meter("deck/1/late") - late
    assert late <= 3 + 2 * machine.away(256 / 48000)
    again = open_at(80, 24)  # `perform` with no set comes back to the stage that runs
    until(lambda: "choir" in again.shows and "1.25" in again.shows, 20, "the same state")
    again.resize(60, 15)
    until(lambda: "enlarge" in again.shows, 5, "the word about the size")
    again.resize(120, 40)
    until(lambda: "choir" in again.shows, 5, "all of it again")
