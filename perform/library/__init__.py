"""Models, sets, sound files, matrices and folders on disk. Reads headers of models, never weights."""
