"""The two mixer processes: one behind a device's callback, one on a clock of its own; nothing else.

Only the one that the stage has named owner pulls the decks; the other is silent and ready. When a device or
its server dies, this process is thrown away (PortAudio would hang in it for ever), the clock mixer goes on
from the same rings and the same table, and a new device mixer knocks until the device is back.

    python -m perform.audio.mixer_process clock|device        (orders and reports: perform/core/messages.py)
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from perform.audio import device as devices
from perform.audio.mixer import Mixer
from perform.core.arena import CLOCK, DEFAULT_BLOCK, DEFAULT_RATE, DEVICE, METER_SLOTS, Arena
from perform.core.lifeline import Lifeline
from perform.core.messages import DeviceLost, DevicePlaying, DeviceWaiting, MixerReady, StartMixer
from perform.core.realtime import AUDIO_PRIORITY, real_time
from perform.core.ring_buffers import Audio

STALL_S = 0.25  #: a device that has not called for this long is dead
IDLE_S = 0.01  #: between two looks at the owner
KNOCK_S = 0.5  #: between two tries to open a device
FIRST_OPENING = (0.1, 2.0)  #: a stage's first sound rises from -20 dB over two seconds
AGAIN_OPENING = (0.0, 0.02)  #: a replaced mixer is there at once


class MixerBlock:
    """[audio] The mixer as long as this process owns the decks, silence else."""

    def __init__(self, arena: Arena, me: int, rate: float, patient: bool) -> None:
        self._arena, self._me, self._rate, self._patient = arena, me, rate, patient
        self._mixer: Mixer | None = None
        self._beat = METER_SLOTS["beat/device" if me == DEVICE else "beat/clock"]

    @property
    def owns(self) -> bool:
        """Whether the stage has named this process."""
        return bool(self._arena.meters[METER_SLOTS["owner"]] == self._me)

    def fill(self, out: Audio, heard: Audio | None = None, buffered: float = 0.0) -> None:
        """[audio] One block into `out` (n, 2); heard (n, 1 or 2): what came in meanwhile.

        buffered : seconds from one to the other that the device adds
        """
        began = time.monotonic()
        meters = self._arena.meters
        if not self.owns:
            self._mixer = None
            out[:] = 0.0
        else:
            if self._mixer is None:
                self._mixer = self._take_over(began, len(out))
            meters[METER_SLOTS["time"]] = began
            self._mixer.fill(out, heard)
            load = (time.monotonic() - began) * self._rate / len(out)
            meters[METER_SLOTS["load"]] = max(load, meters[METER_SLOTS["load"]] * 0.995)
            meters[METER_SLOTS["block"]] = len(out)
            meters[METER_SLOTS["buffered"]] = buffered
        meters[self._beat] += 1

    def _take_over(self, now: float, block: int) -> Mixer:
        """A fresh mixer; frames that nobody mixed since the last block become silence on the tape."""
        arena = self._arena
        opening = AGAIN_OPENING if arena.meter("heard") else FIRST_OPENING
        if self._me == DEVICE:
            arena.show("heard", 1)
        if not arena.meter("frames"):
            return Mixer(arena, self._rate, patient=self._patient, opening=opening)
        missed = round((now - arena.meter("time")) * self._rate) - round(arena.meter("block"))
        blocks = max(0, min(missed, arena.tape.capacity)) // block
        silence = np.zeros((block, 2), np.float32)
        for _ in range(blocks):
            for track in arena.tracks.values() if arena.meter("tracks/on") else ():
                if track is not arena.tape:
                    track.write_ahead(silence)
            arena.tape.write(silence)
            arena.show("missed", arena.meter("missed") + block)
            arena.show("frames", arena.meter("frames") + block)
        return Mixer(arena, self._rate, patient=self._patient, opening=opening, missed=blocks * block)


def _settle() -> None:
    """No garbage collection from here on: it is what stops a callback for 5 to 100 ms."""
    gc.collect()
    gc.freeze()
    gc.disable()


def run_clock(line: Lifeline, arena: Arena, rate: float, block: int) -> None:
    """[audio] Pull at the pace of the monotonic clock whenever this process owns the decks."""
    arena.show("realtime", real_time(AUDIO_PRIORITY))
    pull = MixerBlock(arena, CLOCK, rate, patient=False)
    out = np.zeros((block, 2), np.float32)
    _settle()
    line.report(MixerReady())
    due = time.monotonic()
    while True:
        owned = pull.owns
        pull.fill(out)
        if not owned:
            time.sleep(IDLE_S)
            due = time.monotonic()
            continue
        due += block / rate
        ahead = due - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        elif ahead < -0.5:  # the machine slept: go on from now
            due = time.monotonic()


def run_device(line: Lifeline, arena: Arena, order: StartMixer) -> None:
    """Open the device as soon as it is there, then watch over it; ends with the process when it is gone."""
    block = order.block or DEFAULT_BLOCK
    told = ""
    first = True

    while True:
        arena.show("beat/device", arena.meter("beat/device") + 1)  # knocking is a sign of life
        try:
            sd = devices.portaudio()
            chosen, why = devices.choose(sd, order.device)
            rate: float = order.rate or arena.meter("rate") or chosen.rate
            pull = MixerBlock(arena, DEVICE, rate, order.patient)

            def callback(
                heard: Audio | None, out: Audio, buffered: float, status: Any, pull: MixerBlock = pull
            ) -> None:
                nonlocal first
                if first:
                    arena.show("realtime", real_time(AUDIO_PRIORITY))
                    first = False
                if status and pull.owns:
                    arena.show("xruns", arena.meter("xruns") + 1)
                pull.fill(out, heard, buffered)

            _settle()
            ear, input_error = devices.choose_input(sd, chosen, order.input)
            stream = devices.open_stream(sd, chosen, ear, rate, block, callback)
            break
        except devices.NoDevice as error:
            if str(error) != told:
                told = str(error)
                line.report(DeviceWaiting(told))
            time.sleep(KNOCK_S)

    real_time(
        AUDIO_PRIORITY
    )  # this thread too: preempted with the interpreter's lock, it would stop the callback
    line.report(DevicePlaying(f"{chosen}, {rate:.0f} Hz, {block} frames", why, rate, input_error))
    stall = max(STALL_S, 4 * block / rate, 5.0 if order.patient else 0.0)
    beat, at = -1.0, time.monotonic()
    while stream.active and time.monotonic() - at < stall:
        if arena.meter("beat/device") != beat:
            beat, at = arena.meter("beat/device"), time.monotonic()
        time.sleep(0.02)
    line.report(DeviceLost(str(chosen)))
    os._exit(3)  # closing the stream of a dead server hangs


def main() -> None:
    """[main] Wait for the order to start; the end of the lifeline ends the process."""
    line = Lifeline()
    order = line.next()
    if not isinstance(order, StartMixer):
        return

    def end_with_stage() -> None:
        while line.next() is not None:
            pass
        os._exit(0)

    threading.Thread(target=end_with_stage, name="end", daemon=True).start()
    arena = Arena.open(Path(order.arena))
    if sys.argv[1] == "clock":
        run_clock(line, arena, order.rate or DEFAULT_RATE, order.block or DEFAULT_BLOCK)
    else:
        run_device(line, arena, order)


if __name__ == "__main__":
    main()
