"""The process in charge: it starts the others, takes commands, and replaces whoever dies. It makes no sound.

One loop, one thread: reports, deaths and commands come through one queue. Small enough never to die.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from perform.core.arena import Arena
from perform.core.arena_layout import DEFAULT_BLOCK, DEFAULT_RATE, NO_DEVICE, NO_MIXER
from perform.core.errors import PerformError, WrongUse
from perform.core.files import write_atomically
from perform.core.messages import AnyReport, AttributeRefused, OpenRecorder, StartHost, StartMixer
from perform.core.params import DECKS, SLOTS, slot
from perform.core.realtime import STAGE_PRIORITY, request_real_time
from perform.library import places, sets
from perform.stage import autosave, commands
from perform.stage.child import Child, ChildOwner, KeptChild
from perform.stage.client import STAGE_FILE, Door
from perform.stage.commands import Answer, AnyCommand, Reply
from perform.stage.controllers import Controllers
from perform.stage.deck import UNLOAD_S, Deck
from perform.stage.host_pool import HostPool
from perform.stage.lock import Lock
from perform.stage.mixers import Mixers
from perform.stage.narrator import Narrator
from perform.stage.overload import Overload
from perform.stage.recording import Recording, TakeOptions
from perform.stage.server import Server
from perform.stage.show import Show
from perform.stage.status import Status

TICK_S = 0.015
DEVICE_WAIT_S = 4.0  #: the device mixer may take so long to say what it found
SETTLE_S = 30.0  #: models may take so long to load before a timed run begins without them
TAKE_CLOSE_S = 5.0  #: the recorder may take so long to close a take at the end
LOOK_S = 0.5  #: somebody who only looks whether a stage lives holds its lock for less
SPARE_STALL_S = 3600.0  #: a spare has no beat to stand still

Tell = Callable[[str], None]


class StageOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to play. None and empty mean: choose."""

    set: str = ""  #: "": what was playing when the last stage died, else the set `demo`
    fresh: bool = False  #: do not go on where a stage that died left off
    device: str | None = None  #: "null" for none
    input: str | None = None  #: what to listen to; None: nothing
    rate: int | None = None
    block: int | None = None
    patient: bool = False  #: wait for every deck: for a server that runs ahead of time
    mapping: str = ""  #: instead of the set's own
    margin: Literal["tight", "normal", "safe"] | None = (
        None  #: how early hosts render, instead of the set's own
    )
    ports: tuple[str, ...] = ()  #: MIDI port fragments; none: all
    record: bool = False  #: from the first moment
    stems: bool = False  #: takes have a file each deck
    pre: bool = False  #: and one from before the limiter
    float32: bool = False  #: 32-bit float instead of 24-bit PCM
    retro: float = 5.0  #: minutes of the past that can be kept
    seconds: float | None = None  #: end after so long


class Stage:
    """One stage in one runtime folder: all that is in charge, and none of the sound.

    tell : takes each line of the log as it is made
    """

    def __init__(self, options: StageOptions, runtime: Path, tell: Tell) -> None:
        self._options, self._runtime, self._narrate = options, runtime, Narrator(tell)
        resumed = None if options.fresh else autosave.read()
        if resumed and (resumed.clean or options.set not in ("", resumed.asked)):
            resumed = None
        asked = options.set or (resumed.asked if resumed else "demo")
        try:
            path = sets.find_set(asked)
            made = sets.read_set(path)
        except PerformError:
            if resumed is None:
                raise
            path, made = Path(resumed.path), resumed.set  # its file is gone since, or broken
        self._lock = Lock(runtime)
        if not self._lock.take(LOOK_S):
            hint = "`perform attach` goes there, `perform stop` ends it"
            raise WrongUse("a stage is playing already", where=str(runtime), hint=hint)
        for stale in (runtime / STAGE_FILE, *runtime.glob("*.arena"), *runtime.glob("*.retro")):
            with contextlib.suppress(OSError):  # where a mapped file cannot go (Windows)
                stale.unlink(missing_ok=True)
        self._errors = (runtime / "stage.log").open("ab", buffering=0)
        self._log: deque[str] = deque(maxlen=50)
        self._events: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._arena = arena = Arena.create(runtime / f"{os.getpid()}.arena")
        self._spare = KeptChild(self._host, time.monotonic)  # the next one; it has no beat but the clock's
        self._sound = Mixers(
            arena, self._mixer, self._tell, wanted=options.device != NO_DEVICE, patient=options.patient
        )
        self._find_rate()
        start = StartHost(str(arena.path), "", arena.meter("rate"), options.patient)
        self._hosts = HostPool(
            self._take_host,
            self._tell,
            start,
            lambda path: any(path in d.wanted for d in self._decks.values()),
            self._refused,
        )
        self._decks = {d: Deck(d, arena, self._hosts, self._tell) for d in range(1, DECKS + 1)}
        wanted = TakeOptions(options.stems, options.pre, options.float32, options.input is not None)
        self._recording = Recording(arena, self._recorder, self._tell, made.name, wanted)
        self._controllers = Controllers(arena, self._spawn, self._tell, options.mapping, options.ports)
        self._overload = Overload(arena, self._decks, self._tell)
        self._show = Show(
            arena,
            self._decks,
            self._hosts,
            self._tell,
            self._recording.mark,
            self._controllers.use_for_song,
            options.margin,
        )
        self._asked, self._resumed, self._file = asked, resumed, (made, path)
        self._ending = False

    # -- its processes

    def _spawn(self, module: str, *args: str) -> Child:
        return Child(self._events, self._errors, module, *args)

    def _host(self) -> Child:
        return self._spawn("perform.voice.host_process")

    def _take_host(self) -> Child:
        """The warm spare where there is one, else a cold host."""
        spare = self._spare.child
        if spare is None or spare.exit_code is not None:
            return self._host()
        self._spare.child = None
        return spare

    def _refused(self, report: AttributeRefused) -> None:
        deck = self._decks[report.lane // 2 + 1]
        deck.take_back(report.lane, report.place, report.number, report.kept, report.error)

    def _mixer(self, kind: str) -> Child:
        options, arena = self._options, self._arena
        child = self._spawn("perform.audio.mixer_process", kind)
        rate = options.rate or arena.meter("rate") or None
        block = options.block or (DEFAULT_BLOCK if kind == "clock" else None)
        child.order(StartMixer(str(arena.path), options.device, options.input, rate, block, options.patient))
        return child

    def _recorder(self) -> Child:
        child = self._spawn("perform.recorder.recorder_process")
        folders = tuple(str(folder) for folder in places.take_folders())
        child.order(OpenRecorder(str(self._arena.path), folders, 60 * self._options.retro))
        return child

    def _find_rate(self) -> None:
        """Wait for the device mixer's word: its rate becomes the stage's, for good."""
        arena = self._arena
        arena.set_meter("rate", self._options.rate or 0)
        arena.set_meter("block", self._options.block or DEFAULT_BLOCK)
        deadline = time.monotonic() + DEVICE_WAIT_S
        while not self._sound.settled and time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                child, report = self._events.get(timeout=TICK_S)
                if report is not None:
                    self._sound.handle_report(child, report)
                elif not self._spare.handle_death(child):
                    self._sound.handle_death(child)
            self._sound.tick()
            self._spare.tick(SPARE_STALL_S)
        if not arena.meter("rate"):
            arena.set_meter("rate", DEFAULT_RATE)
        self._sound.start()

    # -- the loop

    def run(self) -> str:
        """[main] Play until `Quit`, SIGINT or SIGTERM, or for `seconds`; returns the last take's path."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._quit)
        request_real_time(STAGE_PRIORITY)  # hosts that take all there is must not keep it from ending them
        server = Server(self._runtime, lambda command, reply: self._events.put((command, reply)))
        try:
            self._open_door(server)
            self._open()
            self._play()
        finally:
            server.close()
            self._end()
            self._lock.release()
        return self._recording.last

    def _open(self) -> None:
        """The set from its beginning, or from where a stage that died left off."""
        if self._resumed:
            try:
                self._show.resume(self._resumed)
                return
            except Exception as error:  # whatever was saved: the set as it is written plays
                self._tell(f"what was left by a crash cannot be resumed: {error!r}")
        self._show.open(self._asked, *self._file)

    def _play(self) -> None:
        opened, begun, end = time.monotonic(), False, float("inf")
        while not self._ending and time.monotonic() < end:
            self._step()
            loading = any(not deck.settled for deck in self._decks.values())
            if not begun and (not loading or time.monotonic() - opened > SETTLE_S):
                begun = True
                if self._options.record:
                    self._recording.record(lambda answer: None, commands.StartRecording())
                if self._options.seconds is not None:
                    end = time.monotonic() + self._options.seconds

    def _step(self) -> None:
        """One event if there is one, then one tick of everything; whatever goes wrong, the stage lives."""
        with contextlib.suppress(queue.Empty):
            who, what = self._events.get(timeout=TICK_S)
            if isinstance(who, Child):
                self._survive(lambda: self._hear(who, what))
            else:
                self._obey(who, what)
        for owner in self._owners():
            self._survive(owner.tick)
        for deck in self._decks.values():
            self._survive(deck.tick)
        self._survive(self._overload.tick)
        settled = all(deck.settled for deck in self._decks.values())
        self._survive(lambda: self._show.tick(settled=settled))
        if settled:
            self._survive(lambda: self._spare.tick(SPARE_STALL_S))

    def _owners(self) -> list[ChildOwner]:
        return [self._sound, self._recording, self._controllers, self._hosts]

    def _quit(self, *_: object) -> None:
        """[main] A signal, taken between two lines of the loop."""
        self._ending = True

    def _survive(self, work: Callable[[], object]) -> None:
        """Do it; a mistake of ours goes to the log, once, and never ends the stage."""
        try:
            work()
        except Exception as error:
            line = f"a mistake in the stage: {error!r}"
            if not any(line in said for said in self._log):
                self._tell(line)
                self._note()

    def _note(self) -> None:
        """All there is to know of a mistake, for whoever mends it; where there is no room, what was said."""
        with contextlib.suppress(OSError):
            self._errors.write(traceback.format_exc().encode())

    def _hear(self, child: Child, report: AnyReport | None) -> None:
        """Pass a report, or with None a death, to the owner of the child."""
        owners = self._owners()
        if report is not None:
            any(owner.handle_report(child, report) for owner in owners)
        elif not self._spare.handle_death(child):
            any(owner.handle_death(child) for owner in owners)

    def _obey(self, command: AnyCommand, reply: Reply) -> None:
        try:
            answer = self._do(command, reply)
        except PerformError as error:
            answer = Answer(error=str(error), exit_code=error.exit_code)
        except Exception as error:
            answer = Answer(error=f"a mistake in the stage: {error!r}", exit_code=1)
            self._note()
        if answer is not None:
            reply(answer)

    def _do(self, command: AnyCommand, reply: Reply) -> Answer | None:
        """Carry out a command; None where another process will know, and `reply` is called then."""
        match command:
            case commands.GetStatus():
                return Answer(status=self._status())
            case commands.StartRecording():
                self._recording.record(reply, command)
                return None
            case commands.KeepLastMinutes():
                self._recording.keep(reply)
                return None
            case commands.AddMarker(name):
                self._recording.mark(name)
            case commands.StopRecording():
                self._recording.stop(reply)
                return None
            case commands.UseMapping(name):
                self._controllers.use(name, reply)
                return None
            case commands.SaveMapping(name):
                self._controllers.save(name, reply)
                return None
            case commands.Learn(address):
                if address:
                    slot(address)
                self._controllers.learn(address, self._show.reach(address))
            case commands.Unlearn(address):
                slot(address)
                self._controllers.unlearn(address)
            case commands.Save(name):
                self._show.save(name, reply)
                return None
            case commands.Quit():
                self._ending = True
            case _:
                return self._show.do(command) or Answer(error="not a command", exit_code=2)
        return Answer()

    # -- words

    def _tell(self, line: str) -> None:
        self._log.append(f"{time.strftime('%H:%M:%S')} {line}")
        self._narrate(line)

    def _status(self) -> Status:
        control, recording = self._controllers, self._recording
        status = Status(
            set="",
            decks=tuple(deck.words() for deck in self._decks.values()),
            device=self._sound.device,
            midi=control.ports,
            midi_error=control.error,
            mapping=control.mapping,
            binds=control.binds,
            learning=control.learning,
            touched=control.touched,
            take=recording.take,
            last_take=recording.last,
            log=tuple(self._log),
        )
        return self._show.words(status)

    def _open_door(self, server: Server) -> None:
        """Written last and at once: who finds the file finds a stage that answers."""
        door = Door(os.getpid(), server.address, server.key, str(self._arena.path))
        write_atomically(self._runtime / STAGE_FILE, msgspec.json.encode(door), private=True)

    def _end(self) -> None:
        """Fade, close the take, end every process."""
        self._arena.table[SLOTS["master/mute"]] = 1
        block_s = self._arena.meter("block") / self._arena.meter("rate")
        fade, close = time.monotonic() + UNLOAD_S + 2 * block_s, time.monotonic() + TAKE_CLOSE_S
        while time.monotonic() < fade:
            self._step()
        self._survive(self._show.end)
        self._recording.stop(lambda answer: None)
        while self._recording.busy and time.monotonic() < close:
            self._step()
        self._arena.set_meter("owner", NO_MIXER)
        self._recording.end()
        self._controllers.end()
        self._sound.end()
        self._hosts.end()
        if self._spare.child:
            self._spare.child.kill()
        for path in (self._runtime / STAGE_FILE, self._arena.path, self._arena.path.with_suffix(".retro")):
            with contextlib.suppress(OSError):  # a mapped file cannot go on Windows: the next start clears it
                path.unlink()
        self._narrate.close()
