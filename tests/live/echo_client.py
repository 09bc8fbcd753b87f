"""Two JACK clients in a process of their own: one plays an array into the instrument, one records the result.

    python echo_client.py PLAYED.npy SECONDS OUT.npz [--freewheel]
Plays (frames,) float32 into both inputs, over and over, and records both outputs. Saves, of the same frames
of the server, `audio` (frames, 2) and `sent` (frames,); `mine` (frames,) bool where they were called late.
Two of them, as JACK adds a period to what comes back to its own sender.
"""

from __future__ import annotations

import os
import sys
import threading
import time

import jack
import numpy as np

#: exit code where the server never calls, as one that was killed and started again once in a while does not
STUCK, STUCK_S = 75, 5.0


def main() -> None:
    played, seconds, out = np.load(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    player, client = (jack.Client(name, no_start_server=True) for name in ("player", "recorder"))
    total = round(seconds * client.samplerate)
    # full, not zeros: every page is there before the first block
    audio, sent = np.full((total, 2), 0.0, np.float32), np.full(total, 0.0, np.float32)
    mine = np.full(total, False)
    ears = [client.inports.register(f"in_{i}") for i in range(2)]
    mouth = player.outports.register("out")
    done = threading.Event()
    start, last, called = -1, -1, time.monotonic()

    @player.set_process_callback
    def _(frames: int) -> None:
        now = player.last_frame_time
        mouth.get_array()[:] = played[np.arange(now, now + frames) % len(played)]

    @client.set_process_callback
    def _(frames: int) -> None:
        nonlocal start, last, called
        called = time.monotonic()
        now = client.last_frame_time
        if start < 0 or now < start:
            start, last = now, -1
        at = now - start
        if last >= 0 and at != last:
            mine[last : min(at, total)] = True
        last = at + frames
        n = min(frames, total - at)
        if n <= 0:
            done.set()
            return
        sent[at : at + n] = played[np.arange(now, now + n) % len(played)]
        for i, ear in enumerate(ears):
            audio[at : at + n, i] = ear.get_array()[:n]

    with player, client:
        for i, ear in enumerate(ears):
            while not client.get_ports(f"PortAudio:(in|out)_{i}"):
                time.sleep(0.01)
            client.connect(f"PortAudio:out_{i}", ear)
            player.connect(mouth, f"PortAudio:in_{i}")
        if "--freewheel" in sys.argv:
            client.set_freewheel(True)
        print("listening", flush=True)
        while not done.wait(0.02):
            if time.monotonic() - called > STUCK_S:
                os._exit(STUCK)
        if "--freewheel" in sys.argv:
            client.set_freewheel(False)  # before any client leaves: PortAudio loops on a stale connection
            time.sleep(0.3)
    np.savez(out, audio=audio, sent=sent, mine=mine)


if __name__ == "__main__":
    main()
