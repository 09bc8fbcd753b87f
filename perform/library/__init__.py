"""Models, presets and places on disk; reads headers, never weights."""
