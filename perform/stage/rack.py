"""The rack: the eight decks, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from perform.core.arena import Arena
from perform.core.errors import WrongUse
from perform.core.params import DECKS, Table
from perform.stage.deck import Deck
from perform.stage.host_pool import HostPool


@dataclass(frozen=True, slots=True)
class Rack:
    """The decks by their numbers, the shared memory and the host processes. log: writes a line to the log."""

    arena: Arena
    hosts: HostPool
    log: Callable[[str], None]
    decks: Mapping[int, Deck]

    @classmethod
    def empty(cls, arena: Arena, hosts: HostPool, log: Callable[[str], None]) -> Rack:
        """A rack whose decks have no models."""
        return cls(arena, hosts, log, {n: Deck(n, arena, hosts, log) for n in range(1, DECKS + 1)})

    @property
    def table(self) -> Table:
        """The present values of all parameters."""
        return self.arena.table

    @property
    def settled(self) -> bool:
        """No deck loads a model."""
        return all(deck.settled for deck in self.decks.values())

    @property
    def models_in_use(self) -> set[Path]:
        """The models that decks play, load or prepare."""
        return {model for deck in self.decks.values() for model in deck.wanted}

    def deck(self, number: int) -> Deck:
        """A deck by its number; WrongUse where there is none."""
        if number not in self.decks:
            raise WrongUse(f"there is no deck {number}", hint=f"decks are 1 to {DECKS}")
        return self.decks[number]
