"""The card of a model: facts about it, in the header of its file. Reads no weights; no torch. [disk]"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from perform.core.errors import WrongUse
from perform.core.paths import to_text

FORMAT = "perform-rave-1"  #: the weights of a RAVE
EXPORT = "torchscript"  #: an export of another program (`.ts`) that is not converted yet
MODULE_FORMAT = "perform-module-1"  #: a third-party nn~ module, see `perform.foreign.module_file`
LOUDNESS_DB = -23.0  #: RMS to which every model is trimmed, dBFS
TRIM_LIMIT_DB = 18.0  #: largest trim, up or down
_HEADER_LIMIT = 1 << 24  # bytes; a header has a few kB


class Card(msgspec.Struct, frozen=True):
    """Facts about a model. The statistics of each latent are over the corpus, in sigma."""

    name: Annotated[str, Meta(max_length=1000)]
    sample_rate: Annotated[int, Meta(ge=1000, le=768_000)]
    ratio: Annotated[int, Meta(ge=1, le=1 << 16)]  #: samples a frame
    latents: Annotated[int, Meta(ge=1, le=1024)]
    full_latents: Annotated[int, Meta(ge=1, le=1024)]
    delay: Annotated[int, Meta(ge=0, le=1 << 23)]  #: samples from encoder input to decoder output
    latent_mean: list[float]
    latent_std: list[float]
    latent_p05: list[float]
    latent_p95: list[float]
    loudness_db: float  #: RMS of its decoded gesture, dBFS
    description: Annotated[str, Meta(max_length=10_000)] = ""
    licence: str = ""
    channels: Annotated[int, Meta(ge=1, le=1024)] = 1
    corpus: str = ""
    recipe: str = ""
    steps: int = 0
    distance: float = 0.0
    distance_untrained: float = 0.0
    created: str = ""
    parameters: int = 0
    prior: str = ""  #: quality of its prior, if it was trained by perform
    delay_known: bool = True  #: False: no impulse came out of the model, and `delay` is 0
    #: samples of `delay` to the middle of the latents' frame; None: unknown
    delay_encode: Annotated[int, Meta(ge=-(1 << 23), le=1 << 23)] | None = None

    @property
    def encoder_s(self) -> float:
        """Seconds from a sound to the middle of its frame of latents; half of the delay if unknown."""
        samples = self.delay / 2 if self.delay_encode is None else self.delay_encode
        return samples / self.sample_rate

    @property
    def decoder_s(self) -> float:
        """Seconds from the middle of a frame of latents to its sound; negative if the sound comes before."""
        return self.delay / self.sample_rate - self.encoder_s


def read_card(path: Path) -> Card:
    """Read the card in a model's header. WrongUse: the file is not a model of perform.

    An export (a zip) has no card until a host has converted it; it gets an empty one.
    """
    metadata = _metadata(path)
    if metadata.get("format") == EXPORT:
        one = [0.0]
        return Card(to_text(path.stem)[:80], 48000, 2048, 1, 1, 0, one, [1.0], one, one, LOUDNESS_DB)
    hint = "train, import or copy it again"
    try:
        card = msgspec.json.decode(str(metadata.get("card")), type=Card)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WrongUse(f"its card is damaged ({error})", where=str(path), hint=hint) from error
    for name in ("latent_mean", "latent_std", "latent_p05", "latent_p95"):
        if len(getattr(card, name)) != card.latents:
            what = f"its card is damaged ({name} does not have {card.latents} values)"
            raise WrongUse(what, where=str(path), hint=hint)
    return card


def is_module(path: Path) -> bool:
    """Return whether a model is a third-party module, run in a sandbox. WrongUse: it is no model."""
    return bool(_metadata(path)["format"] == MODULE_FORMAT)


def _metadata(path: Path) -> dict[str, str]:
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
    """Return the gain that brings a model to the common loudness, dB."""
    return min(max(LOUDNESS_DB - card.loudness_db, -TRIM_LIMIT_DB), TRIM_LIMIT_DB)
