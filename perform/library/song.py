"""A song: models on decks, their files and parameters, scenes, loops. A set is a list of songs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from perform.core.params import insert_head

MASTER = "master"  #: the place of the master's insert in `Song.inserts`

Tempo = Annotated[float, msgspec.Meta(ge=20, le=300)]  #: beats a minute


class ModelName(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The model of a deck, as a song names it.

    sha256 : of its file, which may then have any name; "": find the file by name
    source : where to get the model
    """

    name: str
    sha256: str = ""
    source: str = ""


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Some parameters with their values, recalled together.

    glide : time to reach the values, in seconds; in beats of the tempo if `beats` is true
    """

    name: str = ""
    values: dict[str, float | str] = {}
    glide: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0
    beats: bool = False


class LoopGesture(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A recorded gesture of one parameter, which repeats.

    seconds : its length
    beats   : its length in beats, so that it follows the tempo; None: it lasts `seconds` in any tempo
    points  : [second, value] in order of time
    """

    address: str
    seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)]
    points: Annotated[list[tuple[float, float]], msgspec.Meta(min_length=1)]
    beats: Annotated[float, msgspec.Meta(gt=0, le=4096)] | None = None


class ModulationRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A modulator that moves a parameter.

    source    : name of the modulator: `lfo 1`, `follow deck/2`
    to        : address of the parameter
    low, high : what it adds at the modulator's value 0 and 1, in the parameter's unit
    mode      : how it combines with the parameter's value
    """

    source: str
    to: str
    low: float
    high: float
    mode: Literal["add"] = "add"


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A sound that the player likes: latents of a deck at a position of the macros.

    macros  : (MACROS,) position of each macro, 0..1
    latents : (latents,) biases of the deck, sigma
    """

    deck: int
    macros: list[float]
    latents: list[float]


class Song(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One song of a set. Decks and scenes are numbered in text: "1".

    decks    : deck -> model: its name, a path, or a `ModelName`
    inserts  : deck, or "master" -> effect module behind it, likewise
    files    : deck -> sound file of its source "file": a path, a name in the player's folder `sounds`,
               or a bundled voice's sample, such as "kit.ogg"
    matrices : deck -> `.matrix` file from another deck's latents to its own, likewise
    values   : address -> value in plain units, or the name of a choice ("loop", "A"); for an attribute of a
               module also one of its texts, or "own" for the module default
    texts    : address of an attribute that takes texts -> the texts of its values 0, 1, 2...
    length   : seconds that it is expected to last; 0: not said
    switch   : how it replaces the song before: tail, crossfade or cut (`docs/songs.md`)
    fade     : seconds of the switch
    scenes   : scene -> scene
    exclude  : addresses that scenes do not change
    modulation : rows, at most one for each modulator and parameter
    examples   : the macros move each deck's latents through its examples
    """

    name: str
    notes: str = ""
    length: Annotated[float, msgspec.Meta(ge=0, le=36000)] = 0.0
    mapping: str = ""
    tempo: Tempo | None = None
    switch: Literal["tail", "crossfade", "cut"] = "tail"
    fade: Annotated[float, msgspec.Meta(ge=0, le=60)] = 2.0
    decks: dict[str, str | ModelName] = {}
    inserts: dict[str, str | ModelName] = {}
    files: dict[str, str] = {}
    matrices: dict[str, str] = {}
    values: dict[str, float | str] = {}
    texts: dict[str, list[str]] = msgspec.field(name="words", default_factory=dict)
    scenes: dict[str, Scene] = {}
    exclude: list[str] = []
    loops: list[LoopGesture] = []
    modulation: list[ModulationRow] = []
    examples: list[Example] = []

    @property
    def models(self) -> dict[int, ModelName]:
        """Deck -> model."""
        return {int(deck): _named(model) for deck, model in self.decks.items()}

    @property
    def modules(self) -> dict[int, ModelName]:
        """Insert -> effect module; 0 is the master's insert, N deck N's."""
        return {0 if place == MASTER else int(place): _named(one) for place, one in self.inserts.items()}

    def deck_texts(self, deck: int) -> dict[str, list[str]]:
        """Return the texts of a deck's attributes: number of the attribute -> texts."""
        return self._texts(f"deck/{deck}")

    def insert_texts(self, insert: int) -> dict[str, list[str]]:
        """Return the texts of an insert's attributes, likewise; 0 is the master's."""
        return self._texts(insert_head(insert))

    def _texts(self, head: str) -> dict[str, list[str]]:
        prefix = f"{head}/attribute/"
        return {a.removeprefix(prefix): texts for a, texts in self.texts.items() if a.startswith(prefix)}


def insert_place(insert: int) -> str:
    """Return an insert as a song names it: its deck, or "master" for 0."""
    return str(insert) if insert else MASTER


def _named(model: str | ModelName) -> ModelName:
    return ModelName(model) if isinstance(model, str) else model
