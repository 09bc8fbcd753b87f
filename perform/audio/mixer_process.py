"""The two mixer processes: one runs in an audio device's callback, one on the monotonic clock.

The stage makes one of them the owner of the decks; the other outputs silence and waits. When the device or
its server dies, its process ends (PortAudio would hang in it), and the clock mixer continues with the same
ring buffers and parameters. A new device mixer tries to open the device until it is back.

    python -m perform.audio.mixer_process clock|device        (see core/messages/mixer_messages.py)
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
from perform.audio.device_pace import DevicePace
from perform.audio.mixer import Mixer
from perform.core.arena import Arena
from perform.core.arena_layout import CLOCK, DEFAULT_BLOCK, DEFAULT_RATE, DEVICE, METER_SLOTS, RING_FRAMES
from perform.core.lifeline import Lifeline
from perform.core.messages.mixer_messages import (
    DeviceLost,
    DevicePlaying,
    DeviceWaiting,
    MixerReady,
    StartMixer,
)
from perform.core.realtime import AUDIO_PRIORITY, request_real_time
from perform.core.ring_buffers import Audio

STALL_S = 0.25  #: a device that has not called back for this long is dead
PATIENT_STALL_S = 5.0  #: the same where the mixer waits for the decks
STEADY_S = 5.0  #: another block of the device is reported once it has lasted this long
POLL_S = 0.02  #: between two looks at the device
IDLE_S = 0.01  #: between two checks of the owner
RETRY_S = 0.5  #: between two attempts to open a device
FIRST_OPENING = (0.1, 2.0)  #: the first sound of a stage rises from -20 dB over two seconds
REPLACED_OPENING = (0.0, 0.02)  #: a replacement mixer fades in at once
JUMP_S = 0.05  #: a block that begins this much too early or late is the beginning of other times
TIME_SMOOTHING = 0.01  #: share of a block in the smoothed time of frame 0

_BEGAN = METER_SLOTS["began"]


class MixerBlock:
    """[audio] Fills blocks: the mix while this process owns the decks, else silence."""

    def __init__(self, arena: Arena, mixer: int, rate: float, patient: bool) -> None:
        """mixer : CLOCK or DEVICE, which of the two this process is."""
        self._arena, self._me, self._rate, self._patient = arena, mixer, rate, patient
        self._mixer: Mixer | None = None
        self._pace = self._new_pace()
        self.block = 0  #: frames of the last block; 0 before the first
        self._beat = METER_SLOTS["heartbeat/device" if mixer == DEVICE else "heartbeat/clock"]

    @property
    def owns(self) -> bool:
        """Whether this process owns the decks."""
        return bool(self._arena.meters[METER_SLOTS["owner"]] == self._me)

    def fill(self, out: Audio, came: Audio | None = None, buffered: float = 0.0) -> None:
        """[audio] Fill one block.

        out      : (n, 2)
        came     : (n, 1 or 2) live input of the same frames
        buffered : seconds of latency that the device adds between them
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
            self._pace.take(began, len(out))
            # a mixer that waits for the decks has no pace
            meters[METER_SLOTS["burst"]] = len(out) if self._patient else self._pace.burst
            meters[METER_SLOTS["until"]] = self._pace.until
            self._note_time(began)
            self._mixer.fill(out, came)
            load = (time.monotonic() - began) * self._rate / len(out)
            meters[METER_SLOTS["load"]] = max(load, meters[METER_SLOTS["load"]] * 0.995)
            meters[METER_SLOTS["block"]] = len(out)
            meters[METER_SLOTS["buffered"]] = buffered
        self.block = len(out)
        meters[self._beat] += 1

    @property
    def block_text(self) -> str:
        """How many frames the device takes at once, as the player reads it."""
        several = self._pace.burst > self.block
        return f"{self._pace.burst} frames in blocks of {self.block}" if several else f"{self.block} frames"

    def _new_pace(self) -> DevicePace:
        return DevicePace(self._rate, RING_FRAMES // 2)  # half of a ring buffer is for the lead

    def _note_time(self, now: float) -> None:
        """Note when frame 0 began. One late callback moves this time little; a new mixer sets it."""
        meters, written = self._arena.meters, self._arena.history.written
        began, before = now - written / self._rate, float(meters[_BEGAN])
        jumped = abs(began - before) > JUMP_S
        meters[_BEGAN] = began if jumped else before + TIME_SMOOTHING * (began - before)

    def _take_over(self, now: float, block: int) -> Mixer:
        """Make a mixer. Frames that were due since the last block become silence in the history buffers."""
        arena, self._pace = self._arena, self._new_pace()
        opening = REPLACED_OPENING if arena.meter("has_played") else FIRST_OPENING
        if self._me == DEVICE:
            arena.set_meter("has_played", 1)
        if not arena.meter("frames"):
            return Mixer(arena, self._rate, patient=self._patient, opening=opening)
        missed = round((now - arena.meter("time")) * self._rate) - round(arena.meter("block"))
        blocks = max(0, min(missed, arena.history.capacity)) // block
        silence = np.zeros((block, 2), np.float32)
        for _ in range(blocks):
            for track in arena.tracks.values() if arena.meter("tracks/on") else ():
                if track is not arena.history:
                    track.write_ahead(silence)
            arena.history.write(silence)
            arena.set_meter("missed", arena.meter("missed") + block)
            arena.set_meter("frames", arena.meter("frames") + block)
        return Mixer(arena, self._rate, patient=self._patient, opening=opening, missed=blocks * block)


def _stop_garbage_collection() -> None:
    """Turn it off: a collection would stop the callback for 5 to 100 ms."""
    gc.collect()
    gc.freeze()
    gc.disable()


def run_clock(line: Lifeline, arena: Arena, rate: float, block: int) -> None:
    """[audio] Mix at the pace of the monotonic clock while this process owns the decks."""
    arena.set_meter("realtime", request_real_time(AUDIO_PRIORITY))
    mixer = MixerBlock(arena, CLOCK, rate, patient=False)
    out = np.zeros((block, 2), np.float32)
    _stop_garbage_collection()
    line.report(MixerReady())
    due = time.monotonic()
    while True:
        owned = mixer.owns
        mixer.fill(out)
        if not owned:
            time.sleep(IDLE_S)
            due = time.monotonic()
            continue
        due += block / rate
        ahead = due - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        elif ahead < -0.5:  # the machine was suspended: continue from now
            due = time.monotonic()


def run_device(line: Lifeline, arena: Arena, order: StartMixer) -> None:
    """Open the device as soon as it is available, and watch it. End the process when the device stops."""
    reported = ""
    first = True

    while True:
        arena.set_meter("heartbeat/device", arena.meter("heartbeat/device") + 1)  # a retry is a sign of life
        try:
            sd = devices.portaudio()
            chosen, why = devices.choose(sd, order.device)
            rate: float = order.rate or arena.meter("rate") or chosen.rate
            mixer = MixerBlock(arena, DEVICE, rate, order.patient)

            def callback(
                came: Audio | None, out: Audio, buffered: float, status: Any, mixer: MixerBlock = mixer
            ) -> None:
                nonlocal first
                if first:
                    arena.set_meter("realtime", request_real_time(AUDIO_PRIORITY))
                    first = False
                if status and mixer.owns:
                    arena.set_meter("xruns", arena.meter("xruns") + 1)
                mixer.fill(out, came, buffered)

            _stop_garbage_collection()
            input_device, input_error = devices.choose_input(sd, chosen, order.input)
            block = order.block or (devices.OWN_BLOCK if chosen.is_jack else DEFAULT_BLOCK)
            stream = devices.open_stream(sd, chosen, input_device, rate, block, callback)
            break
        except devices.NoDevice as error:
            if str(error) != reported:
                reported = str(error)
                line.report(DeviceWaiting(reported))
            time.sleep(RETRY_S)

    # at times this thread holds the interpreter's lock: preempted then, it would stop the callback
    request_real_time(AUDIO_PRIORITY)
    beat, at = arena.meter("heartbeat/device"), time.monotonic()
    known = last = ""  # the text that the player knows, and the last one
    since = at  # when the last one became true
    while stream.active and time.monotonic() - at < _longest_pause(arena, rate, order.patient):
        now = time.monotonic()
        if arena.meter("heartbeat/device") != beat:
            beat, at = arena.meter("heartbeat/device"), now
        text = f"{chosen}, {rate:.0f} Hz, {mixer.block_text}"
        if text != last:
            last, since = text, now
        if mixer.block and text != known and (not known or now - since > STEADY_S):
            line.report(DevicePlaying(text, "its block changed" if known else why, rate, input_error))
            known = text
        time.sleep(POLL_S)
    line.report(DeviceLost(str(chosen)))
    os._exit(3)  # closing the stream of a dead server hangs


def _longest_pause(arena: Arena, rate: float, patient: bool) -> float:
    """Seconds without a callback after which the device is dead."""
    return max(STALL_S, 4 * arena.meter("burst") / rate, PATIENT_STALL_S if patient else 0.0)


def main() -> None:
    """[main] Wait for the start order, then run; the end of the lifeline ends the process."""
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
