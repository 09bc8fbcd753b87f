"""The player's consent to run the code of a third-party module; it is kept with the archive's hash."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from perform.core.errors import WrongUse
from perform.foreign import sandbox
from perform.library import places
from perform.library.model_library import file_name

AskConsent = Callable[[str], bool]  #: shows the player a question; returns whether they agree


def ask(archive: bytes, path: Path, ask_consent: AskConsent) -> None:
    """Ask for consent unless it was given before. WrongUse: the player refuses. [disk]"""
    if is_given(archive):
        return
    question = f"it contains code that runs; the scan found only arithmetic in it, and {sandbox.available()}"
    if not ask_consent(question):
        raise missing(path)
    give(archive, path.stem)


def ask_to_compare(ask_consent: AskConsent) -> bool:
    """Ask whether an export may run in the sandbox, to be compared; a complete sandbox needs no question."""
    available = sandbox.available()
    return available.complete or ask_consent(f"comparing it with the export runs its code, and {available}")


def require(archive: bytes, path: Path) -> None:
    """WrongUse: consent was never given. [disk]"""
    if not is_given(archive):
        raise missing(path)


def missing(path: Path) -> WrongUse:
    """Return the error that says how to consent."""
    hint = f"`perform models import {path}` asks for your consent"
    return WrongUse("it contains code that runs, and you have not agreed to that", where=str(path), hint=hint)


def is_given(archive: bytes) -> bool:
    """Return whether the player has agreed to run this TorchScript archive. [disk]"""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return hashlib.sha256(archive).hexdigest() in _file().read_text("utf-8").split()
    return False


def give(archive: bytes, name: str) -> None:
    """Keep the player's consent to this TorchScript archive. [disk]"""
    path = _file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as out:
        out.write(f"{hashlib.sha256(archive).hexdigest()} {file_name(name)}\n")
        out.flush()
        os.fsync(out.fileno())


def _file() -> Path:
    return places.user("models") / "confirmed.txt"
