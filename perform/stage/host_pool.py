"""The host processes, one for each model: started, watched, kept warm, and ended to save memory.

A process that no deck plays stays within the memory budget; the one unused for the longest time goes first.
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

LOAD_S = 30.0  #: a host that is not ready after this long hangs; a first compilation takes some seconds
CRASHES, CRASH_WINDOW_S = (
    3,
    60.0,
)  #: after this many crashes in this time, a model is not loaded again automatically
HOST_MB = 130.0  #: memory of a process besides its weights
SOON_S = 0.2  #: the shortest estimate for a file that is still being encoded
BUDGET_MB = 2000.0  #: unused processes are ended when all processes together take more


class HostedModel(NamedTuple):
    """A model file and its card."""

    path: Path
    card: Card


class HostProcess:
    """One host process and the lanes it plays on. Only `HostPool` writes its public attributes.

    attributes, actions, has_prior : of its model
    ready : its model is warm ; error : why it cannot load ; gone : the process has ended
    crashed : it ended unasked, or failed while it played ; idle : it loads at low priority
    encoded : file -> how much of it is encoded, 0..1, and how many seconds that took
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
        self.encoded: dict[int, tuple[float, float]] = {}
        self.lanes: set[int] = set()  # it may write to these
        self.asked = self.left = time.monotonic()  # when it began to load; when it was last played

    def play(self, lane: int, deck: int, words: Texts) -> None:
        """Start a voice on a free lane; words: the texts of its attributes."""
        self.lanes.add(lane)
        self.child.order(StartVoice(lane, deck, words))

    def set_texts(self, lane: int, words: Texts) -> None:
        """New texts for the attributes of a voice."""
        self.child.order(SetTexts(lane, words))

    def drop(self, lane: int) -> None:
        """End a voice; the lane is free once it is no longer among `lanes`."""
        self.child.order(DropVoice(lane))

    def plays(self, lane: int) -> bool:
        """Whether it may still write to the lane."""
        return lane in self.lanes and not self.gone

    def seconds_to_encode(self, file: int, start: float) -> float:
        """About how many seconds until a file is encoded up to `start` (0..1); 0 for no file."""
        part, seconds = self.encoded.get(file, (0.0, 0.0))
        if not file or part > start or part >= 1:
            return 0.0
        return max(seconds * (start - part) / part if part else 0.0, SOON_S)

    @property
    def megabytes(self) -> float:
        """An estimate: the process, and its weights as large as on disk."""
        return HOST_MB + self.stamp[1] / 2**20


class HostPool:
    """The running host of each model; starts a new one where there is none.

    spawn : returns a host process, warm if there is one
    start : the order that starts a host, but for its model
    wanted: whether some deck plays a model, or is about to
    refused: called for each attribute value that a module refused
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
        self.load_s = 1.5  #: loading time of the last model, as an estimate for the next

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
        host.encoded = {number: encoded for number, encoded in host.encoded.items() if number in files}
        host.child.order(AssignDecks(self._decks, mine, files))

    def forget_crashes(self, path: Path) -> None:
        """Forget past crashes of a model, because the player loads it again."""
        self._crashes.pop(path, None)

    def crashed_too_often(self, path: Path) -> bool:
        """Whether a model crashed so often that it is not loaded again automatically."""
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
                host.encoded[file] = part, seconds
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
        """End a host that hangs while loading; end an unused host if memory is short."""
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
    """Modification time and size, which change when the file is replaced; (0, 0) if it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
