"""An idle JACK client, connected to nothing: notes when the server itself came late.

    python idle_client.py OUT.npy
Ends when stdin does; saves (n, 2) float64: from, to, in seconds of the monotonic clock, of every two calls
that lay more than one and a half periods apart.
"""

from __future__ import annotations

import sys
import time

import jack
import numpy as np

LONGEST_S = 3600


def main() -> None:
    client = jack.Client("idle", no_start_server=True)
    client.inports.register("in")
    period = client.blocksize / client.samplerate
    calls = np.full(round(LONGEST_S / period), 0.0)
    count = 0

    @client.set_process_callback
    def _(frames: int) -> None:
        nonlocal count
        calls[count] = time.monotonic()
        count += 1

    with client:
        print("watching", flush=True)
        sys.stdin.read()
    at = calls[:count]
    late = np.flatnonzero(np.diff(at) > 1.5 * period)
    np.save(sys.argv[1], np.stack([at[late], at[late + 1]], axis=1))


if __name__ == "__main__":
    main()
