"""Without a clock: sets and takes rendered to files, sound through a model."""
