"""What a model costs on this machine, beside what else it could cost: `perform bench`."""
