"""The host processes, one for each model: started, watched, kept warm, and ended to save memory.

All processes together have a memory budget. Above it, the pool ends the process that has been unused for the
longest time; a model that a deck plays, loads or prepares stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from perform.core.messages.host_messages import (
    AssignDecks,
    AttributeRefused,
    DeckAssignment,
    FileAssignment,
    FileEncoded,
    FramesTimed,
    HostFailed,
    HostLoading,
    HostLog,
    HostReady,
    RaisePriority,
    StartHost,
    VoiceDropped,
)
from perform.core.messages.message_lines import AnyReport
from perform.library import hashes
from perform.library.cards import read_card
from perform.stage.child import Child
from perform.stage.model_host import HostedModel, HostProcess, model_stamp

DeckAssignments = dict[int, DeckAssignment]  #: deck -> what it plays
FileAssignments = dict[Path, dict[int, FileAssignment]]  #: model -> number -> sound file to encode

LOAD_S = 120.0  #: a host that gets no further in loading for this long hangs; twice as long at each try
START = 4  #: times as long to the first step: the process must start first
CRASHES = 3  #: after this many crashes within CRASH_WINDOW_S, a model is not loaded again automatically
CRASH_WINDOW_S = 60.0
BUDGET_MB = 2000.0  #: unused processes are ended when all processes together take more


class HostPool:
    """The running host of each model; starts a new one where there is none.

    spawn : returns a host process without a model, warm if there is one
    start : the order that starts a host; the pool fills in the model
    """

    def __init__(self, spawn: Callable[[], Child], log: Callable[[str], None], start: StartHost) -> None:
        self._spawn, self._log, self._start = spawn, log, start
        self._hosts: list[HostProcess] = []
        self._in_use: set[Path] = set()
        self._decks: DeckAssignments = {}
        self._files: FileAssignments = {}
        self._crashes: dict[Path, list[float]] = {}
        self._hangs: dict[Path, int] = {}  # how often in a row a model hung while loading
        self.load_s = 1.5  #: loading time of the last model, as an estimate for the next

    def get(self, path: Path, *, idle: bool = False) -> HostProcess:
        """The host of a model, which may still have to load; WrongUse where the file is no model."""
        stamp = model_stamp(path)
        for host in self._hosts:
            if (host.model.path, host.stamp) == (path, stamp) and not host.error:
                if host.idle and not idle and not host.ready:
                    host.idle, host.asked = False, time.monotonic()
                    host.progress = host.asked
                    host.child.order(RaisePriority())
                return host
        host = HostProcess(HostedModel(path, read_card(path)), self._spawn(), idle=idle)
        host.child.order(msgspec.structs.replace(self._start, model=str(path), idle=idle))
        self._hosts.append(host)
        self._assign(host)
        return host

    @property
    def loads(self) -> dict[Path, float]:
        """Model -> its load: the measured render time of a frame over the frame's duration."""
        return {
            host.model.path: host.render_s * host.model.card.sample_rate / host.model.card.ratio
            for host in self._hosts
            if host.ready and host.render_s is not None
        }

    def keep(self, models: set[Path]) -> None:
        """Keep the hosts of these models, which the decks play, load or prepare."""
        self._in_use = models

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
            case FramesTimed(render_ms):
                host.render_s = render_ms / 1000.0
            case HostLoading(text):  # each step of loading has the whole time
                host.go_on()
                if text:
                    self._log(text)
            case HostLog(text):
                self._log(text)
            case FileEncoded(file, part, seconds):
                host.encoded[file] = part, seconds
            case AttributeRefused(lane):
                host.refused.setdefault(lane, []).append(report)
            case HostFailed(error):
                host.error = error
                if host.ready:
                    self._crash(host)
                host.child.kill()
            case VoiceDropped(lane):
                host.lanes.discard(lane)
                host.last_played = time.monotonic()

    def _ready(self, host: HostProcess, report: HostReady) -> None:
        host.ready, host.sha256, host.render_s = True, report.sha256, report.render_ms / 1000.0
        host.attributes, host.actions = report.attributes, report.actions
        host.has_prior, host.has_encoder = report.has_prior, report.has_encoder
        host.takes_sound, host.engine = report.takes_sound, report.engine
        host.resampling_s, host.shift_s = report.resampling_s, report.shift_s
        self._hangs.pop(host.model.path, None)
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
                    host.error = host.fault or f"its host ended (exit {child.exit_code})"
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
            if host.ready or host.idle or host.error:
                continue
            path = host.model.path
            limit = LOAD_S * 2 ** min(self._hangs.get(path, 0), 4) * (1 if host.has_begun else START)
            if now - host.progress > limit:
                self._hangs[path] = self._hangs.get(path, 0) + 1
                host.error = f"loading made no progress for {limit:.0f} s; load it again to wait longer"
                host.child.kill()
            elif host.is_slow():
                waited = now - host.asked
                self._log(f"{host.model.card.name} still loads after {waited:.0f} s: the machine is busy")
        unused = [h for h in self._hosts if h.ready and not h.lanes and h.model.path not in self._in_use]
        if unused and sum(host.megabytes for host in self._hosts) > BUDGET_MB:
            oldest = min(unused, key=lambda host: host.last_played)
            oldest.error = "unloaded to save memory"
            oldest.child.kill()
            self._log(
                f"{oldest.model.card.name} is unloaded: all models together exceed {BUDGET_MB / 1000:.0f} GB"
            )

    def end(self) -> None:
        """Kill them all."""
        for host in self._hosts:
            host.child.kill()
