"""Offline rendering: sets and takes to files, and timbre transfer of sound files."""
