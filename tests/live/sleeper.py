"""An idle control process on one core: sleeps half a millisecond at a time, notes when the machine was away.

    python sleeper.py CORE OUT.npy
Where the system grants it, it runs at FIFO 95, above everything of ours: what delays it is not us but the
machine (a virtual one loses its core to a neighbour). Ends when stdin does; saves (n, 2) float64: from, to,
in seconds of the monotonic clock, of every sleep that took over 1.5 ms too long.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time

import numpy as np


def main() -> None:
    core, out = int(sys.argv[1]), sys.argv[2]
    os.sched_setaffinity(0, {core})
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(95))
    stalls = []
    gc.disable()
    print("watching", flush=True)
    before = time.monotonic()
    while not ended.is_set():
        time.sleep(0.0005)
        now = time.monotonic()
        if now - before > 0.002:
            stalls.append((before, now))
        before = now
    np.save(out, np.array(stalls).reshape(-1, 2))


if __name__ == "__main__":
    main()
