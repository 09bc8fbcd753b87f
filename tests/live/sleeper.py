"""An idle control process on one core: notes when the machine was away or slow.

    python sleeper.py CORE OUT.npy
It sleeps a millisecond, sums the same two kilobytes, and notes the time of both: about 4 % of a core, because
what it takes away is missing where the machine is slow. Where the system
grants it, it runs at FIFO 95, above everything of ours: what delays it is not us but the machine. A virtual
one loses its core to a neighbour, or runs for some tens of milliseconds at a tenth of its speed. Ends when
stdin does;
saves (n, 2) float64: from, to, in seconds of the monotonic clock, of every sleep that took over 1.5 ms too
long and of every row of sums, over 2.5 ms together, that each took over SLOW times the usual.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time
import zlib

import numpy as np

SLEEP_S = 0.001
LATE_S = 0.0025  #: shorter spans are not noted
SLOW = 2.0  #: times the median
WORK = bytes(2048)
SUMS = 4


def main() -> None:
    core, out = int(sys.argv[1]), sys.argv[2]
    os.sched_setaffinity(0, {core})
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(95))
    ends, took = [], []
    gc.disable()
    print("watching", flush=True)
    while not ended.is_set():
        time.sleep(SLEEP_S)
        began = time.monotonic()
        for _ in range(SUMS):
            zlib.crc32(WORK)
        ends.append(time.monotonic())
        took.append(ends[-1] - began)
    since, to = np.array(ends[:-1]), np.array(ends[1:])
    slow = np.array(took[1:]) > SLOW * np.median(took)
    edges = np.flatnonzero(np.diff(slow, prepend=False, append=False)).reshape(
        -1, 2
    )  # first, one after the last
    spans = np.stack([since[edges[:, 0]], to[edges[:, 1] - 1]], axis=1)
    spans = np.concatenate([spans, np.stack([since, to], axis=1)[to - since > LATE_S]])
    np.save(out, spans[spans[:, 1] - spans[:, 0] > LATE_S])


if __name__ == "__main__":
    main()
