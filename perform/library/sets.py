"""Sets and songs: models on decks, how every number begins, scenes, loops. TOML <-> frozen values."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from tomlkit.exceptions import TOMLKitError

from perform.core import params
from perform.core.errors import PerformError, WrongUse
from perform.core.params import DECKS, MODULE_DEFAULT, SCENES, Table
from perform.library import hashes, places, toml_files
from perform.library.cards import find_model

BY_HAND = "input/open"  #: what no song, scene or loop does


class ModelName(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model as a song names it: found by its hash, called by its name.

    sha256 : of its file; "": whatever has the name
    source : where to get it, for whoever has it not
    """

    name: str
    sha256: str = ""
    source: str = ""


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Some of the numbers, to come back to.

    glide : how long the way there takes, seconds, or beats of the tempo where `beats` is true
    """

    name: str = ""
    values: dict[str, float | str] = {}
    glide: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0
    beats: bool = False


class LoopGesture(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a hand did with one number, to be played round and round.

    seconds : its length; points : [second, value] in order of time
    """

    address: str
    seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)]
    points: Annotated[list[tuple[float, float]], msgspec.Meta(min_length=1)]


class Song(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Models on decks, the numbers they begin with, and what a player keeps with a song.

    decks  : deck number, as text, -> model: its name, a path, or a `ModelName`
    files  : deck -> sound file of its source "file": a path, or its name in the player's own `sounds`
    matrices : deck -> `.matrix` file that leads from another deck's latents to its own, likewise
    values : address -> value in plain units, or the name of a choice ("loop", "A"); of an attribute one of
             its words, or "own"
    words  : address of an attribute that is text, or several values -> what its numbers 0, 1, 2... mean
    switch : how it follows the song before. tail: it is there at once, what played fades; crossfade; cut
    fade   : seconds of that
    scenes : scene number, as text, -> scene; exclude: addresses that scenes leave alone
    """

    name: str
    notes: str = ""
    mapping: str = ""
    tempo: Annotated[float, msgspec.Meta(ge=20, le=300)] | None = None
    switch: Literal["tail", "crossfade", "cut"] = "tail"
    fade: Annotated[float, msgspec.Meta(ge=0, le=60)] = 2.0
    decks: dict[str, str | ModelName] = {}
    files: dict[str, str] = {}
    matrices: dict[str, str] = {}
    values: dict[str, float | str] = {}
    words: dict[str, list[str]] = {}
    scenes: dict[str, Scene] = {}
    exclude: list[str] = []
    loops: list[LoopGesture] = []

    @property
    def models(self) -> dict[int, ModelName]:
        """Deck -> model."""
        return {
            int(deck): ModelName(model) if isinstance(model, str) else model
            for deck, model in self.decks.items()
        }

    def words_of(self, deck: int) -> dict[str, list[str]]:
        """The words of a deck's attributes, by their numbers."""
        own = f"deck/{deck}/attribute/"
        return {a.removeprefix(own): words for a, words in self.words.items() if a.startswith(own)}


class Set(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An ordered list of songs, and the controller mapping they are played with.

    mapping : name or path; "" for the one made for the controller that is connected, else `generic`
    margin  : how early its hosts render; "" for as it was
    """

    name: str
    mapping: str = ""
    margin: Literal["", "tight", "normal", "safe"] = ""
    songs: list[Song] = []


def load_set(name: str) -> Set:
    """A set by path, or by the name of a bundled one or one of the player's; WrongUse where it is wrong."""
    return read_set(find_set(name))


def read_set(path: Path) -> Set:
    """The set in a file; WrongUse where it is wrong."""
    loaded = toml_files.read(path, Set)
    if not loaded.songs:
        raise WrongUse("a set without songs", where=str(path), hint="add a [[songs]] with a name and decks")
    for song in loaded.songs:
        try:
            check(song)
        except WrongUse as error:
            raise WrongUse(error.what, where=f"{path}: song {song.name!r}", hint=error.hint) from error
    return loaded


def save_set(made: Set, path: Path, *, like: Path | None = None) -> None:
    """[disk] Write a set, atomically; comments and order of the file at `path` stay, else those of `like`.

    A file that is there and is no TOML any more is left alone: WrongUse. PerformError where it cannot be
    written, or would be too large to be read again.
    """
    values = msgspec.to_builtins(made)
    there = path.exists()
    try:
        text = (path if there else like or path).read_bytes().decode()
        text = toml_files.rewritten(text, values, long="points")
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        if there:
            hint = "mend it, or save under another name"
            raise WrongUse(f"no longer a set: {error}", where=str(path), hint=hint) from error
        text = toml_files.rewritten("", values, long="points")
    toml_files.write(path, text)


def available() -> dict[str, Path]:
    """[disk] Every set by name; the player's own hide bundled ones."""
    folders = (places.bundled("presets") / "sets", places.user("sets"))
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def find_set(name: str) -> Path:
    """The file of a set."""
    if places.is_path(name):
        if path := places.existing(name):
            return path
        raise WrongUse("no such set", where=name[:200], hint="name a .toml file, or `demo`")
    there = available()
    if name not in there:
        near = difflib.get_close_matches(name, there, n=3)
        hint = (
            f"did you mean {', '.join(near)}?" if near else f"there are the sets {', '.join(sorted(there))}"
        )
        raise WrongUse(f"no command or set is called {name[:80]!r}", hint=hint)
    return there[name]


def model_file(model: ModelName) -> Path:
    """[disk] The file of a model a song names, by hash, else by name; WrongUse says where to get it."""
    named, refusal = None, None
    try:
        named = find_model(model.name)
    except PerformError as error:
        refusal = error
    if model.sha256 and not (named and hashes.known(named) == model.sha256):
        named = hashes.find(model.sha256) or named  # where another has the name, the song says so
    if refusal and not named:
        hint = f"get it from {model.source}" if model.source else refusal.hint
        raise WrongUse(f"the model {model.name!r} is not here", hint=hint) from refusal
    assert named
    return named


def material(name: str) -> Path:
    """[disk] A sound or a matrix that a song names; WrongUse where it is not here."""
    own = places.user("sounds")
    if path := places.existing(name) or places.existing(str(own / name)):
        return path
    raise WrongUse("no such file", where=name[:200], hint=f"name it by its path, or put it into {own}")


def material_name(path: Path) -> str:
    """What a song calls it."""
    own = places.user("sounds").resolve()
    return str(path.relative_to(own)) if path.is_relative_to(own) else str(path)


def check(song: Song) -> None:
    """WrongUse where a song names a deck, an address, a scene or a choice that does not exist."""
    for deck in (*song.decks, *song.files, *song.matrices):
        if deck not in {str(d) for d in range(1, DECKS + 1)}:
            raise WrongUse(f"there is no deck {deck!r}", hint=f"decks are 1 to {DECKS}")
    for number in song.scenes:
        if number not in {str(n) for n in range(1, SCENES + 1)}:
            raise WrongUse(f"there is no scene {number!r}", hint=f"scenes are 1 to {SCENES}")
    for address in (*song.exclude, *(loop.address for loop in song.loops)):
        params.slot(address)
    for loop in song.loops:
        if loop.address == BY_HAND:
            raise WrongUse(f"{BY_HAND} is opened by a hand alone", hint="take the loop out of the song")
    for address, words in song.words.items():
        params.slot(address)
        if "/attribute/" not in address or not words or "own" in words:
            hint = "one word at least, and none is `own`"
            raise WrongUse(f"{address} cannot have the words {words}", hint=hint)
    for values in (song.values, *(scene.values for scene in song.scenes.values())):
        numbers(values, song.words)
    for loop in song.loops:
        times = [at for at, _ in loop.points]
        if times != sorted(times) or not 0 <= times[0] <= times[-1] <= loop.seconds:
            hint = f"[second, value], from 0 to {loop.seconds:g} s"
            raise WrongUse(f"the points of the loop of {loop.address} are not in order", hint=hint)


def numbers(values: dict[str, float | str], words: dict[str, list[str]]) -> dict[int, float]:
    """Addresses and values as slots and numbers; WrongUse where there is no such address or choice.

    words : those of the song, for its attributes
    """
    return {
        params.slot(address): _number(address, value, words.get(address, ()))
        for address, value in values.items()
    }


def with_word(song: Song, address: str, word: str) -> Song:
    """The song with one more word for an attribute; WrongUse where that can be none."""
    if not word.strip() or not word.isprintable() or len(word) > 1000:
        raise WrongUse(f"{word[:80]!r} is no word for {address}", hint="one line of text")
    made = msgspec.structs.replace(song, words=song.words | {address: [*song.words.get(address, []), word]})
    check(made)
    return made


def words(slot: int, value: float) -> float | str:
    """A number as a song writes it: the name of a choice, `own`, else the number itself, to a millionth."""
    spec = params.SPEC_AT[slot]
    if value <= MODULE_DEFAULT:
        return "own"
    return spec.choices[int(value)] if spec.choices else round(float(value), 6)


def apply(song: Song, table: Table) -> None:
    """[control] Put a song's numbers into a table; what it does not name is left as it is."""
    for slot, value in numbers(song.values, song.words).items():
        table[slot] = value
    if song.tempo is not None:
        table[params.slot("tempo")] = song.tempo


def _number(address: str, value: float | str, words: Sequence[str]) -> float:
    spec = params.SPEC_AT[params.slot(address)]
    if address == BY_HAND:
        raise WrongUse(f"{address} is opened by a hand alone", hint="take it out of the song")
    if spec.action:
        raise WrongUse(f"{address} is something to do, no number", hint="take it out of the song")
    if isinstance(value, str):
        if value == "own" and spec.low == MODULE_DEFAULT:
            return MODULE_DEFAULT
        if value in words:
            return float(words.index(value))
        if value not in spec.choices:
            hint = f"it is a number in {spec.unit}"
            if spec.choices:
                hint = f"it is one of {', '.join(spec.choices)}"
            elif spec.low == MODULE_DEFAULT:
                hint = "it is a number, `own`, or one of the words that the song has for it"
            raise WrongUse(f"{address} cannot be {value!r}", hint=hint)
        return float(spec.choices.index(value))
    if spec.clamp(value) != value:
        raise WrongUse(
            f"{address} cannot be {value}", hint=f"it lies in {spec.low:g}..{spec.high:g} {spec.unit}"
        )
    return value
