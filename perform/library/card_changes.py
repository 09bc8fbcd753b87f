"""What was measured or edited after a model was made: a file beside the model that changes its card. [disk]

Songs, takes and matrices know a model by the SHA-256 of its file, so that file stays as it is. The changes
are `NAME.card.json`, beside the model or, for a bundled one, in the folder `bundled` of the player's library.
Bundled models and those of earlier versions also have `NAME.latents.json`, which holds figures in this form.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from perform.core.errors import PerformError, WrongUse
from perform.core.files import write_atomically
from perform.library import places

SUFFIX, OLDER = ".card.json", ".latents.json"
TEXTS = ("name", "author", "source", "attribution", "description", "tags")
CREDITS = ("author", "source", "attribution")  #: texts about who made a model
FIGURES = (  # one value a latent
    *("latent_mean", "latent_std", "latent_p05", "latent_p95", "latent_p01", "latent_p99"),
    *("latent_effect", "latent_home", "latent_words"),
)

LONGEST = dict.fromkeys(TEXTS, 1000) | {"attribution": 10_000, "description": 10_000, "tags": 100}
"""Characters of a text, or of one tag. An attribution may quote a name, an author, a page and a licence."""

Text = Annotated[str, Meta(max_length=1000)]
LongText = Annotated[str, Meta(max_length=10_000)]


class CardChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Fields of a card that are replaced; None or none: they are as in the model's file.

    card          : SHA-256 of the card's text: another model under the same name has another card
    trim_earlier  : dB of the trim before a bundled model was calibrated; songs of that time keep it
    measured_with : the sounds or latents that the last calibration played, for the player
    cloud         : (frames, latents) of those sounds, sigma, for the screen's cloud of dots
    """

    card: str
    name: Text | None = None
    author: Text | None = None
    source: Text | None = None
    attribution: LongText | None = None
    description: LongText | None = None
    tags: list[Annotated[str, Meta(max_length=100)]] | None = None
    loudness_lufs: Annotated[float, Meta(ge=-1000, le=1000)] | None = None
    trim_earlier: Annotated[float, Meta(ge=-1000, le=1000)] | None = None
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
    Damaged changes, those of another card, and figures that are not one a latent are left out.
    """
    found: dict[str, object] = {}
    for file in files(path):
        changes = _decoded(file)
        if changes is None or changes.card != _digest(card):
            continue
        if changes.loudness_lufs is not None:
            found.pop("trim_earlier", None)  # the player's own calibration counts in every song
        for name in CardChanges.__struct_fields__[1:]:
            value = getattr(changes, name)
            if name in FIGURES and len(value) != latents:
                continue
            if value is not None and (name in TEXTS or value not in ([], "")):
                found[name] = value
    return found


def check(fields: Mapping[str, object], where: str) -> None:
    """Raise WrongUse if the file could not be read again with these values.

    fields : of `CardChanges`;  where : the model, for the error
    """
    for name, value in fields.items():
        texts = value if isinstance(value, list) else [value]
        limit = LONGEST.get(name, 0)
        if limit and any(isinstance(text, str) and len(text) > limit for text in texts):
            what = "one of its tags" if name == "tags" else f"its {name}"
            raise WrongUse(f"{what} is too long", where=where, hint=f"use at most {limit} characters")
        try:
            kept = msgspec.json.encode(CardChanges("", **{name: value}))  # type: ignore[arg-type]
            msgspec.json.decode(kept, type=CardChanges)
        except (msgspec.ValidationError, UnicodeError, OverflowError) as error:  # NaN is written as null
            words = name.replace("_", " ")
            hint = "nothing was changed"
            raise WrongUse(f"its card cannot keep this {words} ({error})", where=where, hint=hint) from None


def write(path: Path, card: str, **fields: object) -> Path:
    """[disk] Replace fields in the changes of a model's card; return their file.

    card : the card's text
    WrongUse: a value that cannot be kept; nothing is written.  OSError: the disk refuses
    """
    check(fields, path.stem)
    out = changes_path(path)
    known = _decoded(out)
    changes = known if known and known.card == _digest(card) else CardChanges(_digest(card))
    changes = msgspec.structs.replace(changes, **fields)
    write_atomically(out, msgspec.json.format(msgspec.json.encode(changes), indent=2) + b"\n")
    return out


def _decoded(file: Path) -> CardChanges | None:
    with contextlib.suppress(OSError, msgspec.DecodeError, RecursionError, UnicodeError):
        return msgspec.json.decode(file.read_bytes(), type=CardChanges)
    return None


def _digest(card: str) -> str:
    return hashlib.sha256(card.encode()).hexdigest()
