"""The model that the armed song wants on a deck: it loads at idle priority and renders ahead, unheard."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from perform.core.arena import Arena
from perform.core.arena_layout import NEXT
from perform.core.attributes import Texts
from perform.core.params import SLOTS
from perform.stage.deck_lane import DeckLane
from perform.stage.host_pool import HostPool
from perform.stage.lane_pair import LanePair
from perform.stage.model_host import HostProcess


@dataclass(slots=True)
class PendingModel:
    """A model that will play: its host process, and its lane once it has one.

    fade   : seconds of its fade-in
    values : slot -> value of the deck's parameters from its first frame on; the others are as in the table
    """

    host: HostProcess
    fade: float
    lane: DeckLane | None = None
    values: Mapping[int, float] = field(default_factory=dict)

    def release_lane(self) -> None:
        """Stop rendering ahead and free the lane."""
        if self.lane:
            self.lane.leave(0.0)
            self.lane = None


class ArmedState(NamedTuple):
    """How far a deck is with the armed song's model.

    path  : the model file; None: the deck will be empty
    asked : when the song was armed, monotonic seconds
    ready : nothing to wait for before the song plays;  loading : the model is not warm yet
    failed : its model cannot be loaded: the deck will be empty
    encoding_s : about how many seconds until the sound file is encoded up to its start
    """

    path: Path | None
    asked: float
    ready: bool
    loading: bool
    encoding_s: float
    failed: bool


class ArmedModel:
    """One deck's part of the armed song.

    path  : the model file; None: the deck will be empty
    error : why the deck will be empty although the song names a model
    texts : texts of the model's attributes;  file : number of the sound file for the source "file"

    `kept` is the host of the playing model where the armed song uses the same model, else None.
    """

    def __init__(self, arena: Arena, hosts: HostPool, lanes: LanePair, deck: int) -> None:
        self._arena, self._hosts, self._lanes = arena, hosts, lanes
        self._start = SLOTS[f"deck/{deck}/file/start"]
        self.path: Path | None = None
        self.error, self.file = "", 0
        self._asked = 0.0
        self.texts: Texts = {}
        self.pending: PendingModel | None = None

    def prepare(self, path: Path | None, error: str, texts: Texts, file: int) -> None:
        """Replace what was armed."""
        self.release()
        self.path, self.error, self.texts, self.file = path, error, texts, file
        self._asked = time.monotonic()

    def release(self) -> None:
        """Stop preparing; the path stays."""
        if self.pending:
            self.pending.release_lane()
        self.pending = None

    def release_lane(self) -> None:
        """Give up the lane for a model that is to play sooner; the host stays warm."""
        if self.pending:
            self.pending.release_lane()

    def take(self) -> PendingModel | None:
        """Hand over the prepared model, which plays now."""
        pending, self.pending = self.pending, None
        return pending

    def state(self, kept: HostProcess | None) -> ArmedState:
        """How far it is."""
        pending = self.pending
        loading = bool(self.path and not kept and not (pending and pending.host.ready))
        encoding_s = self._seconds_to_encode(kept)
        failed = bool(pending and not kept and pending.host.error)
        return ArmedState(self.path, self._asked, self._is_ready(kept), loading, encoding_s, failed)

    def _is_ready(self, kept: HostProcess | None) -> bool:
        """The file is encoded, and the model has rendered ahead or plays already."""
        if self.path is None:
            return True
        if kept:
            return not self._seconds_to_encode(kept)
        pending = self.pending
        return bool(pending and ((pending.lane and pending.lane.full) or pending.host.error))

    def _seconds_to_encode(self, kept: HostProcess | None) -> float:
        """About how long until the file is encoded up to its start; 0 while the model still loads."""
        host = kept or (self.pending.host if self.pending else None)
        if not self.path or not host or not host.ready:
            return 0.0
        return host.seconds_to_encode(self.file, float(self._arena.next[self._start]))

    def tick(self, kept: HostProcess | None) -> None:
        """Load the model; as soon as a lane is free, let it render ahead."""
        if self.path is None:
            return
        pending = self.pending
        if kept:
            self.release()
        elif pending is None:
            self.pending = PendingModel(self._hosts.get(self.path, idle=True), fade=0.0)
        elif pending.host.crashed and not self._hosts.crashed_too_often(self.path):
            self.pending = None  # load it again; a model that was refused is not tried again
        elif pending.host.ready and pending.lane is None and not self._seconds_to_encode(None):
            pending.lane = self._lanes.free
            if pending.lane:
                pending.lane.fill(pending.host, NEXT, self.texts, self.file)
