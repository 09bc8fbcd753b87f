"""Ring to disk: takes that survive a crash."""
