"""The stage: it starts the other processes, carries out commands, and replaces children that die.

It makes no sound. One loop on one thread: reports, deaths and commands come through one queue, and an
error in one part goes to the log and never ends the loop.
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
from typing import NamedTuple

from perform.core import json_bytes, shared_memory
from perform.core.arena import Arena
from perform.core.arena_layout import DEFAULT_BLOCK, DEFAULT_RATE, NO_DEVICE, NO_MIXER
from perform.core.errors import PerformError, WrongUse
from perform.core.files import write_atomically
from perform.core.messages.message_lines import AnyReport
from perform.core.params import SLOTS
from perform.core.printable import printable
from perform.core.realtime import STAGE_PRIORITY, request_real_time
from perform.stage.child import Child, ChildEvent, ChildOwner
from perform.stage.child_processes import ChildProcesses
from perform.stage.client import STAGE_FILE, StageAddress
from perform.stage.command_table import CommandTable
from perform.stage.commands import Answer, AnyCommand, GetStatus, Learn, Quit, Reply, StartRecording, no_reply
from perform.stage.controllers import Controllers
from perform.stage.deck import UNLOAD_S
from perform.stage.first_set import choose_first_set
from perform.stage.host_pool import HostPool
from perform.stage.learn_command import LearnCommand
from perform.stage.lock import Lock
from perform.stage.mixers import Mixers
from perform.stage.narrator import Narrator
from perform.stage.options import StageOptions
from perform.stage.overload import Overload
from perform.stage.rack import Rack
from perform.stage.recording import Recording, TakeOptions
from perform.stage.server import Server
from perform.stage.show import Show
from perform.stage.status import Status
from perform.stage.stillness import Stillness

TICK_S = 0.015
DEVICE_WAIT_S = 4.0  #: the stage waits this long for the device mixer's first report
SETTLE_S = 30.0  #: a timed run starts after this long even if models are still loading
TAKE_CLOSE_S = 5.0  #: at the end, the stage waits this long for the recorder to close the take
LOCK_WAIT_S = 0.5  #: a process that only checks whether a stage runs holds its lock for less


class Request(NamedTuple):
    """A command of a client, and the function that answers it."""

    command: AnyCommand
    reply: Reply


class Stage:
    """One stage in one runtime folder.

    log : receives each line of the player's log, on a thread that may wait
    """

    def __init__(self, options: StageOptions, runtime: Path, log: Callable[[str], None]) -> None:
        self._options, self._runtime, self._narrator = options, runtime, Narrator(log)
        self._first = choose_first_set(options)
        self._lock = Lock(runtime)
        if not self._lock.take(LOCK_WAIT_S):
            hint = "`perform attach` shows it, `perform stop` ends it"
            raise WrongUse("a stage is playing already", where=str(runtime), hint=hint)
        for stale in (runtime / STAGE_FILE, *runtime.glob("*.arena"), *runtime.glob("*.retro")):
            with contextlib.suppress(OSError):  # Windows cannot delete a mapped file
                shared_memory.remove(stale)
        self._errors = (runtime / "stage.log").open("ab", buffering=0)
        self._lines: deque[str] = deque(maxlen=50)
        self._events: queue.SimpleQueue[ChildEvent | Request] = queue.SimpleQueue()
        self._arena = arena = Arena.create(runtime / f"{os.getpid()}.arena", posix=shared_memory.POSIX)
        self._children = children = ChildProcesses(options, arena, self._events, self._errors)
        wants_device = options.device != NO_DEVICE
        self._mixers = Mixers(arena, children.mixer, self._log, wanted=wants_device, patient=options.patient)
        self._find_rate()
        self._hosts = HostPool(children.host, self._log, children.host_order())
        self._rack = rack = Rack.empty(arena, self._hosts, self._log)
        takes = TakeOptions(options.stems, options.pre, options.float32, options.input is not None)
        self._recording = Recording(arena, children.recorder, self._log, self._first.made.name, takes)
        self._controllers = Controllers(arena, children.start, self._log, options.mapping, options.ports)
        self._osc = children.osc(self._log)
        self._clock_out = children.clock_out(self._log)
        self._overload = Overload(rack)
        self._show = Show(rack, self._recording, self._controllers, options.margin)
        self._commands = self._register_commands()
        self._stillness, self._busy = Stillness(arena), True
        self._ending = False

    def _find_rate(self) -> None:
        """Wait for the device mixer's report: the stage keeps this rate to its end."""
        arena = self._arena
        arena.set_meter("rate", self._options.rate or 0)
        for name in ("block", "burst"):
            arena.set_meter(name, self._options.block or DEFAULT_BLOCK)
        deadline = time.monotonic() + DEVICE_WAIT_S
        while not self._mixers.settled and time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                event = self._events.get(timeout=TICK_S)
                assert isinstance(event, ChildEvent)  # the server does not run yet
                if event.report is not None:
                    self._mixers.handle_report(event.child, event.report)
                elif not self._children.handle_death(event.child):
                    self._mixers.handle_death(event.child)
            self._mixers.tick()
            self._children.keep_spare()
        if not arena.meter("rate"):
            arena.set_meter("rate", DEFAULT_RATE)
        self._mixers.start()

    # -- the loop

    def run(self) -> str:
        """[main] Play until `Quit`, SIGINT or SIGTERM, or for `seconds`; returns the last take's path."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._interrupt)
        request_real_time(STAGE_PRIORITY)  # so that it can end hosts that use the whole CPU
        server = Server(self._runtime, lambda command, reply: self._events.put(Request(command, reply)))
        try:
            self._publish(server)
            self._open()
            self._play()
        finally:
            server.close()
            self._end()
            self._lock.release()
        return self._recording.last

    def _open(self) -> None:
        """Open the set, or resume where a crashed stage stopped."""
        first = self._first
        if first.problem:
            self._log(first.problem)
        if first.resumed:
            try:
                self._show.resume(first.resumed)
                return
            except Exception as error:  # however damaged the autosave is, the set on the disk can play
                self._log(f"the session before the crash cannot be resumed: {error!r}")
        self._show.open(first.name, first.made, first.path)

    def _play(self) -> None:
        opened, begun, end = time.monotonic(), False, float("inf")
        while not self._ending and time.monotonic() < end:
            self._step()
            if not begun and (self._rack.settled or time.monotonic() - opened > SETTLE_S):
                begun = True
                if self._options.record:
                    self._recording.record(no_reply, StartRecording())
                if self._options.seconds is not None:
                    end = time.monotonic() + self._options.seconds

    def _step(self) -> None:
        """Handle one event, if there is one, then let every part do its periodic work.

        While nothing changes, most of these ticks only look at the mixers.
        """
        try:
            event = self._events.get(timeout=max(min(TICK_S, self._show.wait), 0.0) if self._busy else TICK_S)
        except queue.Empty:
            pass
        else:
            self._busy = True
            if isinstance(event, ChildEvent):
                self._survive(lambda: self._handle_child(event.child, event.report))
            else:
                self._handle_command(event.command, event.reply)
        if self._stillness.skips(busy=self._busy):
            self._survive(self._mixers.tick)
            return
        self._survive(lambda: self._hosts.keep(self._rack.models_in_use))
        for owner in self._owners():
            self._survive(owner.tick)
        for place in self._rack.places:
            self._survive(place.tick)
        self._survive(self._overload.tick)
        settled = self._rack.settled
        self._survive(lambda: self._show.tick(settled=settled))
        if settled:
            self._survive(self._children.keep_spare)
        self._busy = not settled or self._show.is_moving

    def _owners(self) -> list[ChildOwner]:
        return [self._mixers, self._recording, self._controllers, self._osc, self._clock_out, self._hosts]

    def _interrupt(self, *_: object) -> None:
        """[main] Handle a signal that ends the stage.

        A `SimpleQueue.get` that a signal interrupts just after its timeout waits for ever (CPython 3.11), so
        the signal is an event, too. `SimpleQueue.put` may be called in a signal handler.
        """
        self._ending = True
        self._events.put(Request(Quit(), no_reply))

    def _quit(self) -> None:
        """[main] End after this step."""
        self._ending = True

    def _survive(self, work: Callable[[], object]) -> None:
        """Run a part; an error in it goes to the log, once, and never ends the stage."""
        try:
            work()
        except Exception as error:
            line = f"internal error in the stage: {error!r}"
            if not any(line in logged for logged in self._lines):
                self._log(line)
                self._log_traceback()

    def _log_traceback(self) -> None:
        with contextlib.suppress(OSError):  # the disk may be full
            for line in traceback.format_exc().splitlines():
                self._errors.write(f"{printable(line)}\n".encode())

    def _handle_child(self, child: Child, report: AnyReport | None) -> None:
        """Pass a report, or with None a death, to the owner of the child."""
        owners = self._owners()
        if report is not None:
            any(owner.handle_report(child, report) for owner in owners)
        elif not self._children.handle_death(child):
            any(owner.handle_death(child) for owner in owners)

    def _handle_command(self, command: AnyCommand, reply: Reply) -> None:
        try:
            self._commands.run(command, reply)
        except PerformError as error:
            reply(Answer(error=str(error), exit_code=error.exit_code))
        except Exception as error:
            self._log_traceback()
            reply(Answer(error=f"internal error in the stage: {error!r}", exit_code=1))

    def _register_commands(self) -> CommandTable:
        """The commands of the stage itself; each part registers its own."""
        table = CommandTable()
        table.on(GetStatus, lambda command: Answer(status=self._status()))
        show = self._show
        learn = LearnCommand(self._arena.table, self._controllers, show.knob_range, lambda: show.mapping_name)
        table.on(Learn, learn.run)
        table.on(Quit, lambda command: self._quit())
        self._recording.register(table)
        self._controllers.register(table)
        self._show.register(table)
        return table

    # -- log and status

    def _log(self, line: str) -> None:
        line = printable(line)
        self._lines.append(f"{time.strftime('%H:%M:%S')} {line}")
        self._narrator.write(line)

    def _status(self) -> Status:
        control, recording = self._controllers, self._recording
        status = Status(
            set="",
            decks=tuple(deck.status() for deck in self._rack.decks.values()),
            inserts=tuple(insert.status() for insert in self._rack.inserts.values()),
            device=self._mixers.device,
            midi=control.ports,
            midi_error=control.error,
            mapping=control.mapping,
            bindings=control.bindings,
            learning=control.learning.waiting,
            learnt=control.learning.learnt,
            learn_note=control.learning.note,
            touched=control.touched,
            other_mappings=control.other_mappings,
            osc=self._osc.port,
            clock_out=self._clock_out.port,
            retro=self._options.retro,
            stems=recording.stems,
            take=recording.take,
            last_take=recording.last,
            log=tuple(self._lines),
        )
        return self._show.complete(status)

    def _publish(self, server: Server) -> None:
        """Write the stage's file last and atomically: a client that finds it finds a stage that answers."""
        address = StageAddress(os.getpid(), server.address, server.key, str(self._arena.path))
        write_atomically(self._runtime / STAGE_FILE, json_bytes.encode(address), private=True)

    def _end(self) -> None:
        """Fade out, close the take, end every process."""
        self._arena.table[SLOTS["master/mute"]] = 1
        burst_s = self._arena.meter("burst") / self._arena.meter("rate")
        fade, close = time.monotonic() + UNLOAD_S + 2 * burst_s, time.monotonic() + TAKE_CLOSE_S
        while time.monotonic() < fade:
            self._step()
        self._survive(self._show.end)
        self._recording.stop(no_reply)
        while self._recording.busy and time.monotonic() < close:
            self._step()
        self._arena.set_meter("owner", NO_MIXER)
        self._recording.end()
        self._controllers.end()
        self._osc.end()
        self._clock_out.end()
        self._mixers.end()
        self._hosts.end()
        self._children.end()
        for path in (self._runtime / STAGE_FILE, self._arena.path, self._arena.path.with_suffix(".retro")):
            with contextlib.suppress(OSError):  # Windows cannot delete a mapped file; the next start does
                shared_memory.remove(path)
        self._narrator.close()
