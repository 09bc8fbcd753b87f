"""The values that a song begins with: which of them change at once, which glide, and which stay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.params import ADDRESSES, DECKS, SLOTS, SPEC_AT, Table
from perform.library.song import Song
from perform.library.toml_values import apply_song

_DEFAULTS = params.defaults()
_ACTIONS: npt.NDArray[np.bool_] = np.array([spec.action for spec in SPEC_AT])
_NOT_STORED: npt.NDArray[np.bool_] = _ACTIONS | np.array(
    [params.never_stored(address) for address in ADDRESSES]
)


def opening_values(song: Song, table: Table, tempo: float | None = None) -> Table:
    """The table that a song begins with: its values, the rest as now.

    Decks, inserts and modulators begin with their defaults.

    tempo : of a song that names none; None: the present one
    """
    opening = table.copy()
    for deck in range(1, DECKS + 1):
        own = np.r_[params.slots(deck)]
        own = own[~_NOT_STORED[own]]
        opening[own] = _DEFAULTS[own]
    master = np.r_[params.slots_of_insert(0)]
    master = master[~_NOT_STORED[master]]
    opening[master] = _DEFAULTS[master]
    modulators = params.modulator_slots()
    opening[modulators] = _DEFAULTS[modulators]
    if tempo is not None:
        opening[SLOTS["tempo"]] = tempo
    apply_song(song, opening)
    return opening


def gliding_slots(decks: Sequence[int], inserts: Sequence[int]) -> list[int]:
    """The slots that glide to a song's values: continuous ones of what plays on.

    decks, inserts : those that keep their model
    """
    own = [i for deck in decks for i in range(*params.slots(deck).indices(len(SPEC_AT)))]
    own = [i for i in own if "/insert/" not in ADDRESSES[i]]
    own += [i for insert in inserts for i in range(*params.slots_of_insert(insert).indices(len(SPEC_AT)))]
    return [i for i in own if not (SPEC_AT[i].choices or _ACTIONS[i] or ADDRESSES[i].endswith("/seed"))]


def changing_slots(decks: Sequence[int], inserts: Sequence[int]) -> npt.NDArray[np.bool_]:
    """A mask of the slots that take a song's values at once.

    A deck that keeps its model keeps its seed too: another seed would start its voice over.
    """
    changing = ~_NOT_STORED
    changing[gliding_slots(decks, inserts)] = False
    for deck in decks:
        changing[SLOTS[f"deck/{deck}/seed"]] = False
    return changing
