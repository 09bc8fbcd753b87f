"""The card of a model: facts about it, in the header of its file. Reads no weights; no torch. [disk]"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from perform.core.errors import PerformError, WrongUse
from perform.core.loudness import LOUDNESS_DB, LOUDNESS_LUFS, LOWEST_DB
from perform.core.paths import to_text
from perform.library import card_changes

FORMAT = "perform-rave-1"  #: the weights of a RAVE
EXPORT = "torchscript"  #: an export of another program (`.ts`) that is not converted yet
MODULE_FORMAT = "perform-module-1"  #: a third-party nn~ module, see `perform.foreign.module_file`
FULL_RANGE = 4.0  #: sigma, on either side; the range of a latent's knob if the card does not know it
TRIM_LIMIT_DB = 18.0  #: largest trim, up or down, of a model whose loudness is known as RMS only
CALIBRATED_LIMIT_DB = 30.0  #: largest trim of a model whose loudness in LUFS is known
MOST_WARM_UP = 32  #: frames
KNOB_MARGIN = 0.1  #: of the distance from 1 to 99 %, by which a latent's knob goes beyond them
_MEASURED = ("latent_p01", "latent_p99", "latent_effect", "latent_words", "latent_home")  # may be missing
_OF_LATENTS = ("latent_mean", "latent_std", "latent_p05", "latent_p95", *_MEASURED, "labels")
_HEADER_LIMIT = 1 << 24  # bytes; a header has a few kB


class Card(msgspec.Struct, frozen=True):
    """Facts about a model. The statistics of each latent are over its corpus or a calibration, in sigma."""

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
    author: str = ""
    source: str = ""  #: where the model comes from: an address or a text
    attribution: str = ""  #: the credit that its licence asks for
    tags: list[str] = []  #: words to find it by
    prior: str = ""  #: quality of its prior, if it was trained by perform
    delay_known: bool = True  #: False: no impulse came out of the model, and `delay` is 0
    loudness_known: bool = True  #: False: the model was silent, and `loudness_db` is LOUDNESS_DB
    #: number of frames after a reset in which the decoder chirps: they are decoded and not heard
    warm_up: Annotated[int, Meta(ge=0, le=MOST_WARM_UP)] = 0
    loudness_lufs: float | None = None  #: of the same sound, integrated, as a deck plays it; None: unknown
    trim_earlier: float | None = None  #: dB of its trim in earlier versions; None: as now
    #: samples of `delay` to the middle of the latents' frame; None: unknown
    delay_encode: Annotated[int, Meta(ge=-(1 << 23), le=1 << 23)] | None = None
    latent_p01: list[float] = []  #: none: not measured
    latent_p99: list[float] = []
    #: the latents of bias 0 on a deck whose `home` is on, see `perform.rave.latent_home`; none: zeros
    latent_home: list[float] = []
    latent_effect: list[float] = []  #: dB that each latent moves the sound, see `perform.core.latent_moves`
    latent_words: list[Annotated[str, Meta(max_length=40)]] = []  #: how it changes as the latent rises
    #: what the voice can do on sound that it has not learnt, and where it falls short, a line each
    checks: list[Annotated[str, Meta(max_length=400)]] = []
    #: names of the latents, such as `pitch`; none: they have no known meaning
    labels: list[Annotated[str, Meta(max_length=40)]] = []

    @property
    def pitch(self) -> int | None:
        """Number of the latent that is the pitch in octaves; None: the model has one voice only."""
        return self.labels.index("pitch") if "pitch" in self.labels else None

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
    card, changes = _card_and_changes(path)
    known = {name: value for name, value in changes.items() if name in Card.__struct_fields__}
    return msgspec.structs.replace(card, **known)


def _card_and_changes(path: Path) -> tuple[Card, dict[str, object]]:
    metadata = _metadata(path)
    if metadata.get("format") == EXPORT:
        one = [0.0]
        return Card(to_text(path.stem)[:80], 48000, 2048, 1, 1, 0, one, [1.0], one, one, LOUDNESS_DB), {}
    hint = "train, import or copy it again"
    try:
        text = str(metadata.get("card"))
        card = msgspec.json.decode(text, type=Card)
        changes = card_changes.read(path, text, card.latents)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WrongUse(f"its card is damaged ({error})", where=str(path), hint=hint) from error
    for name in _OF_LATENTS:
        count = len(getattr(card, name))
        if count != card.latents and (count or name not in (*_MEASURED, "labels")):
            what = f"its card is damaged ({name} does not have {card.latents} values)"
            raise WrongUse(what, where=str(path), hint=hint)
    return card, changes


def change_card(path: Path, fields: Mapping[str, object]) -> Path:
    """[disk] Replace fields of a model's card in a file beside it; return that file.

    fields : of `perform.library.card_changes.CardChanges`. The model's file stays as it is.
    WrongUse: it has no card, or the file could not keep a value. PerformError: the disk refuses.
    """
    metadata = _metadata(path)
    if "card" not in metadata:
        hint = "`perform models import` makes a model of it"
        raise WrongUse("an export has no card yet", where=str(path), hint=hint)
    try:
        return card_changes.write(path, metadata["card"], **fields)
    except OSError as error:
        raise PerformError(f"its card cannot be changed ({error.strerror})", where=str(path)) from error


def changed_fields(path: Path) -> dict[str, object]:
    """[disk] Return the fields of a model's card that differ from those in its file, for a copy of the model.

    Without `trim_earlier`: no song of an earlier version has the copy.
    """
    _, changes = _card_and_changes(path)
    return {key: changes[key] for key in Card.__struct_fields__ if key in changes and key != "trim_earlier"}


def read_cloud(path: Path) -> list[list[float]]:
    """[disk] Return latents of the sounds that a model was calibrated with, (frames, latents), or []."""
    found = _card_and_changes(path)[1].get("cloud", [])
    return found if isinstance(found, list) else []


def measured_with(path: Path) -> str:
    """[disk] Return the sounds or latents that the last calibration of a model played; "" for none."""
    return str(_card_and_changes(path)[1].get("measured_with", ""))


def is_module(path: Path) -> bool:
    """Return whether a model is a third-party module, which runs in a sandbox. WrongUse: no model."""
    return bool(_metadata(path)["format"] == MODULE_FORMAT)


class ModuleMethods(msgspec.Struct, frozen=True):
    """The methods of a third-party module, as its import found them.

    method  : the one that its model file plays
    methods : all of them
    """

    method: str = ""
    methods: tuple[str, ...] = ()


def module_methods(path: Path) -> ModuleMethods:
    """Return the methods of a third-party module; no methods for a RAVE. WrongUse: no model. [disk]"""
    try:
        return msgspec.json.decode(_metadata(path).get("options", "{}"), type=ModuleMethods)
    except (msgspec.DecodeError, RecursionError):
        return ModuleMethods()


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


def credit(card: Card) -> str:
    """Return the credit that a model's licence asks for wherever it is used; "" if it asks for none."""
    if card.attribution or not card.licence.upper().replace("-", " ").startswith("CC BY"):  # or CC-BY-...
        return card.attribution
    by = f" by {card.author}" if card.author else ""
    page = f" ({card.source})" if card.source else ""
    return f"{card.name}{by}{page}, {card.licence}"


def knob_ranges(card: Card, *, home: bool) -> list[tuple[float, float]]:
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


def trim_db(card: Card, *, calibrated: bool = True) -> float:
    """Return the gain that brings a model to the common loudness, dB; 0 if its loudness is not known.

    calibrated : False: the gain that songs of earlier versions have
    """
    if card.trim_earlier is not None and not calibrated:
        return card.trim_earlier
    if card.loudness_lufs is not None:
        wanted, limit = LOUDNESS_LUFS - card.loudness_lufs, CALIBRATED_LIMIT_DB
    elif card.loudness_known and card.loudness_db >= LOWEST_DB:  # earlier versions wrote softer ones
        wanted, limit = LOUDNESS_DB - card.loudness_db, TRIM_LIMIT_DB
    else:
        return 0.0
    return min(max(wanted, -limit), limit)
