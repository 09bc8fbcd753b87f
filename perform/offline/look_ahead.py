"""Which decks of a set can be rendered ahead of the mixer, many frames per call, with the same samples."""

from __future__ import annotations

import numpy as np

from perform.core import params
from perform.core.arena import Arena
from perform.core.modulation import RowArray
from perform.core.modulators import MODULATORS
from perform.core.params import SLOTS, SOURCES
from perform.library.song import Song

KNOWN_SOURCES = ("hand", "loop", "walk", "file")  #: their latents depend on the table alone
#: parameters `deck/N/...` that a row may modulate meanwhile; others change the frames' length, or the model
KNOWN_TARGETS = ("wet", "speed", "freeze", "gain", "pan", "file/dry", "file/wet")


def decks_ahead(song: Song, arena: Arena) -> set[int]:
    """Return the decks whose next frames depend on nothing that happens before they sound.

    None while loops move parameters, or if a deck follows another one. No set opens the live input.
    """
    sources = {deck: SOURCES[int(arena.table[SLOTS[f"deck/{deck}/source"]])] for deck in song.models}
    if song.loops or "deck" in sources.values():
        return set()
    return {
        deck for deck, name in sources.items() if name in KNOWN_SOURCES and _rows_known(arena.rows[0], deck)
    }


def _rows_known(packed: RowArray, deck: int) -> bool:
    """Return whether all rows of a deck are functions of the frame, and move only its latents."""
    rows = packed[1 : 1 + int(packed[0, 0]), :2].astype(np.intp).tolist()
    known = {SLOTS[f"deck/{deck}/{name}"] for name in KNOWN_TARGETS} | _latent_slots(deck)
    own = params.slots(deck)
    return all(
        slot in known and not MODULATORS[source].startswith(("follow", "hold"))
        for source, slot in rows
        if own.start <= slot < own.stop
    )


def _latent_slots(deck: int) -> set[int]:
    return {slot for address, slot in SLOTS.items() if address.startswith(f"deck/{deck}/z/")}
