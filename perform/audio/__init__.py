"""The mixer and the live input, in real time."""
