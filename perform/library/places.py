"""Folders on disk: bundled files, the player's files, takes, and the files of the running stage."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs

from perform.core.errors import PerformError
from perform.core.paths import from_text

_PACKAGE = Path(__file__).resolve().parent.parent


def existing(name: str) -> Path | None:
    """Return the absolute path of an existing file; None if there is none, or the name cannot be a path.

    The name may be a text of `perform.core.paths.to_text`.
    """
    for spelled in dict.fromkeys((name, from_text(name))):
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            path = Path(spelled).expanduser()
            if path.is_file():
                return path.resolve()
    return None


def at_home(find: Callable[[], str | Path]) -> Path:
    """Return a folder that lies in the player's home. PerformError: no home is known."""
    try:
        return Path(find()).expanduser()  # old versions of platformdirs return "~/..." where no home is known
    except RuntimeError as error:
        hint = "set HOME to a folder, or PERFORM_HOME and PERFORM_TAKES"
        raise PerformError("your home folder is not known", hint=hint) from error


def is_path(name: str) -> bool:
    """Return whether a name is a path: it has a folder or a suffix."""
    return Path(name).suffix != "" or Path(name).parent != Path()


def bundled(kind: str) -> Path:
    """Return the folder of the bundled "models", "presets" or "docs"; in a wheel, inside the package."""
    inside = _PACKAGE / "bundled" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def user(kind: str) -> Path:
    """Return the folder of the player's "models", "controllers", "sets"...; PERFORM_HOME moves it."""
    home = os.environ.get("PERFORM_HOME")
    if home:
        return Path(home) / kind
    return at_home(lambda: platformdirs.user_data_dir("perform", appauthor=False)) / kind


def cache() -> Path:
    """Return the folder of files that can be made again, such as compiled models."""
    home = os.environ.get("PERFORM_HOME")
    if home:
        return Path(home) / "cache"
    return at_home(lambda: platformdirs.user_cache_dir("perform", appauthor=False))


def takes() -> Path:
    """Return the folder of takes: PERFORM_TAKES, else `perform` in the player's music folder."""
    chosen = os.environ.get("PERFORM_TAKES")
    return Path(chosen) if chosen else at_home(platformdirs.user_music_dir) / "perform"


def take_folders() -> list[Path]:
    """Return the folders for takes, best first: the recorder uses the next one if a disk is full or gone."""
    folders = [takes(), user("takes")]
    with contextlib.suppress(RuntimeError):  # no HOME, but PERFORM_HOME and PERFORM_TAKES
        folders.append(Path.home())
    return folders


def runtime() -> Path:
    """Return the folder of the stage's socket, shared memory and log; PERFORM_RUNTIME moves it.

    Each running stage has its own folder. On Linux it lies in /dev/shm, which is never written to a disk.
    """
    chosen = os.environ.get("PERFORM_RUNTIME")
    if chosen:
        return Path(chosen)
    owner = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "player")
    return memory() / f"perform-{owner}"


def memory() -> Path:
    """Return the folder for files that are only mapped: /dev/shm, else the temporary folder."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() and os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
