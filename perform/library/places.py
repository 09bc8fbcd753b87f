"""Where things are on disk: bundled files, the player's own, takes, and the running stage's."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent.parent


def existing(name: str) -> Path | None:
    """The file a player means by a path, absolute; None where there is none, or it can be no path."""
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        path = Path(name).expanduser()
        if path.is_file():
            return path.resolve()
    return None


def is_path(name: str) -> bool:
    """Whether a name is meant as a path: it has a folder or a suffix."""
    return Path(name).suffix != "" or Path(name).parent != Path()


def bundled(kind: str) -> Path:
    """Folder of what ships with perform: "models" or "presets". In a wheel it lies inside the package."""
    inside = _PACKAGE / "bundled" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def user(kind: str) -> Path:
    """Folder of the player's own "models", "controllers" or "sets"; PERFORM_HOME moves it."""
    home = os.environ.get("PERFORM_HOME")
    return (Path(home) if home else Path(platformdirs.user_data_dir("perform", appauthor=False))) / kind


def cache() -> Path:
    """Folder of what can be made again: compiled models."""
    home = os.environ.get("PERFORM_HOME")
    return Path(home) / "cache" if home else Path(platformdirs.user_cache_dir("perform", appauthor=False))


def takes() -> Path:
    """Folder of takes: PERFORM_TAKES, else `perform` in the player's music folder."""
    chosen = os.environ.get("PERFORM_TAKES")
    return Path(chosen) if chosen else Path(platformdirs.user_music_dir()) / "perform"


def take_folders() -> list[Path]:
    """Where takes go, the best first: a recorder goes on in the next where a disk is full or gone."""
    return [takes(), user("takes"), Path.home()]


def runtime() -> Path:
    """Folder of the running stage: its socket, its shared memory, its log; PERFORM_RUNTIME moves it.

    One stage runs a folder. On Linux it lies in /dev/shm, whose pages never go to a disk.
    """
    chosen = os.environ.get("PERFORM_RUNTIME")
    if chosen:
        return Path(chosen)
    owner = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "player")
    return memory() / f"perform-{owner}"


def memory() -> Path:
    """Folder for files that are only mapped: /dev/shm where there is one, else the temporary folder."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() and os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
