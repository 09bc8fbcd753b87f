"""What was measured or edited after a model was made: a file beside the model that changes its card. [disk]

Songs, takes and matrices know a model by the SHA-256 of its file, so that file stays as it is. The changes
are `NAME.card.json`, beside the model or, for a bundled one, in the folder `bundled` of the player's library.
Bundled models and those of earlier versions also have `NAME.latents.json`, which holds figures in this form.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from perform.core.errors import PerformError
from perform.core.files import write_atomically
from perform.library import places

SUFFIX, OLDER = ".card.json", ".latents.json"
TEXTS = ("name", "author", "source", "attribution", "description", "tags")
CREDITS = ("author", "source", "attribution")  #: texts about who made a model
FIGURES = (  # one value a latent
    *("latent_mean", "latent_std", "latent_p05", "latent_p95", "latent_p01", "latent_p99"),
    *("latent_effect", "latent_home", "latent_words"),
)

Text = Annotated[str, Meta(max_length=1000)]


class CardChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Fields of a card that are replaced; None or none: they are as in the model's file.

    card          : SHA-256 of the card's text: another model under the same name has another card
    measured_with : the sounds or latents that the figures are of, for the player
    cloud         : (frames, latents) of those sounds, sigma, for the screen's cloud of dots
    """

    card: str
    name: Text | None = None
    author: Text | None = None
    source: Text | None = None
    attribution: Text | None = None
    description: Annotated[str, Meta(max_length=10_000)] | None = None
    tags: list[Annotated[str, Meta(max_length=100)]] | None = None
    loudness_lufs: Annotated[float, Meta(ge=-1000, le=1000)] | None = None
    warm_up: Annotated[int, Meta(ge=0, le=32)] | None = None
    latent_mean: list[float] = []
    latent_std: list[float] = []
    latent_p05: list[float] = []
    latent_p95: list[float] = []
    latent_p01: list[float] = []
    latent_p99: list[float] = []
    latent_effect: list[float] = []
    latent_words: list[Annotated[str, Meta(max_length=40)]] = []
    latent_home: list[float] = []
    measured_with: Text = ""
    cloud: list[list[float]] = []


def files(path: Path) -> list[Path]:
    """Return the files that may change a model's card, the last one wins; they need not exist."""
    return [path.with_suffix(OLDER), changes_path(path)]


def changes_path(path: Path) -> Path:
    """Return the file that new changes of a model's card are written to."""
    if path.parent == places.bundled("models"):
        with contextlib.suppress(PerformError):  # no home is known
            return places.user("models") / "bundled" / f"{path.stem}{SUFFIX}"
    return path.with_suffix(SUFFIX)


def read(path: Path, card: str, latents: int) -> dict[str, object]:
    """Return the fields of a card that are changed, and `measured_with` and `cloud`.

    card, latents : the card's text and number of latents
    Damaged changes, and those of another card, are left out.
    """
    found: dict[str, object] = {}
    for changes in _read(path, card, latents):
        for name in CardChanges.__struct_fields__[1:]:
            value = getattr(changes, name)
            if value is not None and (name in TEXTS or value not in ([], "")):
                found[name] = value
    return found


def write(path: Path, card: str, **fields: object) -> Path:
    """[disk] Replace fields in the changes of a model's card; return their file.

    card : the card's text.  OSError: the disk refuses
    """
    out = changes_path(path)
    known = _decoded(out)
    changes = known if known and known.card == _digest(card) else CardChanges(_digest(card))
    changes = msgspec.structs.replace(changes, **fields)
    write_atomically(out, msgspec.json.format(msgspec.json.encode(changes), indent=2) + b"\n")
    return out


def _read(path: Path, card: str, latents: int) -> Iterator[CardChanges]:
    for file in files(path):
        changes = _decoded(file)
        if changes is None or changes.card != _digest(card):
            continue
        if all(len(getattr(changes, name)) in (0, latents) for name in FIGURES):
            yield changes


def _decoded(file: Path) -> CardChanges | None:
    with contextlib.suppress(OSError, msgspec.DecodeError, RecursionError, UnicodeError):
        return msgspec.json.decode(file.read_bytes(), type=CardChanges)
    return None


def _digest(card: str) -> str:
    return hashlib.sha256(card.encode()).hexdigest()
