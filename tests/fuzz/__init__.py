"""Random data for everything that perform reads: `python -m tests.fuzz`."""
