"""Catalogues: models that can be fetched, with author, licence, page, size and address.

A catalogue is a JSON file that anybody can host (docs/models.md). One is bundled: presets/catalogue.json.
config.toml names others, `models.catalogues`, by address or path; in a folder it is the
file catalogue.json. [disk], [network]
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from perform.core.errors import PerformError, WrongUse
from perform.core.paths import expanded
from perform.library import download, places

FORMAT = "perform-catalogue-1"
FILE = "catalogue.json"  #: name of the catalogue in a folder
LIMIT = 1 << 23  #: bytes of a catalogue

Text = Annotated[str, Meta(max_length=1000)]


class CatalogueModel(msgspec.Struct, frozen=True):
    """A model of a catalogue.

    name   : unique in its catalogue; letters, digits, `_`, `-`, `.`
    url    : of its file: an export (.ts) or a perform model (.safetensors)
    size   : bytes of the file, roughly; 0: unknown
    sha256 : of the file; "": not published
    """

    name: Annotated[str, Meta(pattern=r"^[\w.+-]{1,100}$")]
    url: Annotated[str, Meta(pattern=r"^https?://\S+$", max_length=1000)]
    licence: Text
    author: Text = ""
    page: Text = ""  #: where the model is described
    about: Text = ""
    sample_rate: Annotated[int, Meta(ge=0, le=768_000)] = 0
    latents: Annotated[int, Meta(ge=0, le=1024)] = 0
    size: Annotated[int, Meta(ge=0, le=1 << 36)] = 0
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""

    @property
    def text(self) -> str:
        """One line about the model."""
        by = f"by {self.author}" if self.author else ""
        return "; ".join(part for part in (self.about, by, self.page) if part)

    @property
    def attribution(self) -> str:
        """What to say about the model where it is used, for its card."""
        by = f" by {self.author}" if self.author else ""
        return f"{self.name}{by} ({self.page or self.url}), {self.licence}"

    @property
    def local_copy(self) -> Path:
        """Where its file is downloaded to, before it is imported."""
        path = self.url.partition("#")[0].partition("?")[0]
        suffix = ".safetensors" if path.endswith(".safetensors") else ".ts"
        return places.cache() / "downloads" / f"{download.file_name(self.url)}{suffix}"

    def card_options(self) -> dict[str, str]:
        """Return the texts for its card: the options of `perform models import`."""
        texts = {
            "description": self.about,
            "licence": self.licence,
            "author": self.author,
            "source": self.page or self.url,
            "attribution": self.attribution,
        }
        return {name: text for name, text in texts.items() if text}


class Catalogue(msgspec.Struct, frozen=True):
    """A list of models."""

    format: str
    models: list[CatalogueModel]
    name: Text = ""


def bundled() -> Path:
    """Return the path of the bundled catalogue."""
    return places.bundled("presets") / FILE


def read(data: bytes, where: str) -> Catalogue:
    """Read a catalogue. WrongUse: names the fault and `where` it is."""
    try:
        found = msgspec.json.decode(data, type=Catalogue)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        hint = "`perform docs models` describes the format"
        raise WrongUse(f"not a catalogue: {error}", where=where, hint=hint) from error
    if found.format != FORMAT:
        raise WrongUse(f"not a catalogue: its format is not {FORMAT!r}", where=where)
    return found


def known(addresses: Sequence[str], log: Callable[[str], None]) -> dict[str, CatalogueModel]:
    """[disk], [network] Return all models of the bundled catalogue and of others by name; the first wins.

    addresses : of other catalogues or their folders (an address that ends with `/`), or their paths. One that
    cannot be read is logged and left out; where its address cannot be reached, the last copy is used
    """
    found: dict[str, CatalogueModel] = {}
    for address in (str(bundled()), *addresses):
        try:
            models = read(_contents(address, log), address).models
        except PerformError as error:
            log(f"{error}")
            continue
        for model in models:
            found.setdefault(model.name, model)
    return found


def find(name: str, models: dict[str, CatalogueModel]) -> CatalogueModel:
    """Return a model by name. WrongUse: there is none; it lists similar names."""
    if name not in models:
        near = difflib.get_close_matches(name, models, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "see `perform models search`"
        raise WrongUse(f"no catalogue has a model {name[:80]!r}", hint=hint)
    return models[name]


def _contents(address: str, log: Callable[[str], None]) -> bytes:
    if not address.startswith(("http://", "https://")):
        try:
            path = expanded(address)
            return (path / FILE if path.is_dir() else path).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a null byte
            raise WrongUse(f"cannot be read ({getattr(error, 'strerror', error)})", where=address) from error
    address += FILE if address.endswith("/") else ""
    copy = places.cache() / "catalogues" / f"{download.file_name(address)}.json"
    try:
        download.fetch(address, copy, limit=LIMIT)
    except (download.Unreachable, download.WrongContent) as error:
        if not copy.exists():
            raise
        log(f"{error}: the copy of the last time is used")
    except OSError as error:
        raise PerformError(f"it cannot be kept ({error.strerror})", where=str(copy)) from error
    return copy.read_bytes()
