"""Widgets of the screen; each draws whole lines."""
