"""The host processes, one a model: started, kept warm for whoever plays the model next, watched, let go.

A process that nobody plays stays as long as the memory budget allows; the one that was played longest ago
goes first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from perform.core.attributes import Attribute, Texts
from perform.core.messages import (
    AnyReport,
    AssignDecks,
    AttributeRefused,
    DeckAssignment,
    DropVoice,
    FileAssignment,
    FileEncoded,
    HostFailed,
    HostLoading,
    HostLog,
    HostReady,
    RaisePriority,
    SetTexts,
    StartHost,
    StartVoice,
    VoiceDropped,
)
from perform.library import hashes
from perform.library.cards import Card, read_card
from perform.stage.child import Child

DeckAssignments = dict[int, DeckAssignment]  #: deck -> what it plays
FileAssignments = dict[Path, dict[int, FileAssignment]]  #: model -> number -> sound file to encode

LOAD_S = 30.0  #: a host that is not ready after so long hangs; a first compilation takes some seconds
CRASHES, CRASH_WINDOW_S = 3, 60.0  #: so many in so long, and a model is not tried again by itself
HOST_MB = 130.0  #: what a process costs besides its weights
SOON_S = 0.2  #: what is under way is said to take so long at least
BUDGET_MB = 2000.0  #: processes that nobody plays are let go when all of them together take more


class HostedModel(NamedTuple):
    """What a host plays, or is to play."""

    path: Path
    card: Card


class HostProcess:
    """One host process and the lanes it plays on. `HostPool` alone writes what is public; everybody reads it.

    attributes, actions, has_prior : what its model has besides latents
    ready : its model is warm ; error : why it never will be ; gone : the process has ended
    crashed : by itself, or it gave up while it played ; idle : it loads with what nobody else wants
    heard : file -> how much of it is encoded, 0..1, and how many seconds that took
    """

    def __init__(self, model: HostedModel, child: Child, *, idle: bool) -> None:
        self.model, self.child, self.idle = model, child, idle
        self.stamp = _stamp(model.path)
        self.sha256, self.made = "", model.path  # what it plays; an export's is made of it
        self.attributes: tuple[Attribute, ...] = ()
        self.actions: tuple[str, ...] = ()
        self.has_prior = False
        self.ready = self.gone = self.crashed = False
        self.error = ""
        self.heard: dict[int, tuple[float, float]] = {}
        self.lanes: set[int] = set()  # it may write to these
        self.asked = self.left = time.monotonic()  # when it began to load; when it was last played

    def play(self, lane: int, deck: int, words: Texts) -> None:
        """A new voice on a lane that nobody else writes to; words: of its attributes."""
        self.lanes.add(lane)
        self.child.order(StartVoice(lane, deck, words))

    def say(self, lane: int, words: Texts) -> None:
        """Other words for a voice's attributes."""
        self.child.order(SetTexts(lane, words))

    def drop(self, lane: int) -> None:
        """End a voice; the lane is free once it is no longer among `lanes`."""
        self.child.order(DropVoice(lane))

    def plays(self, lane: int) -> bool:
        """Whether it may still write to the lane."""
        return lane in self.lanes and not self.gone

    def hears_in(self, file: int, start: float) -> float:
        """Seconds, about, until a file is encoded up to where it shall begin (0..1); 0 for none."""
        part, seconds = self.heard.get(file, (0.0, 0.0))
        if not file or part > start or part >= 1:
            return 0.0
        return max(seconds * (start - part) / part if part else 0.0, SOON_S)

    @property
    def megabytes(self) -> float:
        """About what it takes: the process, and its weights as they lie on disk."""
        return HOST_MB + self.stamp[1] / 2**20


class HostPool:
    """Gives the host of a model: the one that runs, else a new one.

    spawn : gives a process, warm if there is one
    start : the order that starts a host, but for its model
    wanted: whether some deck plays a model, or is about to
    refused: hears of each attribute that a model did not take, see `perform.voice.host_process`
    """

    def __init__(
        self,
        spawn: Callable[[], Child],
        tell: Callable[[str], None],
        start: StartHost,
        wanted: Callable[[Path], bool],
        refused: Callable[[AttributeRefused], None],
    ) -> None:
        self._refused = refused
        self._spawn, self._tell, self._start, self._wanted = spawn, tell, start, wanted
        self._hosts: list[HostProcess] = []
        self._decks: DeckAssignments = {}
        self._files: FileAssignments = {}
        self._crashes: dict[Path, list[float]] = {}
        self.load_s = 1.5  #: how long a model takes to load, by the last one

    def get(self, path: Path, *, idle: bool = False) -> HostProcess:
        """The host of a model, which may still have to load; WrongUse where the file is no model."""
        stamp = _stamp(path)
        for host in self._hosts:
            if (host.model.path, host.stamp) == (path, stamp) and not host.error:
                if host.idle and not idle and not host.ready:
                    host.idle, host.asked = False, time.monotonic()
                    host.child.order(RaisePriority())
                return host
        host = HostProcess(HostedModel(path, read_card(path)), self._spawn(), idle=idle)
        host.child.order(msgspec.structs.replace(self._start, model=str(path), idle=idle))
        self._hosts.append(host)
        self._assign(host)
        return host

    def assign(self, decks: DeckAssignments, files: FileAssignments) -> None:
        """Send every host what all decks play, which of them play its model, and which files to encode."""
        self._decks, self._files = decks, files
        for host in self._hosts:
            self._assign(host)

    def _assign(self, host: HostProcess) -> None:
        mine = tuple(deck for deck, assignment in self._decks.items() if assignment.model == str(host.made))
        files = self._files.get(host.model.path, {})
        host.heard = {number: heard for number, heard in host.heard.items() if number in files}
        host.child.order(AssignDecks(self._decks, mine, files))

    def forgive(self, path: Path) -> None:
        """The player asks for it: past crashes no longer count."""
        self._crashes.pop(path, None)

    def crashed_too_often(self, path: Path) -> bool:
        """Whether a model has ended its host so often that it is not tried again by itself."""
        now = time.monotonic()
        return len([t for t in self._crashes.get(path, []) if now - t < CRASH_WINDOW_S]) >= CRASHES

    def handle_report(self, child: Child, report: AnyReport) -> bool:
        """Handle a report of one of the hosts."""
        for host in self._hosts:
            if host.child is child:
                self._handle(host, report)
                return True
        return False

    def _handle(self, host: HostProcess, report: AnyReport) -> None:
        match report:
            case HostReady():
                self._ready(host, report)
            case HostLoading(text):  # each step of a conversion has the whole loading time
                host.asked = time.monotonic()
                self._tell(text)
            case HostLog(text):
                self._tell(text)
            case FileEncoded(file, part, seconds):
                host.heard[file] = part, seconds
            case AttributeRefused():
                self._refused(report)
            case HostFailed(error):
                host.error = error
                if host.ready:
                    self._crash(host)
                host.child.kill()
            case VoiceDropped(lane):
                host.lanes.discard(lane)
                host.left = time.monotonic()

    def _ready(self, host: HostProcess, report: HostReady) -> None:
        host.ready, host.sha256 = True, report.sha256
        host.attributes, host.actions, host.has_prior = report.attributes, report.actions, report.has_prior
        hashes.remember(host.model.path, host.sha256)
        host.made = Path(report.made)
        if host.made != host.model.path:  # the card of an export is known only once it was converted
            host.model = host.model._replace(card=read_card(host.made))
        self.load_s = time.monotonic() - host.asked

    def handle_death(self, child: Child) -> bool:
        """Note the death of one of the hosts."""
        for host in self._hosts:
            if host.child is child:
                host.gone, host.ready = True, False
                self._hosts.remove(host)
                if not host.error:
                    host.error = f"its host ended (exit {child.exit_code})"
                    self._crash(host)
                return True
        return False

    def _crash(self, host: HostProcess) -> None:
        host.crashed = True
        self._crashes.setdefault(host.model.path, []).append(time.monotonic())

    def tick(self) -> None:
        """A few times each 100 ms: end what hangs while loading; for memory, let go of what nobody plays."""
        now = time.monotonic()
        for host in self._hosts:
            slow = not host.ready and not host.idle and now - host.asked > LOAD_S
            if slow and not host.error:
                host.error = f"it did not load in {LOAD_S:.0f} s"
                host.child.kill()
        unused = [h for h in self._hosts if h.ready and not h.lanes and not self._wanted(h.model.path)]
        if unused and sum(h.megabytes for h in self._hosts) > BUDGET_MB:
            oldest = min(unused, key=lambda host: host.left)
            oldest.error = "let go to save memory"
            oldest.child.kill()
            self._tell(f"{oldest.model.card.name} is let go: over {BUDGET_MB / 1000:.0f} GB of models")

    def end(self) -> None:
        """Kill them all."""
        for host in self._hosts:
            host.child.kill()


def _stamp(path: Path) -> tuple[int, int]:
    """Tells a file from what was written in its place since; (0, 0) where it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
