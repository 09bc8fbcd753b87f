"""A MIDI device that gets a clock: `clock_receiver.py NAME`. Prints each message as its time and bytes."""

import sys
import time

import rtmidi

port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=sys.argv[1])
port.ignore_types(timing=False)
port.set_callback(lambda event, _: print(time.monotonic(), *event[0], flush=True))
port.open_virtual_port("in")
print("ready", flush=True)
sys.stdin.read()
