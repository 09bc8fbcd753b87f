"""Voices that perform had before, and the bundled voice of the same kind."""

from __future__ import annotations

SUCCESSORS = {"drums": "kit", "strings": "strike", "weather": "storm"}
"""Name of a voice that is no longer bundled -> the voice of its kind."""


def farewell(name: str) -> str:
    """Return what to say where a former voice is missing; "" for any other name.

    name : of its file, or on its card, where it has a capital
    """
    if not (kind := SUCCESSORS.get(name.lower())):
        return ""
    return f"{name.lower()} is no longer bundled: the voice of its kind is {kind}"
