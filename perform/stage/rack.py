"""The rack: the eight decks, the inserts, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from perform.core.arena import Arena
from perform.core.arena_layout import INSERTS
from perform.core.errors import WrongUse
from perform.core.params import DECKS, Table
from perform.stage.deck import Deck
from perform.stage.host_pool import HostPool
from perform.stage.insert_slot import InsertSlot
from perform.stage.model_place import ModelPlace


@dataclass(frozen=True, slots=True)
class Rack:
    """The decks by their numbers, the shared memory and the host processes.

    log     : writes a line to the log
    inserts : 0 is the master's, N deck N's
    """

    arena: Arena
    hosts: HostPool
    log: Callable[[str], None]
    decks: Mapping[int, Deck]
    inserts: Mapping[int, InsertSlot]

    @classmethod
    def empty(cls, arena: Arena, hosts: HostPool, log: Callable[[str], None]) -> Rack:
        """A rack whose decks have no models."""
        decks = {n: Deck(n, arena, hosts, log) for n in range(1, DECKS + 1)}
        inserts = {n: InsertSlot(n, arena, hosts, log) for n in range(INSERTS)}
        return cls(arena, hosts, log, decks, inserts)

    @property
    def table(self) -> Table:
        """The present values of all parameters."""
        return self.arena.table

    @property
    def places(self) -> list[ModelPlace]:
        """All decks and inserts."""
        return [*self.decks.values(), *self.inserts.values()]

    @property
    def settled(self) -> bool:
        """No deck and no insert loads a model."""
        return all(place.settled for place in self.places)

    @property
    def models_in_use(self) -> set[Path]:
        """The models that decks and inserts play, load or prepare."""
        return {model for place in self.places for model in place.wanted}

    def deck(self, number: int) -> Deck:
        """A deck by its number; WrongUse where there is none."""
        if number not in self.decks:
            raise WrongUse(f"there is no deck {number}", hint=f"decks are 1 to {DECKS}")
        return self.decks[number]

    def insert(self, number: int) -> InsertSlot:
        """An insert: 0 is the master's, N deck N's; WrongUse where there is none."""
        if number not in self.inserts:
            raise WrongUse(f"there is no insert {number}", hint=f"1 to {DECKS} for a deck, 0 for the master")
        return self.inserts[number]
