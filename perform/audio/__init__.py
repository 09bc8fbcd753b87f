"""The mixer processes: strips, output guard, live input, audio device."""
