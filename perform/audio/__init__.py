"""Real time: knows blocks and numbers; no screen, no MIDI, no torch."""
