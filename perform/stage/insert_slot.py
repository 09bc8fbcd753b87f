"""An insert: one place for an effect module, between a deck's decoder and its fader, or before the master's.

A new module loads while the old one plays on. Then the old one fades out, and the new one fades in as soon as
it has had sound for as long as its delay. The sound goes on without a module that hangs or dies.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from perform.core import params
from perform.core.arena import Arena
from perform.core.attributes import Texts
from perform.core.errors import PerformError
from perform.core.params import ATTRIBUTES, AttributeValues
from perform.library.model_library import find_model
from perform.stage.deck_lane import LanePhase
from perform.stage.fed_lane import FedLane
from perform.stage.host_pool import HostPool
from perform.stage.model_host import HostProcess
from perform.stage.model_place import ModelPlace
from perform.stage.status import InsertStatus

FADE_S = 0.03  #: of a module that enters or leaves
AGAIN_S = 30.0  #: seconds between two lines of the log about a late module


class ArmedModule(NamedTuple):
    """The module that the armed song wants here.

    path  : None: it has none;  error : why, where the song names one
    texts : of its attributes
    """

    path: Path | None
    error: str
    texts: Texts


class InsertSlot(ModelPlace):
    """One of the nine inserts; 0 is the master's, N deck N's.

    armed : the module that the armed song wants
    """

    def __init__(self, insert: int, arena: Arena, hosts: HostPool, log: Callable[[str], None]) -> None:
        place = f"insert of deck {insert}" if insert else "insert of the master"
        super().__init__(place, params.insert_slots(insert), arena, hosts, log)
        self._lane = FedLane(arena, insert)
        self._chosen: HostProcess | None = None  # of the module that plays, or will play
        self._attributes: AttributeValues | None = None  # that it begins with
        self.armed = ArmedModule(None, "", {})
        self._armed_host: HostProcess | None = None
        self._texts: Texts = {}
        self._late, self._late_logged = 0.0, -AGAIN_S

    # -- what plays

    @property
    def plays(self) -> bool:
        """The module that the player wants processes the sound."""
        return self._lane.phase is LanePhase.PLAYING and self._lane.host is self._host

    @property
    def settled(self) -> bool:
        """No module is loading."""
        return self._host is None or self.plays

    @property
    def _host(self) -> HostProcess | None:
        return self._chosen

    @property
    def wanted(self) -> set[Path]:
        """The modules that play, load or are prepared here."""
        hosts = (self._lane.host, self._host, self._armed_host)
        return {host.model.path for host in hosts if host}

    def status(self) -> InsertStatus | None:
        """Its part of a `Status`; None without a module."""
        host, path = self._host, self.assigned
        if path is None:
            return InsertStatus(error=self.error) if self.error else None
        if host is None:
            return InsertStatus(model=path.stem, error=self.error)
        return InsertStatus(
            model=host.model.card.name,
            path=str(path),
            plays=self.plays,
            delay=self._lane.delay_s if self.plays else 0.0,
            delay_known=host.model.card.delay_known,
            attributes=host.attributes,
            texts={number: tuple(values) for number, values in self._texts.items()},
            actions=host.actions,
            error=self.error,
        )

    # -- loading

    def load(self, model: str) -> None:
        """Load a module by name or path; WrongUse where there is none.

        Another one begins with its default attributes.
        """
        path = find_model(model)
        same = self._host is not None and self._host.model.path == path
        self.load_file(path, attributes=None if same else params.default_attributes())

    def load_file(self, path: Path, *, attributes: AttributeValues | None = None) -> None:
        """Load a module's file; attributes: the values it begins with, else those in the table."""
        self._hosts.forget_crashes(path)
        self._load(path, attributes)

    def _load(self, path: Path, attributes: AttributeValues | None = None) -> None:
        self._chosen, self._attributes = self._hosts.get(path), attributes
        self.error, self._failed_path = "", None

    def _load_or_fail(self, path: Path, attributes: AttributeValues | None = None) -> None:
        try:
            self._load(path, attributes)
        except PerformError as error:  # the file is gone
            self.fail(str(error), path)

    def resume(self, path: Path | None) -> None:
        """After a crash of the stage: the module that played here, with the values in the table."""
        if path is None:
            self.unload()
        elif path != self.model:
            self._load_or_fail(path)

    def unload(self) -> None:
        """Fade out and release the module."""
        self._chosen, self.error, self._failed_path = None, "", None
        self._lane.leave(FADE_S)

    def fail(self, error: str, path: Path | None = None) -> None:
        """A module (of the file `path`, where it is known) cannot play; one that plays goes on."""
        self.error = error
        self._log(f"{self._place}: {error}; the sound goes on without it")
        self._chosen = self._lane.host if self._lane.phase is LanePhase.PLAYING else None
        self._failed_path = None if self._host else path

    def set_texts(self, texts: Texts) -> None:
        """Set the texts of the attributes to those of the song that plays."""
        if texts != self._texts:
            self._texts = texts
            self._lane.set_texts(texts)

    # -- the armed song

    def prepare(self, path: Path | None, error: str = "", texts: Texts | None = None) -> None:
        """Load the armed song's module at low priority; the arguments are those of an `ArmedModule`."""
        self.armed, self._armed_host = ArmedModule(path, error, texts or {}), None

    @property
    def is_prepared(self) -> bool:
        """There is nothing to wait for before the armed song plays."""
        host = self._armed_host
        return self.armed.path is None or self.keeps_module or bool(host and (host.ready or host.error))

    @property
    def keeps_module(self) -> bool:
        """The module that plays goes on in the armed song."""
        return self.armed.path is not None and self.armed.path == self.model

    def play_next(self) -> None:
        """[inside a batch] Play the armed song's module, in place of the one that plays."""
        (path, error, texts), keeps = self.armed, self.keeps_module
        self.prepare(None)
        self.set_texts(texts)
        if keeps:
            return
        self.unload()
        if path:
            self._load_or_fail(path)
        elif error:
            self.fail(error)

    # -- every tick

    def tick(self) -> None:
        """[main, about every 15 ms] Advance the lane and the loading module; replace a crashed host."""
        lane, host = self._lane, self._host
        lane.tick()
        if lane.host:
            self._refused.restore(lane.mode, lane.host.take_refused(lane.index))
        self._load_armed()
        if lane.host and lane.host.gone:
            lane.leave(0.0)
        if host is None:
            return
        if host.gone or host.error:
            self._recover(host)
        elif host.ready and not host.takes_sound:
            name = host.model.card.name
            self.fail(f"{name} takes no sound: an insert is an effect module", host.model.path)
        elif lane.phase is LanePhase.FREE and host.ready:
            self._begin(host)
        elif lane.phase is LanePhase.FILLING and lane.full:
            lane.enter(FADE_S)
            self._watch.start()
            self._late = lane.late
            self._log(f"{self._place}: {host.model.card.name}, {1000 * lane.delay_s:.0f} ms later")
        elif lane.phase is LanePhase.PLAYING and lane.host is host:
            self._attributes = None  # they were those of a module that never played
            self._watch.check(lane)
            self._log_late()
            if lane.is_too_short:
                lane.leave(FADE_S)  # and enter again, with a longer delay
        elif lane.phase in (LanePhase.PLAYING, LanePhase.FILLING) and lane.host is not host and host.ready:
            lane.leave(FADE_S)

    def _begin(self, host: HostProcess) -> None:
        """[the lane is free] Give the module sound."""
        if self._attributes is not None:
            first, values = self._bank.start, self._attributes[:ATTRIBUTES]
            with self._arena.batch():
                self._arena.table[first : first + ATTRIBUTES] = values
            self.moved |= {*range(first, first + ATTRIBUTES)}
            self._attributes = None
        try:
            self._lane.feed(host, self._texts)
        except PerformError as error:
            self.fail(str(error), host.model.path)

    def _log_late(self) -> None:
        """Say now and then that the module is late."""
        late, now = self._lane.late, time.monotonic()
        if late > self._late and now - self._late_logged > AGAIN_S:
            self._late_logged = now
            self._log(
                f"{self._place}: late, the sound went on without it; set a safer margin and load it again"
            )
        self._late = late

    def _load_armed(self) -> None:
        """Load the armed song's module, once nothing else loads here."""
        if self.armed.path and not self._armed_host and self.settled:
            try:
                self._armed_host = self._hosts.get(self.armed.path, idle=True)
            except PerformError as error:  # the file is gone
                self._log(f"{self._place}: {error}")
                self.armed = self.armed._replace(path=None, error=str(error))

    def _recover(self, host: HostProcess) -> None:
        """The module cannot be loaded, or its host has died: load it again, unless it crashes too often."""
        path = host.model.path
        if self._lane.host is host:
            self._lane.leave(0.0)
        self._chosen = None
        if not host.crashed:
            self.fail(host.error, path)
        elif self._hosts.crashed_too_often(path):
            self.fail(f"{host.error}, three times in a minute; load it again to retry", path)
        else:
            self._log(f"{self._place}: {host.error}, loading it again; the sound goes on without it")
            self._load_or_fail(path, self._attributes)
