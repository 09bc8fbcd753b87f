"""Faults at random moments of a set on stage: `python -m tests.campaign`."""
