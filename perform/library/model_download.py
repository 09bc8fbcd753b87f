"""Downloads a model of a catalogue: it must begin as a model file does.

Many catalogues do not say the SHA-256 of their files. So `fetched.json`, beside the player's models,
remembers it for each address that was downloaded, and a file that has changed since is noticed. [network],
[disk]
"""

from __future__ import annotations

import contextlib
import threading

import msgspec

from perform.core.errors import PerformError
from perform.core.files import write_atomically
from perform.library import download, places
from perform.library.catalogue import CatalogueModel

_FILE = "fetched.json"
_ZIP = b"PK\x03\x04"
_LONGEST_HEADER = 1 << 24  # bytes, of a .safetensors
_lock = threading.Lock()  # the screen downloads in threads


def begins_as_model(head: bytes) -> bool:
    """Return whether a file may be a model, by its first bytes: a zip (an export) or a .safetensors."""
    return head.startswith(_ZIP) or (
        head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= _LONGEST_HEADER
    )


def download_model(model: CatalogueModel, on_progress: download.Progress) -> str:
    """Download a model to its `local_copy`; return what the player should know about it, or "".

    Raises as `download.fetch` does, and OSError if the disk refuses.
    """
    found = download.fetch(
        model.url,
        model.local_copy,
        sha256=model.sha256,
        is_wanted=begins_as_model,
        on_progress=on_progress,
    )
    before = learnt_sha256(model)
    _learn(model.url, found)
    if model.sha256 or before in ("", found):
        return ""
    return f"{model.name}: not the file that you fetched before: its makers have replaced it"


def learnt_sha256(model: CatalogueModel) -> str:
    """[disk] Return the SHA-256 of the file that was last downloaded from a model's address; "" for none."""
    return _learnt().get(model.url, "")


def _learnt() -> dict[str, str]:
    with contextlib.suppress(OSError, msgspec.DecodeError, PerformError):
        return msgspec.json.decode((places.user("models") / _FILE).read_bytes(), type=dict[str, str])
    return {}


def _learn(url: str, sha256: str) -> None:
    with _lock:
        known = _learnt()
        if known.get(url) != sha256:
            text = msgspec.json.format(msgspec.json.encode(known | {url: sha256}), indent=2)
            write_atomically(places.user("models") / _FILE, text + b"\n")
