"""Things that turn latents into sound when pulled; one process a model."""
