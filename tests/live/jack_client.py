"""A JACK client of its own process: records two ports sample by sample, notices blocks it lost itself.

    python jack_client.py PORT_L PORT_R SECONDS OUT.npz [--freewheel] [--also=PORT,PORT]
SIGTERM ends it earlier. Connects the ports again whenever they reappear. Saves `audio` (frames, 2 and the
others) float32, zeros where nothing came, `mine` (frames,) bool where this client itself was called late,
`connected` (frames,) bool, and `times` (frames,) float64, the monotonic clock when a frame's block was heard.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time

import jack
import numpy as np

#: exit code where the server never calls, as one that was killed and started again once in a while does not
STUCK, STUCK_S = 75, 5.0


def main() -> None:
    left, right, seconds, out = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
    freewheel = "--freewheel" in sys.argv
    also = [word.removeprefix("--also=").split(",") for word in sys.argv if word.startswith("--also=")]
    ports = [left, right, *(port for some in also for port in some)]
    client = jack.Client("listener", no_start_server=True)
    total = round(seconds * client.samplerate)
    # full, not zeros: every page is there before the first block (a first touch stalls for milliseconds)
    audio = np.full((total, len(ports)), 0.0, np.float32)
    mine, connected = np.full(total, False), np.full(total, False)
    times = np.full(total, 0.0)
    called = time.monotonic()
    ears = [client.inports.register(f"in_{i}") for i in range(len(ports))]
    whole, done, gone = threading.Event(), threading.Event(), threading.Event()
    start, last = -1, -1
    signal.signal(signal.SIGTERM, lambda *_: done.set())

    @client.set_process_callback
    def _(frames: int) -> None:
        nonlocal start, last, called
        called = time.monotonic()
        if not whole.is_set():  # a busy server may take a second between two connections
            return
        now = client.last_frame_time
        if start < 0 or now < start:  # the clock of a server that has just begun may still jump back
            start, last = now, -1
        at = now - start
        if last >= 0 and at != last:
            mine[last : min(at, total)] = True
        last = at + frames
        n = min(frames, total - at)
        if n <= 0:
            done.set()
            return
        for i, ear in enumerate(ears):
            audio[at : at + n, i] = ear.get_array()[:n]
        times[at : at + n] = time.monotonic()
        connected[at : at + n] = bool(ears[0].number_of_connections)

    @client.set_shutdown_callback
    def _(status: object, reason: str) -> None:
        gone.set()

    def connect() -> None:
        for port, ear in zip(ports, ears, strict=True):
            if client.get_ports(port) and not ear.number_of_connections:
                with contextlib.suppress(jack.JackErrorCode):  # the stage may have just connected it again
                    client.connect(port, ear)

    with client:
        while not all(ear.number_of_connections for ear in ears):
            connect()
            time.sleep(0.01)
        whole.set()
        if freewheel:
            client.set_freewheel(True)
        print("listening", flush=True)
        while not done.wait(0.02) and not gone.is_set():
            if not freewheel:
                connect()
            if time.monotonic() - called > STUCK_S:
                if freewheel:  # a server that stays so takes no other client; it may not answer
                    threading.Thread(target=client.set_freewheel, args=(False,), daemon=True).start()
                    time.sleep(1)
                os._exit(STUCK)
        if freewheel:
            client.set_freewheel(False)  # before any client leaves: PortAudio loops on a stale connection
            time.sleep(0.3)
    heard = slice(0, min(last, total))
    np.savez(out, audio=audio[heard], mine=mine[heard], connected=connected[heard], times=times[heard])


if __name__ == "__main__":
    main()
