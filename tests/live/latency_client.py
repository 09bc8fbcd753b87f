"""A JACK client that turns a knob and hears what comes of it, on one clock.

    python latency_client.py PORT_L TRIALS EVERY_S OUT.npz
Its MIDI port is called "knob". A trial sends CC 21, 127 and 0 in turn, at any frame within a block.
Saves `audio` (frames,) float32 of the port, and `sent` (trials,) int64: the frame of `audio` of each message.
"""

from __future__ import annotations

import random
import sys
import threading
import time

import jack
import numpy as np

SETTLE_S = 3.0


def main() -> None:
    port, trials, every, out = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    client = jack.Client("knob", no_start_server=True)
    rate, block = client.samplerate, client.blocksize
    dice = random.Random(0)
    steps = [every * (1 + 0.2 * dice.random()) for _ in range(trials)]
    sent = (rate * (SETTLE_S + np.cumsum(steps))).astype(np.int64)
    total = int(sent[-1] + rate * every) // block * block
    audio = np.full(total, 0.0, np.float32)
    ear, hand = client.inports.register("in"), client.midi_outports.register("out")
    go, done = threading.Event(), threading.Event()
    at, trial = 0, 0

    @client.set_process_callback
    def _(frames: int) -> None:
        nonlocal at, trial
        hand.clear_buffer()
        if not go.is_set() or at + frames > total:
            return
        audio[at : at + frames] = ear.get_array()
        if trial < trials and sent[trial] < at + frames:
            hand.write_midi_event(int(sent[trial]) - at, (0xB0, 21, 127 * (trial % 2 == 0)))
            trial += 1
        at += frames
        if at == total:
            done.set()

    with client:
        while not client.get_ports(port):
            time.sleep(0.01)
        client.connect(port, ear)
        print("ready", flush=True)
        sys.stdin.readline()
        go.set()
        done.wait()
    np.savez(out, audio=audio, sent=sent)


if __name__ == "__main__":
    main()
