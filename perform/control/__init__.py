"""MIDI controllers: ports, mappings, learning, and the process that turns messages into parameter values."""
