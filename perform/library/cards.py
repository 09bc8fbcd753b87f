"""Model files as the player sees them: names, cards, hashes. Reads headers, never weights; no torch."""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from perform.core.errors import WrongUse
from perform.library import places

FORMAT = "perform-rave-1"  #: a RAVE's weights
EXPORT = "torchscript"  #: a file as `rave export` and others leave it, not yet a model of ours
MODULE_FORMAT = "perform-module-1"  #: a third-party nn~ module, see `perform.foreign.module_file`
LOUDNESS_DB = -23.0  #: every model is trimmed to this RMS, dBFS
TRIM_LIMIT_DB = 18.0  #: but by no more than this, either way
_HEADER_LIMIT = 1 << 24  # a header is a few kB; anything near this is no model of ours


class Card(msgspec.Struct, frozen=True):
    """What a model says of itself. Latent statistics are over its corpus, in sigma, one a latent."""

    name: str
    sample_rate: Annotated[int, Meta(ge=1000, le=768_000)]
    ratio: Annotated[int, Meta(ge=1, le=1 << 16)]  #: samples a frame
    latents: Annotated[int, Meta(ge=1, le=1024)]
    full_latents: Annotated[int, Meta(ge=1, le=1024)]
    delay: Annotated[int, Meta(ge=0)]  #: samples from encoder input to decoder output
    latent_mean: list[float]
    latent_std: list[float]
    latent_p05: list[float]
    latent_p95: list[float]
    loudness_db: float  #: RMS of its decoded gesture, dBFS
    description: str = ""
    licence: str = ""
    channels: int = 1
    corpus: str = ""
    recipe: str = ""
    steps: int = 0
    distance: float = 0.0
    distance_untrained: float = 0.0
    created: str = ""
    parameters: int = 0
    prior: str = ""  #: how good its prior is, where it was trained here
    delay_known: bool = True  #: else no impulse came out of it, and `delay` is 0
    delay_encode: int | None = None  #: samples of `delay` up to the middle of the latents' frame, where known

    @property
    def encoder_s(self) -> float:
        """Seconds from a sound to the middle of its frame of latents; half of the delay, if nobody knows."""
        samples = self.delay / 2 if self.delay_encode is None else self.delay_encode
        return samples / self.sample_rate

    @property
    def decoder_s(self) -> float:
        """Seconds from there to what becomes of it, the rest; less than none where it is there before."""
        return self.delay / self.sample_rate - self.encoder_s


def read_card(path: Path) -> Card:
    """The card in a model's header; WrongUse where the file is none of ours.

    An export (a zip) has no card before a host has made a model of it: till then it gets an empty one.
    """
    metadata = _metadata(path)
    if metadata.get("format") == EXPORT:
        one = [0.0]
        return Card(path.stem[:80], 48000, 2048, 1, 1, 0, one, [1.0], one, one, LOUDNESS_DB)
    broken = "train, import or fetch it again"
    try:
        card = msgspec.json.decode(str(metadata.get("card")), type=Card)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WrongUse(f"its card is broken ({error})", where=str(path), hint=broken) from error
    for name in ("latent_mean", "latent_std", "latent_p05", "latent_p95"):
        if len(getattr(card, name)) != card.latents:
            what = f"its card is broken ({name} has not {card.latents} values)"
            raise WrongUse(what, where=str(path), hint=broken)
    return card


def is_module(path: Path) -> bool:
    """Return whether a model is a third-party module, run in a sandbox. WrongUse: it is no model."""
    return bool(_metadata(path)["format"] == MODULE_FORMAT)


def _metadata(path: Path) -> dict[str, str]:
    """What a model's header says besides its tensors."""
    hint = "a model is made by `perform train` or `perform models import`; see `perform models list`"
    try:
        with path.open("rb") as file:
            head = file.read(8)
            if head.startswith(b"PK\x03\x04"):
                return {"format": EXPORT}
            size = int.from_bytes(head, "little")
            if not 2 <= size <= _HEADER_LIMIT:
                raise WrongUse("not a perform model", where=str(path), hint=hint)
            header = json.loads(file.read(size))
    except OSError as error:
        raise WrongUse(f"cannot be read ({error.strerror})", where=str(path), hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise WrongUse("not a perform model", where=str(path), hint=hint) from error
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") not in (FORMAT, MODULE_FORMAT):
        raise WrongUse("not a perform model", where=str(path), hint=hint)
    return metadata


def trim_db(card: Card) -> float:
    """Gain that brings a model to the common loudness, dB."""
    return min(max(LOUDNESS_DB - card.loudness_db, -TRIM_LIMIT_DB), TRIM_LIMIT_DB)


def models() -> dict[str, Path]:
    """Name -> file of every model in the player's library and among the bundled ones, by name."""
    found: dict[str, Path] = {}
    for folder in (places.bundled("models"), places.user("models")):  # the player's own win
        found |= {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
    return dict(sorted(found.items()))


def find_model(name: str) -> Path:
    """A model by path or by library name; WrongUse lists the nearest names."""
    if places.is_path(name):
        if path := places.existing(name):
            return path
        raise WrongUse(
            "no such model file", where=name[:200], hint="`perform models list` shows what there is"
        )
    known = models()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"there are: {', '.join(known) or 'none'}"
        raise WrongUse(f"no model is called {name[:80]!r}", hint=hint)
    return known[name]


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
