"""The card of a model: facts about it, in the header of its file. Reads no weights; no torch. [disk]"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from perform.core.errors import WrongUse
from perform.core.files import write_atomically
from perform.core.loudness import LOUDNESS_DB, LOWEST_DB
from perform.core.paths import to_text

FORMAT = "perform-rave-1"  #: the weights of a RAVE
EXPORT = "torchscript"  #: an export of another program (`.ts`) that is not converted yet
MODULE_FORMAT = "perform-module-1"  #: a third-party nn~ module, see `perform.foreign.module_file`
FULL_RANGE = 4.0  #: sigma, on either side; the range of a latent's knob if the card does not know it
TRIM_LIMIT_DB = 18.0  #: largest trim, up or down
KNOB_MARGIN = 0.1  #: a latent's knob goes beyond its 1 and 99 % by this part of their distance
_MEASURED = ("latent_p01", "latent_p99", "latent_effect", "latent_home")  # may be missing
_OF_LATENTS = ("latent_mean", "latent_std", "latent_p05", "latent_p95", *_MEASURED, "labels")
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
    loudness_db: Annotated[float, Meta(ge=-1000, le=1000)]  #: RMS of its decoded gesture, dBFS
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
    loudness_known: bool = True  #: False: the model was silent, and `loudness_db` is LOUDNESS_DB
    #: samples of `delay` to the middle of the latents' frame; None: unknown
    delay_encode: Annotated[int, Meta(ge=-(1 << 23), le=1 << 23)] | None = None
    latent_p01: list[float] = []  #: none: not measured
    latent_p99: list[float] = []
    #: where bias 0 is on a deck whose `home` is on, see `perform.rave.latent_home`; none: at 0
    latent_home: list[float] = []
    latent_effect: list[float] = []  #: dB that each latent moves the sound, see `perform.rave.latent_effect`
    #: names of the latents, such as `pitch`; none: they have no known meaning
    labels: list[Annotated[str, Meta(max_length=40)]] = []

    @property
    def encoder_s(self) -> float:
        """Seconds from a sound to the middle of its frame of latents; half of the delay if unknown."""
        samples = self.delay / 2 if self.delay_encode is None else self.delay_encode
        return samples / self.sample_rate

    @property
    def decoder_s(self) -> float:
        """Seconds from the middle of a frame of latents to its sound; negative if the sound comes before."""
        return self.delay / self.sample_rate - self.encoder_s


class LatentFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Figures of a model's latents in a file beside it, as the card names them.

    card : SHA-256 of the card's text: another model under the same name has other figures
    """

    card: str
    latent_p01: list[float] = []
    latent_p99: list[float] = []
    latent_effect: list[float] = []
    latent_home: list[float] = []


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
        card = _with_figures(card, path, str(metadata.get("card")))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WrongUse(f"its card is damaged ({error})", where=str(path), hint=hint) from error
    for name in _OF_LATENTS:
        count = len(getattr(card, name))
        if count != card.latents and (count or name not in (*_MEASURED, "labels")):
            what = f"its card is damaged ({name} does not have {card.latents} values)"
            raise WrongUse(what, where=str(path), hint=hint)
    return card


def write_figures(path: Path, figures: Mapping[str, list[float]]) -> Path:
    """[disk] Write figures of a model's latents beside its file, for `read_card`; return their file.

    figures : latent_p01, latent_p99, latent_effect and latent_home, or some of them
    The model file stays as it is, because songs, takes and matrices know it by its SHA-256.
    """
    made = LatentFigures(card=_digest(str(_metadata(path).get("card"))), **figures)
    beside = figures_path(path)
    write_atomically(beside, msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    return beside


def figures_path(path: Path) -> Path:
    """Return the file beside a model with figures that were measured later."""
    return path.with_suffix(".latents.json")


def _with_figures(card: Card, path: Path, text: str) -> Card:
    """The card with the figures beside its file, if they are of this very card."""
    try:
        figures = msgspec.json.decode(figures_path(path).read_bytes(), type=LatentFigures)
    except (OSError, msgspec.DecodeError, RecursionError):  # none, or damaged: the knobs have the full range
        return card
    values = {name: getattr(figures, name) for name in _MEASURED}
    if figures.card != _digest(text) or any(len(one) not in (0, card.latents) for one in values.values()):
        return card
    return msgspec.structs.replace(card, **{name: one for name, one in values.items() if one})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


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


def home_latents(card: Card, *, home: bool) -> list[float]:
    """Return the latents of bias 0 on a deck: the card's home, or zeros."""
    return list(card.latent_home) if home and card.latent_home else [0.0] * card.latents


def corpus_range(card: Card, *, home: bool) -> tuple[list[float], list[float]]:
    """Return the 5 % and 95 % of each latent in the corpus, as biases of a deck."""
    centres = home_latents(card, home=home)
    low, high = (
        [value - centre for value, centre in zip(ends, centres, strict=True)]
        for ends in (card.latent_p05, card.latent_p95)
    )
    return low, high


def knob_ranges(card: Card, *, home: bool = False) -> list[tuple[float, float]]:
    """Return the range of each latent's knob, sigma: its 1 to 99 %, with 0, and a bit more; [] if unknown.

    home : bias 0 is at the card's home
    """
    ranges = []
    centres = home_latents(card, home=home)
    for p01, p99, centre in zip(card.latent_p01, card.latent_p99, centres, strict=False):
        low, high = min(p01 - centre, 0.0), max(p99 - centre, 0.0)
        margin = KNOB_MARGIN * (high - low)
        ranges.append((low - margin, high + margin) if margin > 0 else (-FULL_RANGE, FULL_RANGE))
    return ranges


def trim_db(card: Card) -> float:
    """Return the gain that brings a model to the common loudness, dB; 0 if its loudness is not known."""
    if not card.loudness_known or card.loudness_db < LOWEST_DB:  # the latter in files of earlier versions
        return 0.0
    return min(max(LOUDNESS_DB - card.loudness_db, -TRIM_LIMIT_DB), TRIM_LIMIT_DB)
