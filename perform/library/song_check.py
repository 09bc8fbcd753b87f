"""Checks of a song: its decks, addresses, scenes, choices and loops exist and are valid."""

from __future__ import annotations

import math

import msgspec

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import DECKS, SCENES
from perform.library.song import MASTER, LoopGesture, Song
from perform.library.song_examples import check_examples
from perform.library.song_modulation import check_modulation
from perform.library.toml_values import OWN, PLAYER_ONLY, slot_values

_MAX_TEXT = 1000  # characters of a text of an attribute


def check_song(song: Song) -> None:
    """Raise WrongUse if a song names a deck, an address, a scene or a choice that does not exist."""
    for deck in (*song.decks, *song.files, *song.matrices):
        if deck not in {str(d) for d in range(1, DECKS + 1)}:
            raise WrongUse(f"there is no deck {deck!r}", hint=f"decks are 1 to {DECKS}")
    for place in song.inserts:
        if place not in {MASTER, *(str(d) for d in range(1, DECKS + 1))}:
            raise WrongUse(f"there is no insert {place!r}", hint=f"inserts are 1 to {DECKS} and {MASTER}")
    for number in song.scenes:
        if number not in {str(n) for n in range(1, SCENES + 1)}:
            raise WrongUse(f"there is no scene {number!r}", hint=f"scenes are 1 to {SCENES}")
    for address in song.exclude:
        params.slot(address)
    for address, texts in song.texts.items():
        params.slot(address)
        if "/attribute/" not in address or not texts or OWN in texts:
            hint = f"only an attribute has words, at least one, and none of them is `{OWN}`"
            raise WrongUse(f"{address} cannot have the words {texts}", hint=hint)
        for text in texts:
            _check_text(address, text)
    for values in (song.values, *(scene.values for scene in song.scenes.values())):
        slot_values(values, song.texts)
    check_modulation(song.modulation)
    check_examples(song.examples)
    for loop in song.loops:
        _check_loop(loop)


def _check_loop(loop: LoopGesture) -> None:
    if not params.can_loop(loop.address):
        only = "only the player opens" if loop.address == PLAYER_ONLY else "a loop may not move"
        raise WrongUse(f"{only} {loop.address}", hint="remove the loop from the song")
    if not all(math.isfinite(value) for _, value in loop.points):
        raise WrongUse(f"the loop of {loop.address} has NaN or infinite values", hint="write numbers")
    times = [at for at, _ in loop.points]
    if times != sorted(times) or not 0 <= times[0] <= times[-1] <= loop.seconds:
        hint = f"write them as [second, value], from 0 to {loop.seconds:g} s"
        raise WrongUse(f"the points of the loop of {loop.address} are not in order", hint=hint)


def _check_text(address: str, text: str) -> None:
    if not text.strip() or not text.isprintable() or len(text) > _MAX_TEXT:
        raise WrongUse(f"{text[:80]!r} cannot be a word of {address}", hint="give one line of text")


def add_text(song: Song, address: str, text: str) -> Song:
    """Return the song with one more text for an attribute. WrongUse: it cannot have this text."""
    texts = song.texts | {address: [*song.texts.get(address, []), text]}
    changed = msgspec.structs.replace(song, texts=texts)
    check_song(changed)
    return changed
