"""How the stage starts each kind of child process, and the warm spare for the next model."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import IO

from perform.control.osc_address import host_and_port
from perform.core.arena import Arena
from perform.core.arena_layout import DEFAULT_BLOCK
from perform.core.messages.host_messages import StartHost
from perform.core.messages.mixer_messages import Connections, StartMixer
from perform.core.messages.port_messages import PortOrder, StartClockOut, StartOsc
from perform.core.messages.recorder_messages import OpenRecorder
from perform.library import places
from perform.stage.child import Child, ChildEvents, KeptChild
from perform.stage.options import StageOptions
from perform.stage.port_process import PortProcess

SPARE_STALL_S = 3600.0  #: the spare's beat is the clock, so it never stalls


class ChildProcesses:
    """Starts children with the stage's options. Their events go to `events`, their errors to `log`."""

    def __init__(self, options: StageOptions, arena: Arena, events: ChildEvents, log: IO[bytes]) -> None:
        self._options, self._arena, self._events, self._log = options, arena, events, log
        self._spare = KeptChild(self._cold_host, time.monotonic)  # a host process that waits for its model

    def start(self, module: str, *args: str) -> Child:
        """Start a child that runs a module."""
        return Child(self._events, self._log, module, *args)

    def mixer(self, kind: str, connections: Connections | None = None) -> Child:
        """Start the "device" or the "clock" mixer. connections : see `StartMixer`."""
        options, arena = self._options, self._arena
        rate = options.rate or arena.meter("rate") or None
        block = options.block or (DEFAULT_BLOCK if kind == "clock" else None)
        order = StartMixer(
            *(str(arena.path), options.device, options.input, rate, block, options.patient, connections),
            cue=options.cue,
        )
        child = self.start("perform.audio.mixer_process", kind)
        child.order(order)
        return child

    def osc(self, log: Callable[[str], None]) -> PortProcess:
        """The process that receives OSC; it starts if the options say where."""
        wanted, arena = self._options.osc, self._arena
        start = StartOsc(str(arena.path), *host_and_port(wanted)) if wanted else None
        return self._port_process("OSC", "perform.control.osc_process", "heartbeat/osc", start, log)

    def clock_out(self, log: Callable[[str], None]) -> PortProcess:
        """The process that sends MIDI clock; it starts if the options name a port."""
        wanted = self._options.clock_out
        start = StartClockOut(str(self._arena.path), wanted) if wanted else None
        module, beat = "perform.control.clock_out_process", "heartbeat/clock_out"
        return self._port_process("MIDI clock to", module, beat, start, log)

    def _port_process(
        self, title: str, module: str, beat: str, start: PortOrder | None, log: Callable[[str], None]
    ) -> PortProcess:
        arena = self._arena
        return PortProcess(title, start, lambda: self.start(module), lambda: arena.meter(beat), log)

    def recorder(self) -> Child:
        """Start the recorder."""
        folders = tuple(str(folder) for folder in places.take_folders())
        order = OpenRecorder(str(self._arena.path), folders, 60 * self._options.retro)
        child = self.start(
            "perform.recorder.recorder_process"
        )  # after all that can raise: it has no owner yet
        child.order(order)
        return child

    def host(self) -> Child:
        """A host process without a model: the warm spare if there is one, else a cold one."""
        spare = self._spare.child
        if spare is None or spare.exit_code is not None:
            return self._cold_host()
        self._spare.child = None
        return spare

    def host_order(self) -> StartHost:
        """The order that starts a host, but for its model."""
        options, rate = self._options, self._arena.meter("rate")
        arena = str(self._arena.path)
        return StartHost(arena, "", rate, options.patient, gpu=options.gpu, openvino=options.openvino)

    def _cold_host(self) -> Child:
        return self.start("perform.voice.host_process")

    def keep_spare(self) -> None:
        """Start a spare host process where there is none."""
        self._spare.tick(SPARE_STALL_S)

    def handle_death(self, child: Child) -> bool:
        """Note the death of the spare; False where the child is not the spare."""
        return self._spare.handle_death(child)

    def end(self) -> None:
        """Kill the spare; the owners end the other children."""
        if self._spare.child:
            self._spare.child.kill()
