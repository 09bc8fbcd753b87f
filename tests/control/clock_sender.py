"""Sends a MIDI clock on a virtual JACK port: `clock_sender.py NAME BPM JITTER_MS`; prints when beat 0 was."""

import random
import sys
import time

import rtmidi

name, bpm, jitter = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]) / 1000.0
dice, pulse = random.Random(0), 60.0 / bpm / 24
out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
out.open_virtual_port("out")
print("ready", flush=True)
sys.stdin.readline()
began = time.monotonic() + 0.1
print(began, flush=True)
out.send_message([0xFA])
for tick in range(10**9):
    pause = began + tick * pulse + dice.uniform(-jitter, jitter) - time.monotonic()
    if pause > 0:
        time.sleep(pause)
    out.send_message([0xF8])
