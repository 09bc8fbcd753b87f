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

import numpy as np

from perform.audio import device as devices
from perform.audio.jack_connections import JackConnections
from perform.audio.mixer_block import MixerBlock
from perform.audio.open_device import OpenDevice
from perform.core.arena import Arena
from perform.core.arena_layout import CLOCK, DEFAULT_BLOCK, DEFAULT_RATE
from perform.core.lifeline import Lifeline
from perform.core.messages.mixer_messages import (
    CueChanged,
    DeviceConnected,
    DeviceLost,
    DevicePlaying,
    DeviceWaiting,
    MixerReady,
    StartMixer,
)
from perform.core.realtime import AUDIO_PRIORITY, request_real_time

STALL_S = 0.25  #: a device that has not called back for this long is dead
PATIENT_STALL_S = 5.0  #: the same where the mixer waits for the decks
STEADY_S = 5.0  #: another block of the device is reported once it has lasted this long
CONNECTIONS_S = 0.5  #: between two looks at the connections on a JACK server
POLL_S = 0.06  #: between two looks at the device; it wakes us when it ends
FIRST_POLL_S = 0.02  #: the same until its first block
IDLE_S = 0.25  #: between two signs of life while the other mixer owns the decks
SILENT_FRAMES = 2048  #: the clock mixer mixes so many at once while nothing sounds
RETRY_S = 0.5  #: between two attempts to open a device


def _stop_garbage_collection() -> None:
    """Turn it off: a collection would stop the callback for 5 to 100 ms."""
    gc.collect()
    gc.freeze()
    gc.disable()


def run_clock(line: Lifeline, arena: Arena, rate: float, block: int, called: threading.Event) -> None:
    """[audio] Mix at the pace of the monotonic clock while this process owns the decks.

    called : the stage has named another owner
    """
    arena.set_meter("realtime", request_real_time(AUDIO_PRIORITY))
    mixer = MixerBlock(arena, CLOCK, rate, patient=False)
    several = max(block, SILENT_FRAMES // block * block)
    out = np.zeros((several, 2), np.float32)
    _stop_garbage_collection()
    line.report(MixerReady())
    due = time.monotonic()
    while True:
        owned, frames = mixer.owns, several if mixer.is_silent else block
        mixer.fill(out[:frames], block=block)
        if not owned:
            called.wait(IDLE_S)
            called.clear()
            due = time.monotonic()
            continue
        due += frames / rate
        ahead = due - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        elif ahead < -0.5:  # the machine was suspended: continue from now
            due = time.monotonic()


def run_device(line: Lifeline, arena: Arena, order: StartMixer) -> None:
    """Open the device as soon as it is available, and watch it. End the process when the device stops."""
    reported = ""
    while True:
        arena.set_meter("heartbeat/device", arena.meter("heartbeat/device") + 1)  # a retry is a sign of life
        try:
            sd = devices.portaudio()
            _stop_garbage_collection()
            device = OpenDevice(sd, arena, order)
            break
        except devices.NoDevice as error:
            if str(error) != reported:
                reported = str(error)
                line.report(DeviceWaiting(reported))
            time.sleep(RETRY_S)

    # at times this thread holds the interpreter's lock: preempted then, it would stop the callback
    request_real_time(AUDIO_PRIORITY)
    connections = JackConnections(sd, order.connections) if device.is_jack else None
    if connections:
        connections.restore()
    polled = began = time.monotonic()
    known = last = ""  # the text that the player knows, and the last one
    since = began  # when the last one became true
    cue = device.cue
    while device.is_active and not device.ended.is_set():
        now = time.monotonic()
        left = max(began, device.called_at) + _longest_pause(arena, device.rate, order.patient) - now
        if left <= 0.0:
            break
        if connections and now - polled > CONNECTIONS_S:
            polled = now
            if connections.poll():
                line.report(DeviceConnected(connections.known or ()))
        device.poll_cue(now)
        if known and device.cue != cue:
            cue = device.cue
            line.report(CueChanged(cue))
        if device.text != last:
            last, since = device.text, now
        if device.block and last != known and (not known or now - since > STEADY_S):
            why = "its block changed" if known else device.why
            line.report(DevicePlaying(last, why, device.rate, device.input_error, device.cue))
            known = last
        device.ended.wait(min(POLL_S if known else FIRST_POLL_S, left))
    line.report(DeviceLost(str(device)))
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

    called = threading.Event()

    def follow_stage() -> None:
        while line.next() is not None:
            called.set()
        os._exit(0)

    threading.Thread(target=follow_stage, name="orders", daemon=True).start()
    arena = Arena.open(Path(order.arena))
    if sys.argv[1] == "clock":
        run_clock(line, arena, order.rate or DEFAULT_RATE, order.block or DEFAULT_BLOCK, called)
    else:
        run_device(line, arena, order)


if __name__ == "__main__":
    main()
